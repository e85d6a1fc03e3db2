# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clothing Co-Parsing constants: 59 tags, groups, DeepFashion2 candidates.

The pixel labels are indices into :data:`TAGS`. Clothes are read in nine
:data:`GROUPS`, since the tags of one group (shirt-like tops, kinds of coats
...) are not told apart reliably. A group does not say which of DeepFashion2's
13 categories an item is, only which it can be: its candidates. To compare
models of both datasets there are six :data:`EVALUATION_GROUPS`, to which
groups and DeepFashion2's categories both map.

Reference: Yang, Luo, Lin, Clothing Co-Parsing by Joint Image Segmentation and
Labeling, CVPR 2014, and the published ``label_list.mat``.
"""

from dataclasses import dataclass
from typing import Literal

from ..deepfashion2.constants import CATEGORIES, CLASS_NAMES

_TAGS = (
    'null accessories bag belt blazer blouse bodysuit boots bra bracelet cape '
    'cardigan clogs coat dress earrings flats glasses gloves hair hat heels '
    'hoodie intimate jacket jeans jumper leggings loafers necklace panties '
    'pants pumps purse ring romper sandals scarf shirt shoes shorts skin '
    'skirt sneakers socks stockings suit sunglasses sweater sweatshirt '
    'swimwear t-shirt tie tights top vest wallet watch wedges'
)
#: Names of the pixel labels 0..58, in the published order.
TAGS: tuple[str, ...] = tuple(_TAGS.split())

#: The groups that both datasets share, in the order of their ids 1..6.
EVALUATION_GROUPS: tuple[str, ...] = (
    'upper',
    'outerwear',
    'dress',
    'skirt',
    'trousers',
    'shorts',
)

#: How the items of a converted file are named: by the nine groups, or by the
#: six that DeepFashion2 shares.
GroupSet = Literal['nine', 'six']


@dataclass(frozen=True)
class Group:
    """A group of tags whose pixels in an image are one item.

    Attributes:
        id (int): 1..9, its COCO category id.
        name (str): Its name.
        tags (tuple[str, ...]): Tags that belong to it, of :data:`TAGS`.
        candidates (tuple[int, ...]): Labels (0-based indices into
            DeepFashion2's ``CATEGORIES``) that an item of it can have.
        evaluation (str): Its group of :data:`EVALUATION_GROUPS`.
    """

    id: int
    name: str
    tags: tuple[str, ...]
    candidates: tuple[int, ...]
    evaluation: str


def _group(
    id: int, name: str, tags: str, candidates: str, evaluation: str
) -> Group:
    labels = tuple(CLASS_NAMES.index(c) for c in candidates.split())
    return Group(id, name, tuple(tags.split()), labels, evaluation)


_SHIRTS = 'short_sleeved_shirt long_sleeved_shirt'

GROUPS: tuple[Group, ...] = (
    _group(
        1,
        'outerwear',
        'coat jacket blazer suit cape',
        'short_sleeved_outwear long_sleeved_outwear',
        'outerwear',
    ),
    _group(2, 'trousers', 'pants jeans leggings', 'trousers', 'trousers'),
    _group(
        3,
        'top',
        't-shirt top blouse bodysuit',
        f'{_SHIRTS} vest sling',
        'upper',
    ),
    _group(
        4,
        'dress',
        'dress romper',
        'short_sleeved_dress long_sleeved_dress vest_dress sling_dress',
        'dress',
    ),
    _group(
        5,
        'sweater',
        'sweater sweatshirt jumper cardigan hoodie',
        _SHIRTS,
        'upper',
    ),
    _group(6, 'skirt', 'skirt', 'skirt', 'skirt'),
    _group(7, 'shirt', 'shirt', _SHIRTS, 'upper'),
    _group(8, 'vest', 'vest', 'vest', 'upper'),
    _group(9, 'shorts', 'shorts', 'shorts', 'shorts'),
)

#: Names of the nine groups, in the order of the labels 0..8 (id - 1).
GROUP_NAMES: tuple[str, ...] = tuple(group.name for group in GROUPS)
GROUP_BY_NAME: dict[str, Group] = {group.name: group for group in GROUPS}
#: Tag -> its group; tags of what is not one of the nine have none.
GROUP_BY_TAG: dict[str, Group] = {
    tag: group for group in GROUPS for tag in group.tags
}
#: Group -> DeepFashion2's labels 0..12 that it allows.
CANDIDATES: dict[str, tuple[int, ...]] = {
    group.name: group.candidates for group in GROUPS
}
#: Group -> evaluation group.
EVALUATION_BY_GROUP: dict[str, str] = {
    group.name: group.evaluation for group in GROUPS
}

_EVALUATION_BY_CATEGORY = {
    'short_sleeved_shirt': 'upper',
    'long_sleeved_shirt': 'upper',
    'short_sleeved_outwear': 'outerwear',
    'long_sleeved_outwear': 'outerwear',
    'vest': 'upper',
    'sling': 'upper',
    'shorts': 'shorts',
    'trousers': 'trousers',
    'skirt': 'skirt',
    'short_sleeved_dress': 'dress',
    'long_sleeved_dress': 'dress',
    'vest_dress': 'dress',
    'sling_dress': 'dress',
}
#: Evaluation group of each of DeepFashion2's labels 0..12.
EVALUATION_BY_LABEL: tuple[str, ...] = tuple(
    _EVALUATION_BY_CATEGORY[category.name] for category in CATEGORIES
)

#: One colour per group, RGB 0-255, in the order of ``GROUP_NAMES``.
PALETTE: tuple[tuple[int, int, int], ...] = (
    (0, 150, 136),
    (63, 81, 181),
    (230, 57, 70),
    (0, 188, 212),
    (29, 111, 220),
    (255, 202, 40),
    (171, 71, 188),
    (156, 39, 176),
    (124, 179, 66),
)

#: An item has more pixels than this in an image of :data:`AREA_WIDTH` px; the
#: bound grows with the square of the image's width.
MIN_AREA = 150
AREA_WIDTH = 320
