# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Anchors, box decoding and NMS equal those of mmdet and mmcv."""

import numpy as np
import pytest

pytest.importorskip('mmdet')
import torch
from mmcv.ops import batched_nms
from mmdet.models.layers import multiclass_nms
from mmdet.models.task_modules.coders.delta_xywh_bbox_coder import delta2bbox
from mmdet.models.task_modules.prior_generators import AnchorGenerator

from mmfashion_ext.lite.detection import (
    decode_deltas,
    grid_anchors,
    non_maximum_suppression,
    propose,
    select,
)


def boxes(rng, count):
    corner = rng.uniform(0, 80, (count, 2))
    sides = rng.uniform(5, 60, (count, 2))
    return np.concatenate((corner, corner + sides), 1).astype(np.float32)


def test_anchors():
    generator = AnchorGenerator(
        strides=[8, 16], ratios=[0.5, 1.0, 2.0], scales=[4, 6]
    )
    expected = generator.grid_priors([(5, 7), (3, 4)], device='cpu')
    for level, size in enumerate([(5, 7), (3, 4)]):
        found = grid_anchors(
            generator.base_anchors[level].numpy(),
            generator.strides[level],
            size,
        )
        assert np.array_equal(found, expected[level].numpy())


def test_deltas():
    rng = np.random.default_rng(0)
    means, stds = [0.1, 0.0, -0.1, 0.0], [0.1, 0.1, 0.2, 0.2]
    before = boxes(rng, 50)
    deltas = rng.normal(0, 20, (50, 4)).astype(np.float32)
    expected = delta2bbox(
        torch.from_numpy(before),
        torch.from_numpy(deltas),
        means,
        stds,
        (100, 120),
    )
    found = decode_deltas(before, deltas, means, stds, (100, 120))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-4)
    assert found.dtype == np.float32


@pytest.mark.parametrize('seed', range(5))
def test_nms(seed):
    rng = np.random.default_rng(seed)
    some, scores = boxes(rng, 200), rng.random(200, np.float32)
    groups = rng.integers(0, 3, 200)
    _, kept = batched_nms(
        torch.from_numpy(some),
        torch.from_numpy(scores),
        torch.from_numpy(groups),
        {'type': 'nms', 'iou_threshold': 0.5},
    )
    found = non_maximum_suppression(some, scores, groups, 0.5)
    assert 5 < len(found) < 195
    assert np.array_equal(found, kept.numpy())
    few = non_maximum_suppression(some, scores, groups, 0.5, 4)
    assert np.array_equal(few, found[:4])


def test_nms_of_nothing_and_of_boxes_without_area():
    nothing = np.zeros((0, 4), np.float32)
    empty = np.zeros(0, np.float32)
    assert not len(non_maximum_suppression(nothing, empty, empty, 0.5))
    points = np.ones((2, 4), np.float32)
    scores = np.float32([0.1, 0.2])
    found = non_maximum_suppression(points, scores, np.zeros(2), 0.5)
    assert found.tolist() == [1, 0]


@pytest.mark.parametrize('agnostic', [True, False])
def test_select(agnostic):
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(4), 60).astype(np.float32)
    count = 1 if agnostic else 3
    some = boxes(rng, 60 * count).reshape(60, count, 4)
    expected, labels = multiclass_nms(
        torch.from_numpy(some.reshape(60, -1)),
        torch.from_numpy(scores),
        0.3,
        {'type': 'nms', 'iou_threshold': 0.5},
        10,
    )
    rcnn = {'score_thr': 0.3, 'iou_threshold': 0.5, 'max_per_img': 10}
    names = np.broadcast_to(np.arange(3), (60, 3))
    found, score, label = select(some, scores[:, :3], names, rcnn)
    assert len(found) == 10
    assert np.array_equal(found, expected[:, :4].numpy())
    assert np.array_equal(score, expected[:, 4].numpy())
    assert np.array_equal(label, labels.numpy())


def test_propose_keeps_the_best_of_each_level_and_drops_small_ones():
    rpn = {
        'means': [0.0] * 4,
        'stds': [1.0] * 4,
        'nms_pre': 1,
        'max_per_img': 10,
        'iou_threshold': 0.7,
        'min_bbox_size': 0.0,
    }
    anchors = np.float32([[0, 0, 10, 10], [5, 5, 25, 25]])
    outside = anchors + 500
    deltas, scores = np.zeros((2, 4), np.float32), np.float32([0.2, 0.9])
    levels = [(x, scores, deltas) for x in (anchors, anchors, outside)]
    found = propose(levels, (100, 100), rpn)
    # one of each level, also if it is the same box; none outside
    assert found.tolist() == [[5, 5, 25, 25]] * 2
