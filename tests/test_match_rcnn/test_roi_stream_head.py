# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What heads read, and a head of one's own, added from outside the package."""

import sys

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.optim import OptimWrapper
from mmengine.structures import InstanceData

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import ClothesInferencer
from mmfashion_ext.match_rcnn.roi_stream_head import (
    RoIFeatures,
    RoIStreamHead,
    TrainingRoIs,
)

BASE = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
SIZE = 64

HEAD = """
import torch
from torch import nn
from mmdet.registry import MODELS
from mmfashion_ext.match_rcnn.roi_stream_head import RoIStreamHead


@MODELS.register_module()
class LengthHead(RoIStreamHead):
    'Is an item longer than its RoI is wide? One logit.'

    roi_features = ('length',)

    def __init__(self, in_channels, init_cfg=None):
        super().__init__(init_cfg)
        self.fc = nn.Linear(in_channels, 1)

    def forward(self, feats):
        return self.fc(feats.mean(dim=(2, 3)))[:, 0]

    def loss(self, feats, rois):
        logits = self(feats.read('length', rois.positive_boxes))
        target = rois.positive_targets('is_long').to(logits)
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits, target, reduction='sum'
        )
        return {'loss_length': loss / max(len(target), 1)}

    def add_predictions(self, feats, boxes, results, data_samples):
        scores = self(feats.read('length', boxes)).sigmoid()
        counts = [len(result) for result in results]
        for result, values in zip(results, scores.split(counts)):
            result.length_scores = values
"""

CONFIG = f"""
_base_ = __import__('mmfashion_ext').config_path('{BASE}')
custom_imports = dict(imports=['length_head'])
model = dict(
    roi_head=dict(
        heads=dict(length=dict(type='LengthHead', in_channels=64)),
        roi_extractors=dict(
            length=dict(
                type='SingleRoIExtractor',
                roi_layer=dict(
                    type='RoIAlign', output_size=3, sampling_ratio=1
                ),
                out_channels=64,
                featmap_strides=[8, 16, 32],
            )
        ),
    )
)
"""


def image(labels):
    """An image of 64 x 64 px with one item per label; the first is long."""
    num = len(labels)
    data_sample = DetDataSample(
        metainfo={
            'img_shape': (SIZE, SIZE),
            'ori_shape': (SIZE, SIZE),
            'scale_factor': (1.0, 1.0),
            'batch_input_shape': (SIZE, SIZE),
            'pad_shape': (SIZE, SIZE),
        }
    )
    data_sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[8.0, 8, 40, 60]] * num).reshape(-1, 4),
        labels=torch.tensor(labels, dtype=torch.long),
        is_long=torch.arange(num) == 0,
    )
    data_sample.ignored_instances = InstanceData(
        bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long)
    )
    return data_sample


@pytest.fixture
def own_head(tmp_path, monkeypatch):
    """A config with a head that is not of this package."""
    (tmp_path / 'length_head.py').write_text(HEAD)
    (tmp_path / 'length.py').write_text(CONFIG)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / 'length.py'
    sys.modules.pop('length_head', None)
    MODELS.module_dict.pop('LengthHead', None)


def test_a_head_of_ones_own_trains_and_predicts(own_head):
    """Proof of the checklist "add a head": a class and a config."""
    torch.manual_seed(0)
    model = mmfashion_ext.get_model(
        str(own_head),
        **{
            # the items of this test have neither landmarks nor masks
            'model.roi_head.landmark_head': None,
            'model.roi_head.mask_head': None,
            'model.roi_head.mask_roi_extractor': None,
        },
    )
    head = model.roi_head.streams['length']
    assert isinstance(head, RoIStreamHead)
    assert list(model.roi_head.streams) == ['length']
    names = {name for name in model.state_dict() if 'length' in name}
    assert names == {
        f'roi_head.length_head.fc.{x}' for x in ('weight', 'bias')
    }

    model.train()
    before = head.fc.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    batch = {
        'inputs': list(torch.randint(0, 255, (2, 3, SIZE, SIZE)).float()),
        'data_samples': [image([0, 8]), image([])],
    }
    log = model.train_step(batch, OptimWrapper(optimizer))
    assert 0.3 < log['loss_length'] < 1.5  # log 2 for one that knows nothing
    assert not torch.equal(head.fc.weight, before)

    model.eval()
    model.roi_head.test_cfg.score_thr = 0.0
    for result in model.test_step(batch):
        found = result.pred_instances
        assert len(found) == 10
        assert found.length_scores.shape == (10,)
        assert ((found.length_scores > 0) & (found.length_scores < 1)).all()

    array = np.zeros((SIZE, SIZE, 3), np.uint8)
    (found,) = ClothesInferencer(model)(array)['predictions']
    assert found['length_scores'].shape == (len(found['bboxes']),)


def test_a_head_needs_features_that_are_read(own_head):
    with pytest.raises(
        UserError, match=r"length_head reads the RoI features of \['length'\]"
    ):
        mmfashion_ext.get_model(
            str(own_head), **{'model.roi_head.roi_extractors': None}
        )


def test_a_head_is_left_out_by_none(own_head):
    model = mmfashion_ext.get_model(
        str(own_head), **{'model.roi_head.heads.length': None}
    )
    assert list(model.roi_head.streams) == ['landmark']


class Extractor(torch.nn.Module):
    """Counts how often it reads; one feature per RoI."""

    num_inputs = 1

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x, rois):
        self.calls += 1
        return rois[:, 1:].sum(dim=1)[:, None, None, None] + x[0].sum()


def test_features_of_the_same_boxes_are_read_once():
    shared, other = Extractor(), Extractor()
    feats = RoIFeatures(
        (torch.ones(2, 1, 2, 2),) * 3,
        {'mask': shared, 'pose': shared, 'class': other},
    )
    boxes = [torch.rand(3, 4), torch.rand(1, 4)]
    first = feats.read('mask', boxes)
    assert first.shape == (4, 1, 1, 1)
    assert feats.read('pose', boxes) is first
    assert (shared.calls, other.calls) == (1, 0)
    torch.testing.assert_close(feats.read('class', boxes), first)
    fewer = feats.read('pose', [boxes[0][:2], boxes[1]])
    torch.testing.assert_close(fewer, first[[0, 1, 3]])
    assert (shared.calls, other.calls) == (2, 1)
    kept = torch.zeros(4, 1)
    feats.keep('mask', boxes, kept)
    assert feats.read('pose', boxes) is kept


def test_targets_follow_the_assignment():
    class Sampled:
        def __init__(self, boxes, index):
            self.pos_priors = torch.tensor(boxes).reshape(-1, 4)
            self.pos_assigned_gt_inds = torch.tensor(index, dtype=torch.long)

    samples = [image([3, 7]), image([5])]
    sampled = [
        Sampled([[0.0, 0, 1, 1], [0, 0, 2, 2]], [1, 0]),
        Sampled([], []),
    ]
    rois = TrainingRoIs([], samples, sampled)
    assert rois.positive_targets('labels').tolist() == [7, 3]
    assert [len(boxes) for boxes in rois.positive_boxes] == [2, 0]
    assert rois.positive_boxes is rois.positive_boxes
