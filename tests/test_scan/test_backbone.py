# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""ResNets of torchvision's blocks, and the two-stream first convolution."""

import pytest
import torch
import torchvision
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.backbone import TorchvisionResNet, TwoStreamConv


def shapes(model):
    return {name: v.shape for name, v in model.state_dict().items()}


@pytest.mark.parametrize('depth', [18, 50])
def test_names_and_shapes_are_those_of_torchvision(depth):
    with torch.device('meta'):
        ours = shapes(TorchvisionResNet(depth))
        theirs = shapes(getattr(torchvision.models, f'resnet{depth}')())
    del theirs['fc.weight'], theirs['fc.bias']
    assert ours == theirs


def test_output_is_that_of_torchvision():
    theirs, ours = torchvision.models.resnet18(), TorchvisionResNet(18)
    ours.load_state_dict(theirs.state_dict(), strict=False)
    theirs.avgpool, theirs.fc = nn.Identity(), nn.Identity()
    x = torch.randn(2, 3, 33, 20)
    torch.testing.assert_close(ours(x)[0].flatten(1), theirs(x))
    assert ours.feat_dim == 512


@pytest.mark.parametrize(('depth', 'channels'), [(10, 32), (50, 128)])
def test_size_of_the_last_map(depth, channels):
    model = TorchvisionResNet(depth, base_channels=4)
    (maps,) = model(torch.randn(2, 3, 64, 33))
    assert maps.shape == (2, channels, 2, 2)
    assert model.feat_dim == channels


def test_two_streams_are_added():
    plain = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
    conv = TwoStreamConv(plain, flow_channels=2)
    assert conv.weight is plain.weight
    assert set(conv.state_dict()) == {'weight', 'flow.weight'}
    frames = torch.randn(2, 5, 12, 10)
    flow = nn.functional.conv2d(frames[:, 3:], conv.flow.weight, None, 2, 3)
    torch.testing.assert_close(conv(frames), plain(frames[:, :3]) + flow)


def test_unknown_depth_is_refused():
    with pytest.raises(UserError, match='depth must be one of'):
        TorchvisionResNet(20)
