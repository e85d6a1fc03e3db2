# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Boxes are selected as by mmpose's nms, label by label."""

import numpy as np
import pytest

from mmfashion_ext.utils.box_selection import select_boxes


@pytest.mark.parametrize('threshold', [0.0, 0.3, 0.7])
def test_equals_mmpose(threshold):
    functional = pytest.importorskip('mmpose.evaluation.functional')
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 50, (60, 2))
    boxes = np.concatenate((corner, corner + rng.uniform(5, 40, (60, 2))), 1)
    scores, labels = rng.random(60), np.zeros(60, int)
    expected = functional.nms(np.c_[boxes, scores], threshold)
    found = select_boxes(boxes, scores, labels, 0.0, threshold)
    assert found.tolist() == [*expected]
    assert 1 < len(found) < 60


def test_labels_thresholds_and_boxes_without_area():
    boxes = np.array([[0, 0, 9, 9], [0, 0, 9, 9], [5, 5, 5, 9]] * 2)
    scores = np.array([0.5, 0.6, 0.9, 0.2, 0.7, 0.9])
    labels = np.array([0, 1, 0, 0, 2, 0])
    assert select_boxes(boxes, scores, labels, 0.3, 0.5).tolist() == [4, 1, 0]
    some = select_boxes(boxes, scores, labels, 0.3, 0.5, [0, 1])
    assert some.tolist() == [1, 0]
    assert select_boxes(boxes, scores, labels, 0.95, 0.5).tolist() == []
