# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Fused networks give what the others give."""

import copy

import pytest
import torch
from torch import nn

pytest.importorskip('mmengine')
from mmfashion_ext.tryon.generator import DoublingConv, TryOnGenerator
from mmfashion_ext.tryon.layer_fusion import FusedLevel, fuse
from mmfashion_ext.tryon.warp_net import AppearanceFlowWarp


def trained(model):
    """With statistics as after a training."""
    for name, values in model.state_dict().items():
        if name.endswith('running_var'):
            values.uniform_(0.5, 2)
        elif name.endswith(('running_mean', 'bias')):
            values.normal_(std=0.3)
        elif '.bn' in name and name.endswith('weight'):
            values.uniform_(0.5, 1.5)
    return model


def warp_net():
    # the two finest levels are narrow enough to fuse
    torch.manual_seed(0)
    return trained(
        AppearanceFlowWarp(
            widths=(4, 4, 8, 8, 8), channels=16, head_channels=(8, 6, 4)
        )
    )


def generator():
    torch.manual_seed(0)
    return trained(TryOnGenerator(widths=(4, 5, 6, 8, 8)))


def count(model, kind):
    return sum(isinstance(x, kind) for x in model.modules())


def test_warp_net():
    model = warp_net()
    fused = fuse(model)
    x = torch.rand(2, 3, 96, 64) * 2 - 1
    with torch.no_grad():
        reference = model.eval()(x.flip(3), x, x[:, :1])
        got = fused(x.flip(3), x, x[:, :1])
    for ours, expected in (
        (got.grids, reference.grids),
        (got.condition_features, reference.condition_features),
        (got.warped_cloths, reference.warped_cloths),
    ):
        for a, b in zip(ours, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-4)
    # of the five of a stage, those that begin a block follow no convolution
    assert count(model, nn.BatchNorm2d) == 50
    assert count(fused, nn.BatchNorm2d) == 30
    assert count(fused, FusedLevel) == 4


def test_generator():
    model = generator()
    fused = fuse(model)
    x = torch.randn(2, 7, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(fused(x), model.eval()(x))
    assert count(fused, nn.BatchNorm2d) == 0
    assert count(fused, DoublingConv) == 0


def test_inside_another_module():
    model = nn.ModuleDict({'warp_net': warp_net(), 'generator': generator()})
    before = copy.deepcopy(model.state_dict())
    fused = fuse(model)
    assert not fused.training
    assert not any(x.requires_grad for x in fused.parameters())
    # what was given is as it was
    assert model.training
    assert all(x.requires_grad for x in model.parameters())
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert count(fused, FusedLevel) == 4
    assert count(fused, DoublingConv) == 0


def test_single_convolution():
    torch.manual_seed(0)
    conv = DoublingConv(5, 7).double()
    fused = fuse(conv)
    assert isinstance(fused, nn.ConvTranspose2d)
    for size in ((1, 1), (3, 4)):
        x = torch.randn(2, 5, *size, dtype=torch.double)
        torch.testing.assert_close(fused(x), conv(x))
