# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The tables of VITON, checked for what they must mean."""

import pytest

from mmfashion_ext.formats.viton.constants import (
    ARM_PARTS,
    ARMS,
    BODY_25_JOINTS,
    DENSEPOSE_PARTS,
    FACE,
    HAND_PARTS,
    JOINTS,
    NOISE,
    NUM_JOINTS,
    NUM_LABELS,
    NUM_PARTS,
    OTHER_CLOTHES,
    PARSE_LABEL_SETS,
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


@pytest.mark.fault(12)
@pytest.mark.parametrize(
    ('labels', 'count'), [('lip', 20), ('cihp', 20), ('atr', 18)]
)
def test_labels_of_other_sets(labels, count):
    """A label of VITON's name is VITON's label of that name."""
    table = PARSE_LABEL_SETS[labels]
    assert len(table) == len({name for name, _ in table}) == count
    assert table[0] == ('background', 0)
    for name, label in table:
        if name in PARSE_LABELS:
            assert PARSE_LABELS[label] == name
    meant = {PARSE_LABELS[label] for _, label in table}
    assert meant == set(PARSE_LABELS) - {'unused 2', 'unused 3'}


@pytest.mark.fault(12)
def test_order_of_labels_as_published():
    names = {k: [n for n, _ in t] for k, t in PARSE_LABEL_SETS.items()}
    assert names['viton'] == [*PARSE_LABELS]
    assert names['lip'][10] == 'jumpsuits'
    assert names['cihp'][10] == 'torso skin'
    for k in ('lip', 'cihp'):
        assert names[k][:3] == ['background', 'hat', 'hair']
        assert names[k][5:10] == [
            'upper clothes',
            'dress',
            'coat',
            'socks',
            'pants',
        ]
        assert names[k][11:14] == ['scarf', 'skirt', 'face']
        assert names[k][18:] == ['left shoe', 'right shoe']
    assert names['atr'][3:9] == [
        'sunglasses',
        'upper clothes',
        'skirt',
        'pants',
        'dress',
        'belt',
    ]
    assert names['atr'][9:12] == ['left shoe', 'right shoe', 'face']
    assert names['atr'][16:] == ['bag', 'scarf']
    skin = dict(PARSE_LABEL_SETS['cihp'])['torso skin']
    assert skin == 0, 'VITON has no label for the neck'
    assert dict(PARSE_LABEL_SETS['lip'])['jumpsuits'] == UPPER_CLOTHES


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
