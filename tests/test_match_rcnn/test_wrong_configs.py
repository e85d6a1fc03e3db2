# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Configs and pipelines that do not fit the heads: said when it is known."""

import re
from pathlib import Path

import pytest
import torch

pytest.importorskip('mmdet')
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn.match_roi_sampling import sample_match_rois
from mmfashion_ext.match_rcnn.roi_stream_head import TrainingRoIs

ROOT = Path(__file__).parents[2]
HOST = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'
SMALL = {'num_convs': 1, 'conv_channels': 8}


@pytest.fixture(scope='module')
def host(tmp_path_factory):
    """mmdet's own Mask R-CNN of 80 classes."""
    path = tmp_path_factory.mktemp('config') / 'host.py'
    path.write_text(f'_base_ = {HOST!r}\n')
    return Config.fromfile(path)


def build(host, **roi_head):
    cfg = Config({'model': host.model.to_dict()})
    head = {'type': 'mmfashion_ext.MatchRoIHead', **roi_head}
    cfg.merge_from_dict({'model': {'roi_head': head}})
    with DefaultScope.overwrite_default_scope('mmdet'):
        cfg.model.roi_head.train_cfg = cfg.model.train_cfg.rcnn
        cfg.model.roi_head.test_cfg = cfg.model.test_cfg.rcnn
        return MODELS.build(cfg.model.roi_head)


@pytest.mark.fault(11)
@pytest.mark.parametrize(
    ('name', 'head'),
    [
        ('landmark_head', {'type': 'mmfashion_ext.LandmarkHead', **SMALL}),
        ('match_head', {'type': 'mmfashion_ext.MatchHead'}),
    ],
)
def test_classes_of_another_dataset_are_refused_at_once(host, name, head):
    with pytest.raises(
        UserError, match=rf'bbox_head\.num_classes is 80, but {name}.* the 13'
    ):
        build(host, **{name: head})
    bbox = {'num_classes': 13}
    with pytest.raises(UserError, match=r'mask_head\.num_classes is 80'):
        build(host, **{name: head}, bbox_head=bbox)
    build(host, **{name: head}, bbox_head=bbox, mask_head=bbox)
    agnostic = {'class_agnostic': True}
    build(host, **{name: head}, bbox_head=bbox, mask_head=agnostic)
    build(host)  # without these heads any number is right


@pytest.mark.fault(11)
@pytest.mark.parametrize('page', ['README.md', 'docs/match_rcnn.md'])
def test_the_snippets_for_hosts_configs_build(host, page):
    snippets = [
        block
        for block in re.findall(
            r'```python\n(.*?)```', (ROOT / page).read_text(), re.DOTALL
        )
        if "type='mmfashion_ext.MatchRoIHead'" in block
    ]
    assert snippets
    for block in snippets:
        start = block.index('model = dict(')
        end = block.index('\n)\n', start) + 3
        scope = {}
        exec(block[start:end], scope)
        roi_head = scope['model']['roi_head']
        roi_head['landmark_head'] |= SMALL
        assert build(host, **roi_head).landmark_head is not None


@pytest.mark.fault(29)
def test_a_landmark_head_without_a_mask_head_says_what_it_needs(host):
    bbox = {'num_classes': 13}
    head = {'type': 'mmfashion_ext.LandmarkHead', **SMALL}
    with pytest.raises(
        UserError,
        match=r"features of \['pose'\].*mask_head .*landmark_roi_extractor",
    ):
        build(host, bbox_head=bbox, mask_head=None, landmark_head=head)
    extractor = host.model.roi_head.mask_roi_extractor.to_dict()
    built = build(
        host,
        bbox_head=bbox,
        mask_head=None,
        landmark_head=head,
        landmark_roi_extractor=extractor,
    )
    assert not built.with_mask


def packed(**fields):
    """What PackDetInputs makes of an image, and some fields more."""
    sample = DetDataSample(
        metainfo={'img_path': 'a.jpg', 'source': 'user', 'pair_id': 1}
    )
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[0.0, 0, 8, 8]]), labels=torch.zeros(1).long()
    )
    sample.gt_instances.set_data(fields)
    return sample


@pytest.mark.fault(29)
def test_pack_det_inputs_in_place_of_pack_clothes():
    message = r'a\.jpg: the ground truth has no {}.*PackClothes in place of'
    rois = TrainingRoIs([], [packed()], [])
    for field in ('keypoints_visible', 'keypoints', 'styles'):
        with pytest.raises(UserError, match=message.format(field)):
            rois.positive_targets(field)
    for sample, field in (
        (packed(), 'styles'),
        (packed(styles=torch.ones(1).long()), 'keypoints_visible'),
    ):
        with pytest.raises(UserError, match=message.format(field)):
            sample_match_rois(
                [torch.zeros(0, 4)],
                [sample.gt_instances],
                [sample],
                iou_thr=0.5,
                num=2,
                with_landmarks=True,
                fill=True,
            )


@pytest.mark.fault(29)
def test_a_mask_head_without_masks(host):
    built = build(host)
    with pytest.raises(UserError, match=r'no masks.*with_mask=True'):
        built.loss((), [], [packed()])


@pytest.mark.fault(11)
def test_the_inferencer_knows_thirteen_categories():
    from types import SimpleNamespace

    from mmfashion_ext.match_rcnn.inferencer import check_classes

    head = SimpleNamespace(num_classes=80)
    for model in (
        SimpleNamespace(roi_head=SimpleNamespace(bbox_head=head)),
        SimpleNamespace(bbox_head=head),
    ):
        with pytest.raises(UserError, match=r'num_classes is 80.*DetInfer'):
            check_classes(model)
    head.num_classes = 13
    check_classes(model)
    check_classes(SimpleNamespace())
