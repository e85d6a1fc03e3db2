# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The mobile generator: shapes, what it keeps, fused layers."""

import pytest
import torch
from torch import nn

pytest.importorskip('mmengine')
from mmfashion_ext.tryon.layer_fusion import fuse
from mmfashion_ext.tryon.mobile_generator import MobileTryOnGenerator

SMALL = {'widths': (4, 6, 6, 8, 8), 'depths': (1, 1, 1, 1, 1)}


@pytest.mark.parametrize('size', [(64, 32), (128, 96)])
@pytest.mark.parametrize('channels', [4, 5])
def test_shapes(size, channels):
    net = MobileTryOnGenerator(out_channels=channels, **SMALL).eval()
    found = net(torch.rand(2, 7, *size))
    assert found.shape == (2, channels, *size)
    assert net.keeps_photograph is (channels == 5)


def test_every_weight_is_trained():
    torch.manual_seed(0)
    net = MobileTryOnGenerator(**SMALL).train()
    net(torch.rand(2, 7, 64, 64)).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_fused_it_gives_the_same():
    torch.manual_seed(0)
    net = MobileTryOnGenerator(**SMALL).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight, 1, 0.2)
    fused = fuse(net)
    kinds = {type(module) for module in fused.modules()}
    assert nn.BatchNorm2d not in kinds
    assert nn.ConvTranspose2d in kinds
    assert fused.keeps_photograph
    x = torch.rand(1, 7, 64, 96)
    with torch.no_grad():
        expected = net(x)
        assert expected.abs().max() > 0.01
        torch.testing.assert_close(fused(x), expected, atol=1e-5, rtol=1e-4)
