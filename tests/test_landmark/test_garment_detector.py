# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Garment detector in front of a landmark model: boxes and categories."""

import ast
import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('mmdet')
pytest.importorskip('mmpose')
from mmengine.registry import DefaultScope

from mmfashion_ext import hub
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CLASS_NAMES,
)
from mmfashion_ext.landmark import LandmarkInferencer, garment_detector
from mmfashion_ext.landmark.garment_detector import (
    category_ids,
    select_boxes,
)

MATCH_RCNN = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
LANDMARK = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'


def test_names_are_compared_without_case_and_punctuation():
    ids = list(range(1, 14))
    assert category_ids(CLASS_NAMES).tolist() == ids
    raw = [category.raw_name for category in CATEGORIES]
    assert category_ids(raw).tolist() == ids
    odd = [name.title().replace(' ', '-') for name in raw]
    assert category_ids(odd[::-1]).tolist() == ids[::-1]
    assert category_ids(['vest', 'Skirt']).tolist() == [5, 9]


def test_one_foreign_name_makes_all_unknown():
    assert category_ids(['vest', 'shirt, blouse']).tolist() == [0, 0]
    assert category_ids(['']).tolist() == [0]
    assert category_ids([]).tolist() == []


numbers = st.integers(0, 30)
detections = st.lists(
    st.tuples(numbers, numbers, numbers, numbers, st.integers(0, 2), numbers),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(detections, st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_boxes_are_selected_as_by_definition(rows, nms_thr):
    rows = np.array(rows, float).reshape(-1, 6)
    boxes, labels = rows[:, :4], rows[:, 4].astype(int)
    # no two scores are equal, so that there is one right answer
    scores = (rows[:, 5] + np.arange(len(rows)) / 100) / 31
    kept = select_boxes(boxes, scores, labels, 0.3, nms_thr, [0, 2])
    expected = []
    for i in np.argsort(-scores):
        x1, y1, x2, y2 = boxes[i]
        if scores[i] <= 0.3 or labels[i] == 1 or x2 <= x1 or y2 <= y1:
            continue
        if all(
            labels[i] != labels[j] or iou(boxes[i], boxes[j]) <= nms_thr
            for j in expected
        ):
            expected.append(i)
    assert kept.tolist() == expected


def iou(a, b):
    """As mmpose's ``nms`` has it: the corners are pixels of the box."""
    low, high = np.maximum(a, b)[:2], np.minimum(a, b)[2:]
    inter = np.prod((high - low + 1).clip(min=0))
    areas = [np.prod(box[2:] - box[:2] + 1) for box in (a, b)]
    return inter / (sum(areas) - inter)


def test_our_match_rcnn(tmp_path, noise):
    torch.manual_seed(0)
    weights = tmp_path / 'random.pth'
    model = hub.get_model(MATCH_RCNN)
    torch.save({'state_dict': model.state_dict()}, weights)
    with DefaultScope.overwrite_default_scope('mmpose'):
        infer = LandmarkInferencer(
            hub.get_model(LANDMARK),
            det_model=MATCH_RCNN,
            det_weights=weights,
            show_progress=False,
        )
        assert DefaultScope.get_current_instance().scope_name == 'mmpose'
    assert infer.detector.category_ids.tolist() == list(range(1, 14))
    infer.detector.infer.model.roi_head.test_cfg.score_thr = 0.0
    (result,) = infer(noise(), bbox_thr=0.0, nms_thr=1.0)['predictions']
    found = infer.detector.infer(noise(), return_datasamples=True)
    found = found['predictions'][0].pred_instances.cpu().numpy()
    assert result['labels'].tolist() == found.labels.tolist()
    assert result['categories'] == [CLASS_NAMES[k] for k in found.labels]
    assert np.allclose(result['scores'], found.scores)
    assert np.allclose(result['bboxes'], found.bboxes)
    assert len(result['bboxes']) > 1


def test_systems_are_found_by_name_at_run_time():
    """The source imports no other system; the hub does."""
    tree = ast.parse(inspect.getsource(garment_detector))
    modules = {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    }
    rooms = {(module or '').partition('.')[0] for module in modules}
    assert not rooms & {'match_rcnn', 'scan', 'tryon'}
    assert 'hub' in rooms
