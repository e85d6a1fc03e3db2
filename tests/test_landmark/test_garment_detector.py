# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Detectors of any kind in front of a landmark model, by name or config."""

import ast
import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('mmdet')
pytest.importorskip('mmpose')
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CLASS_NAMES,
)
from mmfashion_ext.landmark import LandmarkInferencer, garment_detector
from mmfashion_ext.landmark.garment_detector import (
    CheckedDetInferencer,
    GarmentDetector,
    build_detector,
    category_ids,
    select_boxes,
)
from mmfashion_ext.utils.checkpoint import (
    CheckpointError,
    UnsafeCheckpointError,
)

MATCH_RCNN = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
LANDMARK = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'

MMDET = """
_base_ = 'mmdet::_base_/models/faster-rcnn_r50_fpn.py'
default_scope = 'mmdet'
model = dict(
    backbone=dict(depth=18, base_channels=8, init_cfg=None),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=16),
        bbox_head=dict(in_channels=16, fc_out_channels=16)),
    test_cfg=dict(rcnn=dict(score_thr=0.0, max_per_img=5)))
visualizer = dict(type='DetLocalVisualizer', name='visualizer')
test_dataloader = dict(dataset=dict(
    type='CocoDataset', test_mode=True, ann_file='', pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(64, 64), keep_ratio=True),
        dict(type='PackDetInputs', meta_keys=(
            'img_path', 'ori_shape', 'img_shape', 'scale_factor'))]))
"""


@pytest.fixture
def mmdet_config(tmp_path):
    path = tmp_path / 'faster_rcnn.py'
    path.write_text(MMDET)
    return str(path)


@pytest.fixture
def mmdet_weights(mmdet_config, tmp_path):
    """Random weights of mmdet's detector."""
    torch.manual_seed(0)
    path = tmp_path / 'faster_rcnn.pth'
    model = hub.get_model(mmdet_config)
    torch.save({'state_dict': model.state_dict()}, path)
    return path


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


def test_any_config_of_mmdet(mmdet_config, mmdet_weights, noise):
    detector = GarmentDetector(mmdet_config, mmdet_weights, device='cpu')
    boxes, scores, ids = detector(noise(), 0.0, 1.0)
    assert len(boxes) == len(scores) == len(ids) > 0
    assert not ids.any()  # COCO's classes
    assert boxes.dtype == scores.dtype == np.float32
    assert (boxes >= 0).all()
    assert (boxes <= [100, 150, 100, 150]).all()


def test_published_weights_are_not_unpickled(
    mmdet_config, tmp_path, monkeypatch
):
    unsafe = tmp_path / 'unsafe.pth'
    torch.save({'state_dict': {}, 'meta': unsafe}, unsafe)
    with pytest.raises(UnsafeCheckpointError, match='refused'):
        build_detector('rtmdet-tiny', unsafe, 'cpu')
    monkeypatch.setattr(
        CheckedDetInferencer,
        '_load_model_from_metafile',
        lambda self, name: (Config.fromfile(mmdet_config), str(unsafe)),
    )
    with pytest.raises(UnsafeCheckpointError, match='refused'):
        build_detector('rtmdet-tiny', None, 'cpu')


def test_a_detector_needs_its_own_weights(mmdet_config, tmp_path):
    message = r'faster_rcnn\.py: no weights are published .*det_weights'
    with pytest.raises(UserError, match=message):
        build_detector(mmdet_config, device='cpu')
    other = tmp_path / 'other.pth'
    model = hub.get_model(mmdet_config)
    weights = model.state_dict()
    del weights['backbone.conv1.weight']
    torch.save({'state_dict': weights}, other)
    message = r'other\.pth: .*another model.* missing.*backbone\.conv1\.weight'
    with pytest.raises(CheckpointError, match=message):
        build_detector(mmdet_config, other, 'cpu')


def test_published_weights_are_needed_for_our_models_too():
    with pytest.raises(UserError, match='no weights are published'):
        build_detector('match-rcnn_r50_fpn_8xb2-1x_deepfashion2', None, 'cpu')


def test_what_a_user_gets_wrong(tmp_path):
    message = r"no config 'match-rcn.*nor does mmdet have such a model"
    with pytest.raises(UserError, match=message):
        build_detector('match-rcn_r50', device='cpu')
    with pytest.raises(
        UserError, match=r'expected a config of mmdet, got.*po'
    ):
        build_detector(LANDMARK, device='cpu')
    with pytest.raises(FileNotFoundError, match=r'gone\.pth'):
        build_detector(MATCH_RCNN, tmp_path / 'gone.pth', 'cpu')
