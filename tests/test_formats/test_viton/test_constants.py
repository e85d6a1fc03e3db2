# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The tables of VITON, checked for what they must mean."""

from mmfashion_ext.formats.viton.constants import (
    ARM_PARTS,
    ARMS,
    BODY_25_JOINTS,
    CIHP_TO_VITON,
    DENSEPOSE_PARTS,
    FACE,
    HAND_PARTS,
    JOINTS,
    NOISE,
    NUM_JOINTS,
    NUM_LABELS,
    NUM_PARTS,
    OTHER_CLOTHES,
    PARSE_LABELS,
    UPPER_CLOTHES,
)


def named(names, ids):
    return {names[i] for i in ids}


def test_groups_of_labels():
    assert NUM_LABELS == 14
    assert named(PARSE_LABELS, FACE) == {'hair', 'face'}
    assert named(PARSE_LABELS, ARMS) == {'left arm', 'right arm'}
    assert PARSE_LABELS[UPPER_CLOTHES] == 'upper clothes'
    assert PARSE_LABELS[NOISE] == 'noise'
    legs = {'left leg', 'right leg'}
    worn = {'left shoe', 'right shoe', 'pants'}
    assert named(PARSE_LABELS, OTHER_CLOTHES) == worn | legs


def test_labels_of_viton_hd():
    assert len(CIHP_TO_VITON) == 20
    for name, label in CIHP_TO_VITON:
        if name in PARSE_LABELS:
            assert PARSE_LABELS[label] == name
    meant = {PARSE_LABELS[label] for _, label in CIHP_TO_VITON}
    assert meant == set(PARSE_LABELS) - {'unused 2', 'unused 3'}


def test_parts_of_densepose():
    assert NUM_PARTS == 25
    hands = {'right hand', 'left hand'}
    assert named(DENSEPOSE_PARTS, HAND_PARTS) == hands
    arms = [p for p, n in enumerate(DENSEPOSE_PARTS) if n.endswith('arm')]
    assert arms == sorted(ARM_PARTS)
    heads = [p for p, n in enumerate(DENSEPOSE_PARTS) if n == 'head']
    assert heads == [23, 24]


def test_joints_of_25():
    assert NUM_JOINTS == len(set(JOINTS)) == len(BODY_25_JOINTS) == 18
    # BODY_25: 8 is the middle of the hips, 19 and above are feet
    assert set(range(19)) - set(BODY_25_JOINTS) == {8}
