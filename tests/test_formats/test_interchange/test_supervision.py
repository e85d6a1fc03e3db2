# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Predictions as detections of supervision, which draws them."""

import sys

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.interchange import to_supervision
from mmfashion_ext.formats.run_lengths import encode_mask


@pytest.fixture
def prediction():
    masks = np.zeros((2, 20, 30), bool)
    masks[0, 2:9, 3:12] = masks[1, 10:, :5] = True
    return {
        'bboxes': np.array([[3, 2, 12, 9], [0, 10, 5, 20]], np.float32),
        'scores': np.array([0.9, 0.5], np.float32),
        'labels': np.array([7, 0]),
        'categories': ['trousers', 'short_sleeved_shirt'],
        'masks': masks,
    }


def test_boxes_masks_and_names(prediction):
    supervision = pytest.importorskip('supervision')
    found = to_supervision(prediction)
    assert isinstance(found, supervision.Detections)
    assert (found.xyxy == prediction['bboxes']).all()
    assert (found.mask == prediction['masks']).all()
    assert found.class_id.tolist() == [7, 0]
    assert found.data['class_name'].tolist() == prediction['categories']
    assert found[found.confidence > 0.6].class_id.tolist() == [7]
    assert found.tracker_id is None
    image = np.zeros((20, 30, 3), np.uint8)
    drawn = supervision.MaskAnnotator().annotate(image.copy(), found)
    inside = prediction['masks'].any(0)
    assert (drawn != image).any(-1).tolist() == inside.tolist()


def test_plain_values_of_a_json_file(prediction):
    pytest.importorskip('supervision')
    plain = {
        'bboxes': prediction['bboxes'].tolist(),
        'scores': [0.9, 0.5],
        'masks': [encode_mask(mask) for mask in prediction['masks']],
        'tracks': [4, 6],
    }
    found = to_supervision(plain)
    assert (found.mask == prediction['masks']).all()
    assert found.tracker_id.tolist() == [4, 6]
    assert found.class_id is None


def test_an_image_without_items():
    pytest.importorskip('supervision')
    empty = {'bboxes': np.empty((0, 4)), 'scores': [], 'categories': []}
    assert len(to_supervision(empty)) == 0


def test_what_is_not_a_prediction(prediction, monkeypatch):
    with pytest.raises(UserError, match=r'got the keys predictions, skipped'):
        to_supervision({'predictions': [], 'skipped': []})
    monkeypatch.setitem(sys.modules, 'supervision', None)
    with pytest.raises(ImportError, match='pip install supervision'):
        to_supervision(prediction)
