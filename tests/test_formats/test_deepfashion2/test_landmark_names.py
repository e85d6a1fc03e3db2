# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Names of the 294 landmarks."""

from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES
from mmfashion_ext.formats.deepfashion2.landmark_names import LANDMARK_NAMES


def test_each_category_counts_its_own_from_1():
    assert [len(names) for names in LANDMARK_NAMES] == [
        category.num_landmarks for category in CATEGORIES
    ]
    assert LANDMARK_NAMES[0][0] == 'sss_kpt1'
    assert LANDMARK_NAMES[8] == tuple(f'skirt_kpt{k}' for k in range(1, 9))
    together = [name for names in LANDMARK_NAMES for name in names]
    assert len(set(together)) == 294
