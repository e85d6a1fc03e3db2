# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Detectors by name, config or weights: of mmdet and of this project."""

import numpy as np
import pytest
import torch

pytest.importorskip('mmdet')
from mmengine.config import Config

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub.mmdet_detector import (
    CheckedDetInferencer,
    build_detector,
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


def test_any_config_of_mmdet(mmdet_config, mmdet_weights):
    """Boxes (n, 4) xyxy px within the image, whatever the scope is."""
    noise = np.random.default_rng(0).integers(0, 255, (150, 100, 3), np.uint8)
    detect = build_detector(mmdet_config, mmdet_weights, 'cpu')
    (sample,) = detect(noise, return_datasamples=True)['predictions']
    boxes = sample.pred_instances.bboxes
    assert len(boxes) == len(sample.pred_instances.scores) > 0
    assert (boxes >= 0).all()
    assert (boxes <= torch.tensor([100, 150, 100, 150])).all()


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
