# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Backbone of timm: folded batch norm, frozen parts."""

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import TimmBackbone
from mmfashion_ext.match_rcnn.timm_backbone import fold_batch_norm

NAME = 'tf_efficientnet_lite0'


def test_folding_leaves_no_norm_and_everything_learns():
    backbone = TimmBackbone(NAME, out_indices=(4,))
    names = [name for name, _ in backbone.named_parameters()]
    assert not any('bn' in name for name in names)
    assert all(p.requires_grad for p in backbone.parameters())
    assert 'timm_model.conv_stem.bias' in names


def test_frozen_parts_do_not_learn_the_others_do():
    backbone = TimmBackbone(NAME, out_indices=(2,), frozen_stages=2)
    backbone.train()
    frozen = {
        name.split('.')[1] + name.split('.')[2] * ('blocks' in name)
        for name, p in backbone.named_parameters()
        if not p.requires_grad
    }
    assert frozen == {'conv_stem', 'blocks0'}
    assert not backbone.timm_model.blocks[0].training
    assert backbone.timm_model.blocks[1].training
    loss = sum(f.sum() for f in backbone(torch.randn(1, 3, 32, 32)))
    loss.backward()
    learned = backbone.timm_model.blocks[1][0].conv_pw.weight
    assert learned.grad.abs().sum() > 0


def test_norm_can_stay():
    backbone = TimmBackbone(NAME, out_indices=(2,), fold_norm=False)
    assert 'timm_model.bn1.running_mean' in backbone.state_dict()
    fold_batch_norm(backbone.timm_model)
    assert 'timm_model.bn1.running_mean' not in backbone.state_dict()


def test_channels_last_gives_the_same_contiguous_features():
    """mmcv's RoIAlign reads maps of another memory format wrongly."""
    torch.manual_seed(0)
    backbone = TimmBackbone(NAME, out_indices=(2,)).eval()
    images = torch.randn(2, 3, 32, 64)
    (fast,) = backbone(images)
    assert fast.is_contiguous()
    backbone.channels_last = False
    (plain,) = backbone(images)
    assert (fast - plain).abs().max() < 1e-5 * plain.abs().max()


def test_refuses_unknown_names_and_models_without_blocks():
    with pytest.raises(UserError, match="no model 'efficientnet_9'"):
        TimmBackbone('efficientnet_9')
    with pytest.raises(UserError, match='set frozen_stages=0'):
        TimmBackbone('resnet18', frozen_stages=1)
