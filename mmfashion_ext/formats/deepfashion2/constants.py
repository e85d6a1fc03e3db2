# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2 constants: 13 categories, 294 landmarks, attribute codes.

Symbols used throughout the package:

- ``k``: landmark number inside its category, 1-based, as in the official
  figure. "Left" is left in the image.
- ``K = 294``: all landmarks of all categories, one after the other. The
  global 0-based index of landmark ``k`` is ``category.offset + k - 1``.
- ``v``: visibility; 2 visible, 1 occluded, 0 not labelled.

Reference: Ge et al., DeepFashion2, arXiv:1901.07973, section 3, and the
dataset's published annotation files.
"""

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...errors import UserError


@dataclass(frozen=True)
class Category:
    """One clothes category and the layout of its landmarks.

    Attributes:
        id (int): 1..13, the same in raw and COCO annotations.
        raw_name (str): ``category_name`` of the raw annotation files.
        name (str): Name in the official COCO conversion. Raw and COCO names
            differ; map by ``id``.
        prefix (str): Short name, the landmark prefix of mmpose's table.
        offset (int): Global 0-based index of landmark 1.
        sigmas (tuple[float]): Official OKS sigma of each landmark.
        flip_pairs (tuple[tuple[int, int]]): Landmarks (1-based, local) that
            change places in a mirrored image; the others map to themselves.
        skeleton (tuple[tuple[int, int]]): Lines to draw, 1-based, local.
    """

    id: int
    raw_name: str
    name: str
    prefix: str
    offset: int
    sigmas: tuple[float, ...]
    flip_pairs: tuple[tuple[int, int], ...]
    skeleton: tuple[tuple[int, int], ...]

    @property
    def num_landmarks(self) -> int:
        """Number of landmarks of this category."""
        return len(self.sigmas)

    @property
    def slice(self) -> slice:
        """The category's part of the landmarks (294, 2) of all categories."""
        return slice(self.offset, self.offset + self.num_landmarks)


def _links(text: str) -> tuple[tuple[int, int], ...]:
    """Parse ``'1-2-7 6-1'`` to ``((1, 2), (2, 7), (6, 1))``."""
    links: list[tuple[int, int]] = []
    for chain in text.split():
        numbers = [int(number) for number in chain.split('-')]
        links += itertools.pairwise(numbers)
    return tuple(links)


def _categories(*rows: dict) -> tuple[Category, ...]:
    """Number the categories' slices one after the other."""
    categories, offset = [], 0
    for row in rows:
        categories.append(Category(offset=offset, **row))
        offset += categories[-1].num_landmarks
    return tuple(categories)


def _category(
    id: int,
    raw_name: str,
    name: str,
    prefix: str,
    *,
    sigmas: str,
    flip_pairs: str,
    skeleton: str,
) -> dict:
    """Return one row of the table; sigmas are given in units of 1e-4."""
    return {
        'id': id,
        'raw_name': raw_name,
        'name': name,
        'prefix': prefix,
        'sigmas': tuple(int(sigma) / 1e4 for sigma in sigmas.split()),
        'flip_pairs': _links(flip_pairs),
        'skeleton': _links(skeleton),
    }


