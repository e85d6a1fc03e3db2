# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Frame CNN: features of image and flow, initial weights, half precision."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.backbone import TorchvisionResNet, TwoStreamConv
from mmfashion_ext.scan.frame_cnn import FrameCNN

TINY = dict(type=TorchvisionResNet, depth=10, base_channels=4)


def frame_cnn(**kwargs):
    torch.manual_seed(0)
    model = FrameCNN(TINY, raw_channels=32, channels=6, **kwargs)
    model.init_weights()
    return model


def frames(num=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 3, 3, 16, 8, generator=generator)


def test_backbones_of_mmpretrain_fit():
    """By config, with the same names and outputs."""
    models = [
        FrameCNN(backbone, raw_channels=64, channels=6).eval()
        for backbone in (
            dict(type=TorchvisionResNet, depth=18, base_channels=8),
            dict(
                type='mmpretrain.ResNet',
                depth=18,
                stem_channels=8,
                base_channels=8,
            ),
        )
    ]
    models[1].init_weights()
    models[0].load_state_dict(models[1].state_dict())
    x, flow = frames(), frames(seed=1)
    for ours, theirs in zip(*(m(x, flow) for m in models), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.fault(16)
@pytest.mark.parametrize('channels', [1, 2, 3])
def test_the_last_channels_of_flow_are_used(channels):
    model = frame_cnn(flow_channels=channels).eval()
    x, flow = frames(), frames(seed=1)
    expected, _ = model(x, flow)
    other = flow.clone()
    other[:, :, : 3 - channels] = 7
    torch.testing.assert_close(model(x, other)[0], expected)
    other[:, :, -channels:] += 1
    assert not torch.allclose(model(x, other)[0], expected)


@pytest.mark.fault(16)
def test_wrong_channels_of_flow():
    with pytest.raises(UserError, match='flow_channels must be 1 or more'):
        frame_cnn(flow_channels=0)
    with pytest.raises(UserError, match='is 4, but flow maps have 3'):
        frame_cnn(flow_channels=4)(frames(), frames())


def test_two_streams_meet_before_the_first_normalisation():
    model = frame_cnn()
    stem, net = model.backbone.conv1, model.backbone
    assert isinstance(stem, TwoStreamConv)
    img, flow = frames(), frames(seed=1)
    x = F.conv2d(img.flatten(0, 1), stem.weight, None, 2, 3)
    x = x + F.conv2d(flow.flatten(0, 1), stem.flow.weight, None, 2, 3)
    x = net.maxpool(net.relu(net.bn1(x)))
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        x = stage(x)
    raw = x.flatten(2).mean(2)
    x = model.feat_bn(model.feat(raw))
    x = torch.stack([row / (row**2).sum().sqrt() for row in x])
    found_x, found_raw = model(img, flow)
    torch.testing.assert_close(found_raw, raw.view(2, 3, 32))
    torch.testing.assert_close(found_x, x.view(2, 3, 6))
    assert (found_raw >= 0).all()


def test_images_only():
    model = frame_cnn(flow=False)
    assert type(model.backbone.conv1) is nn.Conv2d
    x, raw = model.eval()(frames())
    assert x.shape == (2, 3, 6)
    assert raw.shape == (2, 3, 32)
    torch.testing.assert_close(x, model(frames(), frames(seed=1))[0])


def test_flow_starts_from_he_and_images_from_pretrained_weights(tmp_path):
    donor = TorchvisionResNet(10, 64)
    torch.save(donor.state_dict(), tmp_path / 'donor.pth')
    pretrained = dict(type='Pretrained', checkpoint=f'{tmp_path}/donor.pth')
    model = FrameCNN(
        dict(type=TorchvisionResNet, depth=10, init_cfg=pretrained), 512
    )
    model.init_weights()
    stem = model.backbone.conv1
    assert (stem.weight == donor.conv1.weight).all()
    std = (2 / 3136) ** 0.5
    assert stem.flow.weight.std().item() == pytest.approx(std, rel=0.05)
    assert model.feat.weight.std().item() == pytest.approx(0.125, rel=0.01)


def test_published_size():
    """25,828,968 parameters, but for ImageNet's classes."""
    with torch.device('meta'):
        model = FrameCNN(dict(type=TorchvisionResNet, depth=50))
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == 25_828_968 - 1000 * 2049
    assert len(model.state_dict()) == 328 - 2


def test_embedding_of_zero():
    """NaN as published, zero with eps."""
    for eps, finite in ((0.0, False), (1e-12, True)):
        model = frame_cnn(eps=eps).eval()
        nn.init.zeros_(model.feat.weight)
        x, _ = model(frames(), frames())
        assert x.isfinite().all() == finite


def test_half_precision_ends_at_the_backbone():
    model = frame_cnn()
    with torch.autocast('cpu', torch.bfloat16):
        x, raw = model(frames(), frames())
    assert x.dtype == raw.dtype == torch.float32
    torch.testing.assert_close(x.norm(dim=-1), torch.ones(2, 3))


def test_unfit_settings_are_refused():
    with pytest.raises(UserError, match=r'raw_channels is 2048, but .* 32'):
        FrameCNN(TINY)
    with pytest.raises(UserError, match='no first convolution conv1'):
        FrameCNN(dict(type='mmpretrain.ResNetV1d', depth=50))
    with pytest.raises(UserError, match='the clips have none'):
        frame_cnn()(frames())


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_gpu_equals_cpu():
    model = frame_cnn().eval()
    img, flow = frames(), frames(seed=1)
    expected = model(img, flow)
    found = model.cuda()(img.cuda(), flow.cuda())
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, atol=1e-3, rtol=1e-3)
