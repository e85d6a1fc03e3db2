# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Suppression across categories against non-maximum suppression of mmcv."""

import numpy as np
import pytest
import torch

from mmfashion_ext.utils.duplicates import distinct_items

pytestmark = pytest.mark.fault(32)


def test_one_dress_is_one_item():
    dress, shirt = [10, 10, 60, 110], [10, 10, 60, 60]
    boxes = np.array([dress, [11, 11, 61, 111], shirt, dress], np.float32)
    scores = np.array([0.5, 0.9, 0.3, 0.8], np.float32)
    assert distinct_items(boxes, scores, 0.7).tolist() == [1, 2]
    assert distinct_items(boxes, scores, None).tolist() == [0, 1, 2, 3]
    assert distinct_items(boxes[:0], scores[:0], 0.7).tolist() == []


@pytest.mark.parametrize('seed', range(5))
def test_is_non_maximum_suppression(seed):
    nms = pytest.importorskip('mmcv.ops').nms

    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 20, (60, 2))
    boxes = np.hstack((corner, corner + rng.uniform(5, 30, (60, 2))))
    scores = rng.uniform(0, 1, 60)
    _, kept = nms(
        torch.tensor(boxes).float(), torch.tensor(scores).float(), 0.5
    )
    found = distinct_items(boxes, scores, 0.5)
    assert found.tolist() == sorted(kept.tolist())
