# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""VITON and VITON-HD: what labels, joints and parts mean; where files lie."""

from dataclasses import dataclass
from typing import Literal

LayoutName = Literal['viton', 'viton-hd', 'folder']
Split = Literal['train', 'test']
ParseLabels = Literal['viton', 'cihp']

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

#: Label of VITON-HD's ``image-parse-v3`` (those of CIHP, by id) -> the label
#: of VITON that stands for it. CIHP's torso skin, mostly the neck, is LIP's
#: jumpsuit.
CIHP_TO_VITON = (
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
    ('torso skin', 0),  # VITON has no label for the neck
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
#: Where those stand among OpenPose's 25 (BODY_25): no mid hip, no feet.
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
ARM_PARTS = frozenset(range(15, 23))

Kind = Literal[
    'person',
    'cloth',
    'cloth_mask',
    'parse',
    'pose',
    'densepose',
    'flow',
    'truth',
    'truth_flow',
]
#: Kind of file -> how its name goes on after the stem of the picture it
#: belongs to: the cloth's for ``cloth_mask``, else the person's.
_PICTURES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
ENDINGS: dict[Kind, tuple[str, ...]] = {
    'person': _PICTURES,
    'cloth': _PICTURES,
    'cloth_mask': _PICTURES,
    'parse': ('.png',),
    'pose': ('_keypoints.json',),
    'densepose': ('.npy', '.png'),
    'flow': ('.npz',),
    'truth': _PICTURES,
    'truth_flow': ('.npz',),
}


@dataclass(frozen=True)
class Layout:
    """Where the files of a split lie.

    Attributes:
        folders (dict[str, str]): Kind of file -> its folder. ``flow``, the
            true warp, is in synthetic data only, and so are ``truth`` and
            ``truth_flow``: the person in the garment of ``pairs``, and its
            warp. The published test set of VITON has no ``parse``, ``pose``
            and ``densepose`` either.
        base (str): The folder of these folders, below the root. The root
            itself may be it.
        pairs (str, optional): File of pairs, below the root or ``base``.
            That of VITON-HD's training set says nothing but what the names
            say.
        published (int, optional): Number of pairs.
        parse (str): Labels of the parse maps.
    """

    folders: dict[Kind, str]
    base: str = '.'
    pairs: str | None = None
    published: int | None = None
    parse: ParseLabels = 'viton'


def _folders(*names: str) -> dict[Kind, str]:
    return dict(zip(ENDINGS, names, strict=False))


_VITON_HD = _folders(
    'image',
    'cloth',
    'cloth-mask',
    'image-parse-v3',
    'openpose_json',
    'image-densepose',
    'flow',
)
_FOLDER = Layout(
    _folders(
        'persons',
        'clothes',
        'masks',
        'parses',
        'poses',
        'denseposes',
        'flows',
    ),
    pairs='pairs.txt',
)
LAYOUTS: dict[tuple[LayoutName, Split], Layout] = {
    ('viton', 'train'): Layout(
        _folders(
            'train_img',
            'train_color',
            'train_edge',
            'train_label',
            'train_pose',
            'train_densepose',
            'train_flow',
        ),
        base='VITON_traindata',
        published=14_221,
    ),
    ('viton', 'test'): Layout(
        _folders(
            'test_img',
            'test_clothes',
            'test_edge',
            'test_label',
            'test_pose',
            'test_densepose',
            'test_flow',
            'test_truth',
            'test_truth_flow',
        ),
        base='VITON_test',
        pairs='test_pairs.txt',
        published=2_032,
    ),
    ('viton-hd', 'train'): Layout(
        _VITON_HD,
        base='train',
        published=11_647,
        parse='cihp',
    ),
    ('viton-hd', 'test'): Layout(
        _VITON_HD,
        base='test',
        pairs='test_pairs.txt',
        published=2_032,
        parse='cihp',
    ),
    ('folder', 'train'): _FOLDER,
    ('folder', 'test'): _FOLDER,
}


def cloth_stem(layout: LayoutName, person: str) -> str:
    """Stem of the cloth that a person wears.

    Args:
        layout (str): ``'viton'``: ``000001_0`` wears ``000001_1``. Others:
            both have one name.
        person (str): Stem of the person's picture.
    """
    if layout == 'viton' and person.endswith('_0'):
        return f'{person[:-2]}_1'
    return person
