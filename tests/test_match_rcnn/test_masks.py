# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Masks of polygons and run lengths."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn.masks import (
    decode_rle,
    mask_problem,
    usable_polygons,
)

pytestmark = pytest.mark.fault(6)


def test_compressed_and_uncompressed_run_lengths_are_the_same():
    expected = np.zeros((3, 4), np.uint8)
    expected[1:, 1] = 1  # columns first: 4 off, 2 on, 6 off
    for counts in ([4, 2, 6], '426', b'426'):
        rle = {'size': [3, 4], 'counts': counts}
        assert np.array_equal(decode_rle(rle, (3, 4)), expected)
        assert mask_problem(rle) == ''


@pytest.mark.parametrize(
    ('rle', 'message'),
    [
        ({'size': [3, 4], 'counts': [4, 2]}, 'not run lengths of 3 x 4'),
        ({'size': [3, 4], 'counts': '42'}, 'not run lengths of 3 x 4'),
        ({'size': [4, 3], 'counts': [12]}, r'4 x 3 pixels .*has 3 x 4'),
        ({'counts': [12]}, 'size'),
    ],
)
def test_wrong_run_lengths_are_refused(rle, message):
    with pytest.raises(UserError, match=message):
        decode_rle(rle, (3, 4))


@pytest.mark.parametrize(
    ('segmentation', 'problem'),
    [
        (None, 'no mask'),
        ([], 'no mask'),
        ([[1, 2, 3, 4], [1, 2, 3]], 'no polygon of 3 or more points'),
        ([[1, 2, 3, 4, 5, 6]], ''),
        ({'size': [3, 4], 'counts': [12]}, 'an empty mask'),
        ({'size': [3, 4], 'counts': [0, 12]}, ''),
    ],
)
def test_reasons(segmentation, problem):
    assert mask_problem(segmentation) == problem


def test_polygons_of_two_points_are_left_out():
    used = usable_polygons([[1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [1] * 7])
    assert [p.tolist() for p in used] == [[1, 2, 3, 4, 5, 6]]
