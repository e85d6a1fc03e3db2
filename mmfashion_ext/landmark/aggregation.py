# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark aggregation: the 294 landmarks of 13 categories on 81 points.

A sling's third neck landmark and a vest's are the same kind of point; a
network that predicts one map for both learns it from the images of both. This
is the "aggregation" of Lin, Aggregation and Finetuning for Clothes Landmark
Detection (arXiv:2005.00419), first of the 2020 challenge. The grouping is the
one of its published (MIT licensed) release. Tests check that it is one to one
inside each category and that mirrored landmarks have mirrored points.

Numbers are landmark numbers ``k`` inside a category (1-based, as in the
official figure); "left" is left in the image:

==================== === =============================================
points                 n landmarks of the categories
==================== === =============================================
neck                   6 1-6 of all tops and dresses; outwear lacks the
                         fourth, the middle of a closed neck line
opening_top            2 outwear: where the front opening meets the collar
short_left             6 short sleeve, from the shoulder around the cuff
short_right            6 the same, from the armpit up
long_left             10 long sleeve
long_right            10
side_left              3 armpit down to the hem (of a dress: half way)
side_right             3
hem_middle             1 tops
opening                6 both edges of an outwear's front opening
shoulder               2 vest and vest dress
strap                  2 sling and sling dress
dress_hem              5 lower end of a dress
waist                  3 shorts, trousers, skirt
leg_hem                4 shorts, trousers
crotch                 1 shorts, trousers
leg_side               2 outer middle of shorts, hip of trousers
knee                   4 trousers
skirt                  5 sides and hem of a skirt
==================== === =============================================
"""

import itertools
from typing import Literal

import numpy as np

from ..errors import UserError
from ..formats.deepfashion2.constants import (
    CATEGORIES,
    CATEGORY_BY_ID,
    NUM_LANDMARKS,
    flip_indices,
)

Points = Literal['separate', 'aggregated']

#: Name of a group of points -> category ids -> landmark numbers of these
#: categories, one for each point of the group; 0: the categories lack it.
GROUPS: dict[str, dict[tuple[int, ...], str]] = {
    'neck': {(1, 2, 5, 6, 10, 11, 12, 13): '1-6', (3, 4): '1-3 0 5-6'},
    'opening_top': {(3,): '4 26', (4,): '4 34'},
    'short_left': {(1, 3, 10): '7-12'},
    'short_right': {(1, 3): '20-25', (10,): '24-29'},
    'long_left': {(2, 4, 11): '7-16'},
    'long_right': {(2, 4): '24-33', (11,): '28-37'},
    'side_left': {
        (1, 3, 10): '13-15',
        (2, 4, 11): '17-19',
        (5, 6, 12, 13): '8-10',
    },
    'side_right': {
        (1, 3): '17-19',
        (2, 4, 10): '21-23',
        (11,): '25-27',
        (5, 6): '12-14',
        (12, 13): '16-18',
    },
    'hem_middle': {(1,): '16', (2,): '20', (5, 6): '11'},
    'opening': {(3,): '27-31 16', (4,): '35-39 20'},
    'shoulder': {(5,): '7 15', (12,): '7 19'},
    'strap': {(6,): '7 15', (13,): '7 19'},
    'dress_hem': {(10,): '16-20', (11,): '20-24', (12, 13): '11-15'},
    'waist': {(7, 8, 9): '1-3'},
    'leg_hem': {(7,): '5-6 8-9', (8,): '6-7 11-12'},
    'crotch': {(7,): '7', (8,): '9'},
    'leg_side': {(7,): '4 10', (8,): '4 14'},
    'knee': {(8,): '5 8 10 13'},
    'skirt': {(9,): '4-8'},
}


def _numbers(text: str) -> list[int]:
    """Parse ``'1-3 0 5'`` to ``[1, 2, 3, 0, 5]``."""
    ranges = [part.partition('-') for part in text.split()]
    spans = [range(int(a), int(b or a) + 1) for a, _, b in ranges]
    return list(itertools.chain(*spans))


def _aggregate() -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the point of each landmark (294,) and the points' names."""
    points = np.full(NUM_LANDMARKS, -1)
    names: list[str] = []
    for group, rows in GROUPS.items():
        first = len(names)
        size = len(_numbers(next(iter(rows.values()))))
        names += [f'{group}_{k}' for k in range(1, size + 1)]
        for ids, text in rows.items():
            for category, (k, number) in itertools.product(
                ids, enumerate(_numbers(text))
            ):
                if number:
                    offset = CATEGORY_BY_ID[category].offset
                    points[offset + number - 1] = first + k
    return points, tuple(names)


#: Point 0..80 of each of the 294 landmarks, and the names of the points.
AGGREGATED, POINT_NAMES = _aggregate()

#: Largest number of landmarks of one category.
MAX_LANDMARKS: int = max(c.num_landmarks for c in CATEGORIES)


def landmark_channels(points: Points = 'separate') -> np.ndarray:
    """Return the output channel that predicts each landmark.

    Args:
        points (str): ``'separate'``: an output for each of the 294
            landmarks; ``'aggregated'``: one for each of the 81 points.

    Returns:
        np.ndarray: (294,) int64, 0-based output of each landmark.

    Raises:
        UserError: ``points`` is neither.
    """
    if points == 'separate':
        return np.arange(NUM_LANDMARKS)
    if points == 'aggregated':
        return AGGREGATED.copy()
    raise UserError(
        f"points must be 'separate' or 'aggregated', got {points!r}"
    )


def category_rows(values: np.ndarray, padding: int = -1) -> np.ndarray:
    """Split values of all landmarks into one row per category.

    Args:
        values (np.ndarray): (294, ...), one value per landmark.
        padding (int): Fills the row of a category of fewer landmarks.

    Returns:
        np.ndarray: (13, 39, ...), row = label (category_id - 1).
    """
    rows = np.full(
        (len(CATEGORIES), MAX_LANDMARKS, *values.shape[1:]),
        padding,
        dtype=values.dtype,
    )
    for label, category in enumerate(CATEGORIES):
        rows[label, : category.num_landmarks] = values[category.slice]
    return rows


def flip_rows(indices: np.ndarray | None = None) -> np.ndarray:
    """Return the mirror partner of each landmark inside its category.

    Args:
        indices (np.ndarray, optional): (294,) flip indices of all landmarks.
            Defaults to :func:`~.deepfashion2.flip_indices`.

    Returns:
        np.ndarray: (13, 39) int64: landmark ``j`` (0-based, inside the
        category) of a mirrored image is landmark ``rows[label, j]`` of the
        image; padding maps to itself.
    """
    indices = flip_indices() if indices is None else np.asarray(indices)
    rows = np.tile(np.arange(MAX_LANDMARKS), (len(CATEGORIES), 1))
    for label, category in enumerate(CATEGORIES):
        partners = indices[category.slice] - category.offset
        rows[label, : category.num_landmarks] = partners
    return rows
