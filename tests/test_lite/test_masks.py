# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Masks are pasted as mmdet pastes them."""

import numpy as np
import pytest

pytest.importorskip('mmdet')
import torch
from mmdet.models.roi_heads.mask_heads.fcn_mask_head import _do_paste_mask

from mmfashion_ext.lite.masks import paste_masks


@pytest.mark.parametrize('seed', range(3))
def test_equals_mmdet(seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(-5, 30, (8, 2))
    boxes = np.concatenate((corner, corner + rng.uniform(1, 40, (8, 2))), 1)
    boxes = boxes.astype(np.float32)
    masks = rng.random((8, 14, 14), np.float32)
    values, _ = _do_paste_mask(
        torch.from_numpy(masks)[:, None],
        torch.from_numpy(boxes),
        40,
        50,
        skip_empty=False,
    )
    found = paste_masks(masks, boxes, (40, 50), 0.5)
    clear = (values - 0.5).abs().numpy() > 1e-4
    assert np.array_equal(found[clear], (values >= 0.5).numpy()[clear])
    assert clear.mean() > 0.99
    assert found.any(axis=(1, 2)).all()


def test_boxes_without_area_and_outside():
    """Outside nothing is pasted; a point is a few pixels, as in mmdet."""
    masks = np.ones((3, 4, 4), np.float32)
    boxes = np.float32([[5, 5, 5, 5], [90, 90, 99, 99], [1, 1, 9, 9]])
    found = paste_masks(masks, boxes, (20, 20), 0.5)
    values, where = _do_paste_mask(
        torch.from_numpy(masks[:1, None]), torch.from_numpy(boxes[:1]), 20, 20
    )
    assert np.array_equal(found[0][where], values[0].numpy() >= 0.5)
    assert found[0].sum() == found[0][where].sum()
    assert not found[1].any()
    assert found[2, 1:9, 1:9].all()
    assert found[2].sum() == 64
    assert paste_masks(masks[:0], boxes[:0], (20, 20), 0.5).shape == (
        0,
        20,
        20,
    )
