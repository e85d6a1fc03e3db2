# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Blocks of the mobile networks: shapes, residuals, fused layers."""

import pytest
import torch
from torch import nn

pytest.importorskip('mmengine')
from mmfashion_ext.tryon.layer_fusion import fuse
from mmfashion_ext.tryon.mobile_blocks import (
    InvertedResidual,
    MobileEncoder,
    MobilePyramid,
)


def test_a_block_adds_its_input_only_where_shapes_agree():
    """Else a block of zeros would not be the identity, or would crash."""
    torch.manual_seed(0)
    x = torch.randn(2, 8, 6, 4)
    for channels, stride, size in (
        (8, 1, (6, 4)),
        (12, 1, (6, 4)),
        (8, 2, (3, 2)),
    ):
        block = InvertedResidual(8, channels, stride).eval()
        assert block(x).shape == (2, channels, *size)
        nn.init.zeros_(block.layers[-1].weight)
        nn.init.zeros_(block.layers[-1].bias)
        found = block(x)
        same = stride == 1 and channels == 8
        torch.testing.assert_close(found, x if same else found * 0)


def test_expansion_of_one_has_no_first_convolution():
    assert len(InvertedResidual(8, 8, expansion=1).layers) == 5
    assert len(InvertedResidual(8, 8, expansion=2).layers) == 8


def test_encoder_and_pyramid_halve_the_size_level_by_level():
    encoder = MobileEncoder(3, (4, 6, 8, 10), (1, 1, 2, 1), skip=1)
    features = encoder(torch.randn(1, 3, 32, 48))
    assert [tuple(x.shape[1:]) for x in features] == [
        *((10, 2, 3), (8, 4, 6), (6, 8, 12))
    ]
    maps = MobilePyramid((6, 8, 10), 5)(features)
    assert [tuple(x.shape[1:]) for x in maps] == [
        *((5, 2, 3), (5, 4, 6), (5, 8, 12))
    ]


def test_normalisations_are_fused_away():
    """Inference would run them one by one otherwise."""
    torch.manual_seed(0)
    encoder = MobileEncoder(3, (4, 6, 8), (2, 2, 1)).eval()
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight, 1, 0.2)
    fused = fuse(encoder)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fused.modules())
    x = torch.randn(2, 3, 16, 24)
    for found, expected in zip(fused(x), encoder(x), strict=True):
        assert expected.abs().max() > 0.01
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
