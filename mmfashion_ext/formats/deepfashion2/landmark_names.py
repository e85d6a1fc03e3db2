# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Names of the 294 landmarks of DeepFashion2, as in mmpose's table."""

from .constants import CATEGORIES

#: Category label 0..12 -> names of its landmarks, ``sss_kpt1`` ...
LANDMARK_NAMES: tuple[tuple[str, ...], ...] = tuple(
    tuple(
        f'{category.prefix}_kpt{k}'
        for k in range(1, category.num_landmarks + 1)
    )
    for category in CATEGORIES
)
