# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The mobile warp network: shapes, size, acceleration, export, style."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

pytest.importorskip('mmengine')
from mmfashion_ext.hub import get_model
from mmfashion_ext.tryon.flow import offset_to_grid, upsample
from mmfashion_ext.tryon.inference.fast_try_on import FastTryOn
from mmfashion_ext.tryon.inference.onnx_export import check_onnx, export_onnx
from mmfashion_ext.tryon.losses import WarpLoss
from mmfashion_ext.tryon.mobile_warp_net import MobileFlowHead, MobileFlowWarp

MODEL = 'pf-afn-mobile_e2e_8xb4-100e_viton-256x192'
SMALL = {
    'widths': (4, 4, 6, 6, 6),
    'depths': (1, 1, 1, 1, 1),
    'channels': 8,
    'head_channels': (8, 6, 4),
}
H, W = 64, 96


def randomise(model):
    """Make normalisations and flows count."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight, 1, 0.2)
    net = getattr(model, 'warp_net', model)
    for head in net.main_heads:
        nn.init.normal_(head.layers[-1].weight, 0, 0.3)
        nn.init.uniform_(head.layers[-1].bias, -1, 1)
    return model


@pytest.fixture(params=[0, 12], ids=['plain', 'style'], scope='module')
def model(request):
    torch.manual_seed(0)
    small = {f'model.warp_net.{k}': v for k, v in SMALL.items()}
    small['model.warp_net.style_channels'] = request.param
    generator = {'widths': (4, 4, 6, 6, 6), 'depths': (1, 1, 1, 1, 1)}
    small |= {f'model.generator.{k}': v for k, v in generator.items()}
    model = get_model(MODEL, **{'model.perceptual': None, **small})
    assert type(model.warp_net) is MobileFlowWarp
    nn.init.normal_(model.generator.last_conv.weight, 0, 0.5)
    return randomise(model).eval()


@pytest.fixture(scope='module')
def inputs():
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(3, 7, H // 8, W // 8, generator=generator)
    noise = nn.functional.interpolate(noise, size=(H, W), mode='bilinear')
    mask = (noise[:, 6:] > 0.4).float()
    return {
        'person': noise[:, :3] * 2 - 1,
        'cloth': (noise[:, 3:6] * 2 - 1) * mask,
        'cloth_mask': mask,
    }


@pytest.mark.parametrize('size', [(128, 96), (64, 64), (32, 96)])
def test_results_have_the_shapes_of_the_large_network(size):
    """Losses and distillation go by the sizes of five grids."""
    net = MobileFlowWarp(**SMALL).eval()
    h, w = size
    image, mask = torch.rand(2, 3, h, w), torch.ones(2, 1, h, w)
    result = net(image, image, mask)
    sizes = [(h // 2**n, w // 2**n) for n in (4, 3, 2, 1, 0)]
    assert [tuple(grid.shape[2:]) for grid in result.grids] == sizes
    assert [tuple(x.shape[2:]) for x in result.warped_cloths] == sizes
    assert len(result.condition_features) == len(result.offsets) == 4
    with pytest.raises(ValueError, match='divisible by 32'):
        net(image[..., :-1], image[..., :-1], mask[..., :-1])


def test_an_untrained_network_does_not_warp():
    """All offsets are 0 at the start: upsampled identities."""
    net = MobileFlowWarp(**SMALL).eval()
    image, mask = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    result = net(image, image, mask, all_scales=False)
    assert not any(offset.any() for offset in result.offsets)
    lying = upsample(offset_to_grid(torch.zeros(1, 2, 2, 2)))
    torch.testing.assert_close(result.grids[0], lying)
    lying = offset_to_grid(torch.zeros(1, 2, 64, 64))
    assert (result.grid - lying).abs().max() < 0.6, 'half a coarse pixel'


def test_size_of_the_published_network():
    """At most 10 M parameters and 8 GFLOP at 256 x 192 px."""
    model = get_model(MODEL, **{'model.perceptual': None}).eval()
    networks = model.warp_net, model.generator
    count = sum(p.numel() for net in networks for p in net.parameters())
    assert 1e6 < count < 10e6
    inputs = {
        'person': torch.rand(1, 3, 256, 192),
        'cloth': torch.rand(1, 3, 256, 192),
        'cloth_mask': torch.ones(1, 1, 256, 192),
    }
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        composition, _ = model.try_on(inputs)
    assert composition.try_on.shape == (1, 3, 256, 192)
    assert 0.5e9 < counter.get_total_flops() < 8e9


def test_every_weight_is_trained(inputs):
    torch.manual_seed(0)
    net = randomise(MobileFlowWarp(**SMALL, style_channels=6)).train()
    result = net(inputs['person'], inputs['cloth'], inputs['cloth_mask'])
    mask = inputs['cloth_mask']
    losses = WarpLoss()(result, inputs['person'] * mask, mask)
    sum(losses.values()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_accelerated_it_gives_the_same(model, inputs):
    fast = FastTryOn(model)
    with torch.no_grad():
        expected, their_warp = model.try_on(inputs)
    found, warp = fast.try_on(inputs)
    for ours, theirs in (
        (found.try_on, expected.try_on),
        (found.changed, expected.changed),
        *zip(warp.grids, their_warp.grids, strict=True),
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    lying = torch.linspace(-1, 1, W).expand(3, H, W)
    assert (warp.grid[:, 0] - lying).abs().mean() > 0.02, 'an identity'


def test_one_person_in_all_cloths_and_one_cloth_on_all(model, inputs):
    fast = FastTryOn(model)
    for kinds in (('person',), ('cloth', 'cloth_mask')):
        one = {k: v[1:2] if k in kinds else v for k, v in inputs.items()}
        found, _ = fast.try_on(one)
        with torch.no_grad():
            expected, _ = model.try_on(
                {k: v.expand(3, -1, -1, -1) for k, v in one.items()}
            )
        torch.testing.assert_close(
            found.try_on, expected.try_on, rtol=0, atol=1e-4
        )


def test_exported_it_gives_the_same(model, tmp_path):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    path = tmp_path / 'model.onnx'
    export_onnx(model, path)
    sizes = [(64, 64), (96, 128)]
    differences = check_onnx(model, path, sizes, tolerance=1e-4)
    assert all(difference < 1e-4 for difference in differences.values())


def test_the_style_of_a_garment_reaches_every_pixel():
    """The vector is global: one far pixel of the garment changes all."""
    torch.manual_seed(0)
    head = MobileFlowHead(4, (6, 4), style_channels=3).eval()
    nn.init.normal_(head.layers[-1].weight)
    x = torch.randn(2, 4, 5, 6)
    style = torch.randn(2, 3)
    changed = style.clone()
    changed[0, 1] += 1
    difference = (head(x, style) - head(x, changed)).abs()
    assert (difference[0].amax(0) > 0).all()
    assert not difference[1].any(), 'the style of another sample'
    plain = MobileFlowHead(4, (6, 4))
    assert plain.modulation is None
    net = MobileFlowWarp(**SMALL, style_channels=3, style_levels=1)
    heads = [head.modulation is not None for head in net.main_heads]
    assert heads == [True, False, False, False]


def test_no_person_at_all():
    """An empty batch passes, as the last one of a sharded test may be."""
    net = MobileFlowWarp(**SMALL).eval()
    empty = torch.zeros(0, 3, 64, 64)
    result = net(empty, empty, torch.zeros(0, 1, 64, 64))
    assert result.grid.shape == (0, 2, 64, 64)