CATEGORIES: tuple[Category, ...] = _categories(
    _category(
        1,
        'short sleeve top',
        'short_sleeved_shirt',
        'sss',
        sigmas=(
            '120 158 169 165 169 158 298 329 321 323 340 388 452 574 492 352 '
            '492 574 452 388 340 323 321 329 298'
        ),
        flip_pairs=(
            '2-6 3-5 7-25 8-24 9-23 10-22 11-21 12-20 13-19 14-18 15-17'
        ),
        skeleton=(
            '1-2-7-8-9-10-11-12-13-14-15-16-17-18-19-20-21-22-23-24-25-6-1 '
            '2-3-4-5-6'
        ),
    ),
    _category(
        2,
        'long sleeve top',
        'long_sleeved_shirt',
        'lss',
        sigmas=(
            '194 170 185 193 185 170 286 471 547 526 430 392 513 566 509 564 '
            '542 604 599 520 599 604 542 564 509 566 513 392 430 526 547 471 '
            '286'
        ),
        flip_pairs=(
            '2-6 3-5 7-33 8-32 9-31 10-30 11-29 12-28 13-27 14-26 15-25 16-24 '
            '17-23 18-22 19-21'
        ),
        skeleton=(
            '1-2-7-8-9-10-11-12-13-14-15-16-17-18-19-20-21-22-23-24-25-26-27-'
            '28-29-30-31-32-33-6-5-4-3-2 6-1'
        ),
    ),
    _category(
        3,
        'short sleeve outwear',
        'short_sleeved_outwear',
        'sso',
        sigmas=(
            '74 85 165 248 165 85 156 231 296 137 195 250 347 380 257 370 257 '
            '380 347 250 195 137 296 231 156 248 469 632 370 469 632'
        ),
        flip_pairs=(
            '2-6 3-5 4-26 7-25 8-24 9-23 10-22 11-21 12-20 13-19 14-18 15-17 '
            '16-29 27-30 28-31'
        ),
        skeleton=(
            '1-2-7-8-9-10-11-12-13-14-15-16-31-30-4-3-2 '
            '1-6-25-24-23-22-21-20-19-18-17-29-28-27-26-5-6'
        ),
    ),
    _category(
        4,
        'long sleeve outwear',
        'long_sleeved_outwear',
        'lso',
        sigmas=(
            '137 153 243 377 243 153 203 366 467 433 393 329 418 477 399 331 '
            '420 492 436 478 436 492 420 331 399 477 418 329 393 433 467 366 '
            '203 377 645 573 478 645 573'
        ),
        flip_pairs=(
            '2-6 3-5 4-34 7-33 8-32 9-31 10-30 11-29 12-28 13-27 14-26 15-25 '
            '16-24 17-23 18-22 19-21 20-37 35-38 36-39'
        ),
        skeleton=(
            '1-2-7-8-9-10-11-12-13-14-15-16-17-18-19-20-39-38-4-3-2 '
            '1-6-33-32-31-30-29-28-27-26-25-24-23-22-21-37-36-35-34-5-6'
        ),
    ),
    _category(
        5,
        'vest',
        'vest',
        'vest',
        sigmas='352 158 210 214 210 158 196 500 489 404 401 404 489 500 196',
        flip_pairs='2-6 3-5 7-15 8-14 9-13 10-12',
        skeleton='1-2-7-8-9-10-11-12-13-14-15-6-1 2-3-4-5-6',
    ),
    _category(
        6,
        'sling',
        'sling',
        'sling',
        sigmas='276 548 283 204 283 548 369 726 677 640 251 640 677 726 369',
        flip_pairs='2-6 3-5 7-15 8-14 9-13 10-12',
        skeleton='1-2-8-9-10-11-12-13-14-6-15 2-7 2-3-4-5-6-1',
    ),
    _category(
        7,
        'shorts',
        'shorts',
        'shorts',
        sigmas='308 216 308 506 494 463 477 463 494 506',
        flip_pairs='1-3 4-10 5-9 6-8',
        skeleton='1-4-5-6-7-8-9-10-3-2-1',
    ),
    _category(
        8,
        'trousers',
        'trousers',
        'trousers',
        sigmas='275 202 275 651 451 350 280 392 362 392 280 350 451 651',
        flip_pairs='1-3 4-14 5-13 6-12 7-11 8-10',
        skeleton='1-4-5-6-7-8-9-10-11-12-13-14-3-2-1',
    ),
    _category(
        9,
        'skirt',
        'skirt',
        'skirt',
        sigmas='253 195 253 513 543 415 543 513',
        flip_pairs='1-3 4-8 5-7',
        skeleton='1-4-5-6-7-8-3-2-1',
    ),
    _category(
        10,
        'short sleeve dress',
        'short_sleeved_dress',
        'ssd',
        sigmas=(
            '153 230 167 145 167 230 332 391 391 396 440 452 498 514 585 655 '
            '635 602 635 655 585 514 498 452 440 396 391 391 332'
        ),
        flip_pairs=(
            '2-6 3-5 7-29 8-28 9-27 10-26 11-25 12-24 13-23 14-22 15-21 16-20 '
            '17-19'
        ),
        skeleton=(
            '1-2-7-8-9-10-11-12-13-14-15-16-17-18-19-20-21-22-23-24-25-26-27-'
            '28-29-6-5-4-3-2 6-1'
        ),
    ),
    _category(
        11,
        'long sleeve dress',
        'long_sleeved_dress',
        'lsd',
        sigmas=(
            '121 134 158 162 158 134 246 406 470 404 463 466 435 499 455 440 '
            '411 490 576 685 618 483 618 685 576 490 411 440 486 499 435 466 '
            '463 404 470 406 246'
        ),
        flip_pairs=(
            '2-6 3-5 7-37 8-36 9-35 10-34 11-33 12-32 13-31 14-30 15-29 16-28 '
            '17-27 18-26 19-25 20-24 21-23'
        ),
        skeleton=(
            '1-2-7-8-9-10-11-12-13-14-15-16-17-18-19-20-21-22-23-24-25-26-27-'
            '28-29-30-31-32-33-34-35-36-37-6-5-4-3-2 6-1'
        ),
    ),
    _category(
        12,
        'vest dress',
        'vest_dress',
        'vd',
        sigmas=(
            '116 167 160 180 160 167 196 385 421 497 562 528 428 528 562 497 '
            '421 385 196'
        ),
        flip_pairs='2-6 3-5 7-19 8-18 9-17 10-16 11-15 12-14',
        skeleton='1-2-7-8-9-10-11-12-13-14-15-16-17-18-19-6-5-4-3-2 6-1',
    ),
    _category(
        13,
        'sling dress',
        'sling_dress',
        'sd',
        sigmas=(
            '244 297 244 208 244 297 173 616 659 712 707 685 339 685 707 712 '
            '659 616 173'
        ),
        flip_pairs='2-6 3-5 7-19 8-18 9-17 10-16 11-15 12-14',
        skeleton='1-2-8-9-10-11-12-13-14-15-16-17-18-6-5-4-3-2-7 6-19 6-1',
    ),
)

