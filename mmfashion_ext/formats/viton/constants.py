# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on datasets: parse labels, pose joints and DensePose parts by id."""

from typing import Literal

#: Sets of parse labels that are read.
ParseLabels = Literal['viton', 'lip', 'atr', 'cihp']

#: Parse labels of VITON, by id.
PARSE_LABELS = (
    'background',
    'hair',
    'unused 2',
    'unused 3',
    'upper clothes',
    'left shoe',
    'right shoe',
    'noise',
    'pants',
    'left leg',
    'right leg',
    'left arm',
    'face',
    'right arm',
)
NUM_LABELS = len(PARSE_LABELS)
UPPER_CLOTHES = 4
#: Read as upper clothes.
NOISE = 7
PANTS = 8
#: Hair and face.
FACE = frozenset({1, 12})
#: Shoes, pants and legs.
OTHER_CLOTHES = frozenset({5, 6, 8, 9, 10})
ARMS = frozenset({11, 13})
SHOES = frozenset({5, 6})
LEGS = frozenset({9, 10})

#: The 20 labels of LIP (Look Into Person), by id -> the label of VITON that
#: stands for it.
LIP_TO_VITON = (
    ('background', 0),
    ('hat', 1),  # stays as it is, like hair
    ('hair', 1),
    ('glove', 0),  # neither arm nor garment
    ('sunglasses', 12),
    ('upper clothes', 4),
    ('dress', 4),
    ('coat', 4),
    ('socks', 8),  # stay as they are, like pants
    ('pants', 8),
    ('jumpsuits', 4),
    ('scarf', 7),
    ('skirt', 8),
    ('face', 12),
    ('left arm', 11),
    ('right arm', 13),
    ('left leg', 9),
    ('right leg', 10),
    ('left shoe', 5),
    ('right shoe', 6),
)

#: The 20 labels of CIHP, which are those of VITON-HD's ``image-parse-v3``:
#: LIP's with torso skin, mostly the neck, in the place of jumpsuits.
CIHP_TO_VITON = tuple(
    ('torso skin', 0)  # VITON has no label for the neck
    if name == 'jumpsuits'
    else (name, label)
    for name, label in LIP_TO_VITON
)

#: The 18 labels of ATR, by id -> the label of VITON.
ATR_TO_VITON = (
    ('background', 0),
    ('hat', 1),
    ('hair', 1),
    ('sunglasses', 12),
    ('upper clothes', 4),
    ('skirt', 8),
    ('pants', 8),
    ('dress', 4),
    ('belt', 8),  # stays as it is, like pants
    ('left shoe', 5),
    ('right shoe', 6),
    ('face', 12),
    ('left leg', 9),
    ('right leg', 10),
    ('left arm', 11),
    ('right arm', 13),
    ('bag', 0),  # neither body nor garment
    ('scarf', 7),
)

#: Set of parse labels -> (name, VITON's label) by id.
PARSE_LABEL_SETS: dict[ParseLabels, tuple[tuple[str, int], ...]] = {
    'viton': tuple((name, n) for n, name in enumerate(PARSE_LABELS)),
    'lip': LIP_TO_VITON,
    'atr': ATR_TO_VITON,
    'cihp': CIHP_TO_VITON,
}

#: Joints of a pose file with 18 of them, in order (OpenPose's COCO model).
JOINTS = (
    'nose',
    'neck',
    'right shoulder',
    'right elbow',
    'right wrist',
    'left shoulder',
    'left elbow',
    'left wrist',
    'right hip',
    'right knee',
    'right ankle',
    'left hip',
    'left knee',
    'left ankle',
    'right eye',
    'left eye',
    'right ear',
    'left ear',
)
NUM_JOINTS = len(JOINTS)
#: Indices of those among OpenPose's 25 (BODY_25): no mid hip, no feet.
BODY_25_JOINTS = (*range(8), *range(9, 19))

#: Surface parts of DensePose, by id; most parts have two sides.
DENSEPOSE_PARTS = (
    'background',
    *('torso',) * 2,
    'right hand',
    'left hand',
    'left foot',
    'right foot',
    *('right upper leg', 'left upper leg') * 2,
    *('right lower leg', 'left lower leg') * 2,
    *('left upper arm', 'right upper arm') * 2,
    *('left lower arm', 'right lower arm') * 2,
    *('head',) * 2,
)
NUM_PARTS = len(DENSEPOSE_PARTS)
HAND_PARTS = frozenset({3, 4})
FOOT_PARTS = frozenset({5, 6})
LEG_PARTS = frozenset(range(7, 15))
ARM_PARTS = frozenset(range(15, 23))
HEAD_PARTS = frozenset({23, 24})
