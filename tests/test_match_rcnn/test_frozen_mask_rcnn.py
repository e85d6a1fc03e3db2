# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The detector that stays as it is while the match head learns."""

from copy import deepcopy

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData

from mmfashion_ext.hub import config_path

SIZE = 64


@pytest.fixture(scope='module')
def config():
    path = config_path('match_rcnn/_base_/model_r18_small.py')
    config = Config.fromfile(path).model
    config.type = 'mmfashion_ext.FrozenMaskRCNN'
    config.roi_head.match_head = dict(
        type='mmfashion_ext.MatchHead',
        in_channels=64,
        conv_channels=(8, 16),
        out_channels=6,
    )
    return config


def build(config):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config)
    model.init_weights()
    return model


def pair():
    """A user and a shop image with one item each, the same garment."""
    samples = []
    for source in ('user', 'shop'):
        data_sample = DetDataSample(
            metainfo={
                'img_shape': (SIZE, SIZE),
                'ori_shape': (SIZE, SIZE),
                'scale_factor': (1.0, 1.0),
                'source': source,
                'pair_id': 1,
            }
        )
        data_sample.gt_instances = InstanceData(
            bboxes=torch.tensor([[8.0, 8, 50, 50]]),
            labels=torch.tensor([0]),
            styles=torch.tensor([1]),
        )
        samples.append(data_sample)
    return samples


def test_only_the_match_head_learns(config):
    model = build(config).train()
    before = deepcopy(model.state_dict())
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, 0.1)
    losses = model.loss(torch.randn(2, 3, SIZE, SIZE), pair())
    assert set(losses) == {'loss_match', 'match_acc'}
    losses['loss_match'].backward()
    optimizer.step()
    changed = {
        name
        for name, value in model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    names = {f'roi_head.match_head.{name}' for name in (
        'fc.weight', 'fc_pair.weight', 'norm.running_mean', 'norm.weight'
    )}  # fmt: skip
    assert names <= changed
    assert all(name.startswith('roi_head.match_head.') for name in changed)


def test_modes(config):
    model = build(config)
    assert model.train() is model
    training = {name for name, m in model.named_modules() if m.training}
    assert training == {''} | {
        name
        for name, _ in model.named_modules()
        if name.startswith('roi_head.match_head')
    }
    assert not any(m.training for m in model.eval().modules())


def test_takes_the_weights_of_a_trained_detector(config):
    plain = deepcopy(config)
    plain.type = 'MaskRCNN'
    del plain.roi_head['match_head']
    torch.manual_seed(5)
    weights = build(plain).state_dict()
    missing, unexpected = build(config).load_state_dict(weights, strict=False)
    assert not unexpected
    assert all(name.startswith('roi_head.match_head.') for name in missing)


def test_without_a_match_head_there_is_nothing_to_train(config):
    config = deepcopy(config)
    del config.roi_head['match_head']
    with pytest.raises(ValueError, match='nothing to train'):
        build(config)