#: Flip pairs of category 3 (short sleeve outwear) as numbered in the official
#: figure, which contradicts the official sigmas: the figure puts the collar's
#: corners at 4 and 6 and the tops of the front opening at 2 and 26, the
#: sigmas are symmetric under corners 2, 6 and openings 4, 26 (the scheme of
#: category 4, and the default here).
OUTWEAR_FLIP_PAIRS_FIGURE: tuple[tuple[int, int], ...] = _links(
    '2-26 3-5 4-6 7-25 8-24 9-23 10-22 11-21 12-20 13-19 14-18 15-17 16-29 '
    '27-30 28-31'
)

NUM_LANDMARKS: int = sum(c.num_landmarks for c in CATEGORIES)
#: OKS sigmas of the 294 landmarks.
SIGMAS: tuple[float, ...] = sum((c.sigmas for c in CATEGORIES), ())
#: Category names in the order of the labels 0..12 (category_id - 1).
CLASS_NAMES: tuple[str, ...] = tuple(c.name for c in CATEGORIES)
CATEGORY_BY_ID: dict[int, Category] = {c.id: c for c in CATEGORIES}

#: One colour per category, RGB 0-255, in the order of ``CLASS_NAMES``.
PALETTE: tuple[tuple[int, int, int], ...] = (
    (230, 57, 70),
    (29, 111, 220),
    (255, 159, 28),
    (0, 150, 136),
    (156, 39, 176),
    (240, 98, 146),
    (124, 179, 66),
    (63, 81, 181),
    (255, 202, 40),
    (0, 188, 212),
    (121, 85, 72),
    (76, 175, 80),
    (171, 71, 188),
)

#: The four attributes of an item and the names of their codes 1, 2, 3.
ATTRIBUTES: dict[str, dict[int, str]] = {
    'scale': {1: 'small', 2: 'moderate', 3: 'large'},
    'occlusion': {1: 'slight', 2: 'medium', 3: 'heavy'},
    'zoom_in': {1: 'no', 2: 'medium', 3: 'large'},
    'viewpoint': {1: 'no-wear', 2: 'frontal', 3: 'side-back'},
}

SOURCES: tuple[str, ...] = ('user', 'shop')


def flip_indices(
    outwear_flip_pairs: Literal['sigmas', 'figure'] = 'sigmas',
) -> np.ndarray:
    """Return the index that each landmark comes from in a mirrored image.

    Args:
        outwear_flip_pairs (str): Which of the two contradicting sources
            to follow for short sleeve outwear: ``'sigmas'`` or
            ``'figure'``, see ``OUTWEAR_FLIP_PAIRS_FIGURE``.

    Returns:
        np.ndarray: (294,) int64, a permutation that is its own inverse:
        ``flipped = landmarks[flip_indices()]`` after mirroring x of
        landmarks (294, 2).

    Raises:
        UserError: It is neither ``'sigmas'`` nor ``'figure'``.
    """
    if outwear_flip_pairs not in ('sigmas', 'figure'):
        raise UserError(
            "outwear_flip_pairs must be 'sigmas' or 'figure', got "
            f'{outwear_flip_pairs!r}'
        )
    indices = np.arange(NUM_LANDMARKS)
    for category in CATEGORIES:
        pairs = category.flip_pairs
        if category.id == 3 and outwear_flip_pairs == 'figure':
            pairs = OUTWEAR_FLIP_PAIRS_FIGURE
        for left, right in pairs:
            i, j = category.offset + left - 1, category.offset + right - 1
            indices[i], indices[j] = j, i
    return indices


def class_landmark_mask() -> np.ndarray:
    """Return which of the 294 landmarks belong to which category.

    Returns:
        np.ndarray: (13, 294) bool, row = label (category_id - 1).
    """
    mask = np.zeros((len(CATEGORIES), NUM_LANDMARKS), dtype=bool)
    for label, category in enumerate(CATEGORIES):
        mask[label, category.slice] = True
    return mask


def scale_code(item_area: float, image_area: float) -> int:
    """Return the scale code: box below 10 %, to 40 %, above 40 % of the image.

    It is 1, 2 or 3; both areas are in px^2.
    """
    ratio = item_area / image_area
    return 1 if ratio < 0.1 else 2 if ratio <= 0.4 else 3


def occlusion_code(occluded_share: float) -> int:
    """Return the occlusion code of a share (0-1) of occluded landmarks.

    It is 1 below 20 %, 2 to 50 %, else 3.
    """
    return 1 if occluded_share < 0.2 else 2 if occluded_share <= 0.5 else 3


def zoom_in_code(outside_share: float) -> int:
    """Return the zoom-in code of a share (0-1) of landmarks off the image.

    It is 1 at 0, 2 to 30 %, else 3.
    """
    return 1 if outside_share == 0 else 2 if outside_share <= 0.3 else 3
