# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Constants of DeepFashion's Fashion Landmark Detection (FLD).

Three types of clothes, 6, 4 or 8 landmarks each, one item an image.

Symbols: ``k`` is the number of a landmark inside its type, 1-based; "left" is
left in the image when the wearer faces the camera. ``state`` is what the raw
files say (0 visible, 1 occluded, 2 truncated: cut off by the image's edge,
without coordinates), ``v = 2 - state`` what COCO files say (2 visible,
1 occluded, 0 not labelled).

FLD has no official OKS sigmas. Ours are the means of DeepFashion2's over the
landmarks that stand for the same points, left and right, of these categories:

=========  ============================================  ==================
landmark   in DeepFashion2 (left; the right mirrors it)  categories
=========  ============================================  ==================
collar     2, the end of the neck line                   1-6, 10-13
sleeve     outer end of the cuff: 9 (short sleeves),     1-4, 10, 11
           11 (long sleeves)
           without sleeves the shoulder's tip: 7         5, 12
           with straps the armpit: 8                     6, 13
waistline  end of the waistband: 1                       7-9
           side of the waist: 14, 18, 9, 9               10, 11, 12, 13
hem        outer corner: 15, 19, 15, 19, 10, 10          1-6
           5, 6, 5 (of the left leg)                     7, 8, 9
           17, 21, 12, 12                                10, 11, 12, 13
=========  ============================================  ==================

Tops and outwear (1-6) are upper clothes, bottoms (7-9) lower clothes, dresses
(10-13) full clothes.

Reference: Liu et al., Fashion Landmark Detection in the Wild,
arXiv:1608.03049, and the dataset's annotation files.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ...errors import UserError
from ..deepfashion2.constants import CATEGORY_BY_ID

Subset = Literal['upper', 'lower', 'full']
FLDSplit = Literal['train', 'val', 'test']

SPLITS: tuple[FLDSplit, ...] = ('train', 'val', 'test')

#: ``variation_type`` of an image.
VARIATIONS: dict[int, str] = {
    1: 'normal pose',
    2: 'medium pose',
    3: 'large pose',
    4: 'medium zoom-in',
    5: 'large zoom-in',
}

#: Visibility of a landmark by its ``state`` in the raw files.
RAW_VISIBILITY: dict[int, str] = {0: 'visible', 1: 'occluded', 2: 'truncated'}

#: Visibility of a landmark by its ``v`` in COCO files: ``v = 2 - state``.
VISIBILITY: dict[int, str] = {
    2 - state: name for state, name in RAW_VISIBILITY.items()
}

#: Images of all splits together, as published.
PUBLISHED_IMAGES: int = 123_016

#: COCO files have one category, whatever the type of clothes.
CATEGORY_ID: int = 1
CATEGORY_NAME: str = 'fashion'


@dataclass(frozen=True)
class ClothesType:
    """A type of clothes and its landmarks.

    Attributes:
        id (int): ``clothes_type`` of the raw files.
        name (str): ``upper``, ``lower`` or ``full``.
        landmarks (tuple[str]): Names, left and right in turn.
        skeleton (tuple[tuple[int, int]]): Lines to draw, 1-based.
        deepfashion2 (dict[int, tuple[int]]): For each category (1..13) of
            this type in DeepFashion2 the landmarks (1-based) there that are
            ours, in our order.
        colour (tuple[int, int, int]): RGB 0-255.
    """

    id: int
    name: Subset
    landmarks: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    deepfashion2: dict[int, tuple[int, ...]] = field(compare=False)
    colour: tuple[int, int, int]

    @property
    def num_landmarks(self) -> int:
        """Number of landmarks of this type."""
        return len(self.landmarks)

    @property
    def flip_pairs(self) -> tuple[tuple[int, int], ...]:
        """Landmarks (1-based) that change places in a mirrored image."""
        return tuple((k, k + 1) for k in range(1, self.num_landmarks, 2))

    @property
    def sigmas(self) -> tuple[float, ...]:
        """OKS sigmas: means of DeepFashion2's, see the module."""
        rows = np.array(
            [
                [CATEGORY_BY_ID[category].sigmas[k - 1] for k in numbers]
                for category, numbers in self.deepfashion2.items()
            ]
        )
        pairs = rows.mean(0).reshape(-1, 2).mean(1)
        return tuple(pairs.repeat(2).round(4).tolist())


def _both(category: int, *left: int) -> tuple[int, ...]:
    """Return landmarks of the left half, each followed by its right one."""
    partner = dict(CATEGORY_BY_ID[category].flip_pairs)
    return tuple(k for a in left for k in (a, partner[a]))


def _of_both_sides(*names: str) -> tuple[str, ...]:
    return tuple(f'{side} {n}' for n in names for side in ('left', 'right'))


CLOTHES_TYPES: tuple[ClothesType, ...] = (
    ClothesType(
        1,
        'upper',
        _of_both_sides('collar', 'sleeve', 'hem'),
        ((1, 2), (1, 3), (2, 4), (1, 5), (2, 6), (5, 6)),
        {
            1: _both(1, 2, 9, 15),
            2: _both(2, 2, 11, 19),
            3: _both(3, 2, 9, 15),
            4: _both(4, 2, 11, 19),
            5: _both(5, 2, 7, 10),
            6: _both(6, 2, 8, 10),
        },
        (29, 111, 220),
    ),
    ClothesType(
        2,
        'lower',
        _of_both_sides('waistline', 'hem'),
        ((1, 2), (1, 3), (2, 4), (3, 4)),
        {7: _both(7, 1, 5), 8: _both(8, 1, 6), 9: _both(9, 1, 5)},
        (255, 159, 28),
    ),
    ClothesType(
        3,
        'full',
        _of_both_sides('collar', 'sleeve', 'waistline', 'hem'),
        (
            *((1, 2), (1, 3), (2, 4), (1, 5), (2, 6)),
            *((5, 6), (5, 7), (6, 8), (7, 8)),
        ),
        {
            10: _both(10, 2, 9, 14, 17),
            11: _both(11, 2, 11, 18, 21),
            12: _both(12, 2, 7, 9, 12),
            13: _both(13, 2, 8, 9, 12),
        },
        (156, 39, 176),
    ),
)

CLOTHES_TYPE_BY_ID: dict[int, ClothesType] = {c.id: c for c in CLOTHES_TYPES}
MAX_LANDMARKS: int = max(c.num_landmarks for c in CLOTHES_TYPES)


def clothes_type(subset: Subset) -> ClothesType:
    """Return the type of clothes of a name.

    Args:
        subset (str): ``upper``, ``lower`` or ``full``.

    Raises:
        UserError: It is another name.
    """
    for clothes in CLOTHES_TYPES:
        if clothes.name == subset:
            return clothes
    raise UserError(
        f"subset must be 'upper', 'lower' or 'full', got {subset!r}"
    )


def flip_indices(clothes: ClothesType) -> np.ndarray:
    """Return the index that each landmark comes from in a mirrored image.

    Returns:
        np.ndarray: (K,) int64, its own inverse:
        ``flipped = landmarks[flip_indices(clothes)]`` after mirroring x of
        landmarks (K, 2).
    """
    return np.arange(clothes.num_landmarks) ^ 1  # left and right in turn
