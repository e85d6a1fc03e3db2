# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The warp network against one written out with plain operations.

The other one reads the same weights by name and shares no code: convolutions
are sums of shifted products, bilinear sampling gathers four pixels.
"""

import pytest
import torch
from torch import nn

pytest.importorskip('mmengine')
from mmfashion_ext.tryon.warp_net import AppearanceFlowWarp

NARROW = {
    'widths': (4, 6, 8, 8, 8),
    'channels': 8,
    'head_channels': (8, 6, 4),
}


def warp_net(seed=0, dtype=torch.double, **kwargs):
    """Narrow, with statistics as after a training and flows of some px."""
    torch.manual_seed(seed)
    model = AppearanceFlowWarp(**NARROW, **kwargs).to(dtype).eval()
    for name, values in model.state_dict().items():
        if name.endswith('running_var'):
            values.uniform_(0.5, 2)
        elif name.endswith('running_mean') or 'bias' in name:
            values.normal_(std=0.3)
        elif name.endswith('weight'):
            values.mul_(1.5)
    return model


def images(h, w, batch=2, condition=3, dtype=torch.double):
    generator = torch.Generator().manual_seed(h * w)

    def noise(channels):
        shape = batch, channels, h, w
        return torch.rand(shape, generator=generator, dtype=dtype)

    mask = (noise(1) > 0.3).to(dtype)
    return noise(condition) * 2 - 1, (noise(3) * 2 - 1) * mask, mask


class Plain:
    """The fact sheet's network, from the weights of ours."""

    def __init__(self, model):
        self.weights = dict(model.named_parameters())
        self.weights |= dict(model.named_buffers())

    def conv(self, name, x, stride=1):
        weight = self.weights[f'{name}.weight']
        batch, _, h, w = x.shape
        side = weight.shape[2]
        around = x.new_zeros(batch, x.shape[1], h + side - 1, w + side - 1)
        at = side // 2
        around[:, :, at : at + h, at : at + w] = x
        out = 0
        for i in range(side):
            for j in range(side):
                seen = around[:, :, i : i + h : stride, j : j + w : stride]
                out = out + torch.tensordot(
                    weight[:, :, i, j], seen, dims=([1], [1])
                ).transpose(0, 1)
        bias = self.weights.get(f'{name}.bias')
        return out if bias is None else out + bias[:, None, None]

    def norm_relu(self, name, x):
        mean, variance, weight, bias = (
            self.weights[f'{name}.{part}'][:, None, None]
            for part in ('running_mean', 'running_var', 'weight', 'bias')
        )
        y = (x - mean) / (variance + 1e-5) ** 0.5 * weight + bias
        return y * (y > 0)

    def pyramid(self, side, x):
        encoded = []
        for stage in range(5):
            name = f'{side}_encoder.{stage}'
            x = self.norm_relu(f'{name}.0.bn', x)
            x = self.conv(f'{name}.0.conv', x, stride=2)
            for block in (1, 2):
                y = self.norm_relu(f'{name}.{block}.bn1', x)
                y = self.conv(f'{name}.{block}.conv1', y)
                y = self.norm_relu(f'{name}.{block}.bn2', y)
                x = x + self.conv(f'{name}.{block}.conv2', y)
            encoded.append(x)
        maps = []
        for level, x in enumerate(reversed(encoded)):
            y = self.conv(f'{side}_fpn.lateral.{level}', x)
            if maps:
                above = maps[-1].repeat_interleave(2, dim=2)
                y = y + above.repeat_interleave(2, dim=3)
            maps.append(self.conv(f'{side}_fpn.smooth.{level}', y))
        return maps

    def head(self, name, x):
        for layer in (0, 2, 4):
            y = self.conv(f'{name}.{layer}', x)
            x = torch.where(y > 0, y, 0.1 * y)
        return self.conv(f'{name}.6', x)

    def cascade(self, condition, cloth, mask):
        flat, person = (
            self.pyramid('cloth', cloth),
            self.pyramid('condition', condition),
        )
        grids, offsets, cloths, masks = [], [], [], []
        for i in range(5):
            f, k = flat[i], person[i]
            a = bilinear(f, grids[-1].detach(), 'border') if grids else f
            alike = shifted_products(a, k)
            alike = torch.where(alike > 0, alike, 0.1 * alike)
            d1 = self.head(f'main_heads.{i}', alike)
            p = to_grid(d1)
            if grids:
                p = bilinear(grids[-1], p, 'border')
            both = torch.cat([bilinear(f, p, 'border'), k], dim=1)
            d2 = self.head(f'refine_heads.{i}', both)
            grids.append(doubled(bilinear(p, to_grid(d2), 'border')))
            offsets += [d1, d2]
            cloths.append(bilinear(shrunk(cloth, 4 - i), grids[-1], 'border'))
            masks.append(bilinear(shrunk(mask, 4 - i), grids[-1], 'zeros'))
        return grids, offsets, person, cloths, masks


def to_grid(offset):
    h, w = offset.shape[2:]
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing='ij')
    gx = (x + offset[:, 0]) / ((w - 1) / 2) - 1
    gy = (y + offset[:, 1]) / ((h - 1) / 2) - 1
    return torch.stack([gx, gy], dim=1)


def pixels(image, y, x):
    """image[b, :, y[b], x[b]] for maps of whole places, 0 outside."""
    h, w = image.shape[2:]
    inside = (y >= 0) & (y < h) & (x >= 0) & (x < w)
    position = y.clamp(0, h - 1) * w + x.clamp(0, w - 1)
    rows = [
        one.flatten(1)[:, where.flatten()].view(-1, *where.shape)
        for one, where in zip(image, position, strict=True)
    ]
    return torch.stack(rows) * inside[:, None]


def between(image, y, x):
    """Bilinear at places in px."""
    top, left = y.floor(), x.floor()
    out = 0
    for i in (0, 1):
        for j in (0, 1):
            weight = (1 - (y - top - i).abs()) * (1 - (x - left - j).abs())
            found = pixels(image, (top + i).long(), (left + j).long())
            out = out + weight[:, None] * found
    return out


def bilinear(image, grid, padding):
    h, w = image.shape[2:]
    x = (grid[:, 0] + 1) * (w - 1) / 2
    y = (grid[:, 1] + 1) * (h - 1) / 2
    if padding == 'border':
        x, y = x.clamp(0, w - 1), y.clamp(0, h - 1)
    return between(image, y, x)


def doubled(image):
    """Twice the size; a pixel is an area here, not a point."""
    batch, _, h, w = image.shape
    y = ((torch.arange(2 * h) + 0.5) / 2 - 0.5).clamp(0, h - 1)
    x = ((torch.arange(2 * w) + 0.5) / 2 - 0.5).clamp(0, w - 1)
    shape = batch, 2 * h, 2 * w
    y, x = y.to(image)[:, None].expand(shape), x.to(image).expand(shape)
    return between(image, y, x)


def shrunk(image, times):
    """Mean of the middle 2 x 2 pixels of each block."""
    if times == 0:
        return image
    side, low = 2**times, 2 ** (times - 1) - 1
    rows = image[:, :, low::side] + image[:, :, low + 1 :: side]
    return (rows[..., low::side] + rows[..., low + 1 :: side]) / 4


def shifted_products(first, second):
    h, w = first.shape[2:]
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing='ij')
    batch = len(first)
    out = []
    for dy in range(-3, 4):
        for dx in range(-3, 4):
            moved = pixels(
                second,
                (y + dy).expand(batch, -1, -1),
                (x + dx).expand(batch, -1, -1),
            )
            out.append((first * moved).mean(dim=1))
    return torch.stack(out, dim=1)


def everything(result):
    return (
        result.grids,
        result.offsets,
        result.condition_features,
        result.warped_cloths,
        result.warped_masks,
    )


@pytest.mark.parametrize('size', [(256, 192), (512, 384), (64, 96)])
def test_cascade_written_out(size):
    model = warp_net()
    inputs = images(*size, batch=1 if size[0] > 256 else 2)
    with torch.no_grad():
        result = model(*inputs)
        reference = Plain(model).cascade(*inputs)
    for ours, plain in zip(everything(result), reference, strict=True):
        for got, expected in zip(ours, plain, strict=True):
            torch.testing.assert_close(got, expected, rtol=0, atol=1e-8)
    h, w = size
    assert result.grid.shape[2:] == size
    assert [tuple(x.shape[2:]) for x in result.warped_masks] == [
        (h >> n, w >> n) for n in range(4, -1, -1)
    ]
    moved = result.offsets[-1].abs().max()
    assert moved > 1, 'a flow that moves nothing would prove nothing'


def test_gradients_written_out():
    model = warp_net()
    inputs = images(64, 64)
    generator = torch.Generator().manual_seed(0)

    def gradients(grids, offsets, features, cloths, masks):
        loss = 0
        for x in (*grids, *offsets, *cloths, *masks):
            weights = torch.randn(x.shape, generator=generator).to(x)
            loss = loss + (x * weights).mean()
        return torch.autograd.grad(loss, list(model.parameters()))

    ours = gradients(*everything(model(*inputs)))
    generator.manual_seed(0)
    plain = gradients(*Plain(model).cascade(*inputs))
    for got, expected in zip(ours, plain, strict=True):
        torch.testing.assert_close(got, expected)


def test_only_aligning_is_not_trained_through():
    """Scale 1's first offset ignores scale 0's heads, its second does not."""
    model = warp_net()
    condition, cloth, _ = images(64, 64)
    _, offsets = model.flows(
        model.encode_cloth(cloth), model.encode_condition(condition)
    )
    heads = [*model.main_heads[0].parameters()]
    heads += model.refine_heads[0].parameters()

    def reached(offset):
        found = torch.autograd.grad(
            offset.square().sum(), heads, retain_graph=True, allow_unused=True
        )
        return [x is not None and bool(x.any()) for x in found]

    assert not any(reached(offsets[2]))
    assert all(reached(offsets[3]))


def parameters(model):
    return sum(x.numel() for x in model.parameters())


def test_published_sizes():
    with torch.device('meta'):
        student = AppearanceFlowWarp()
        tutor = AppearanceFlowWarp(condition_channels=45)
    assert parameters(student) == 29_304_416
    assert parameters(tutor) == 29_328_692
    assert len(student.state_dict()) == 420


def test_normalisation_is_as_published():
    norms = [x for x in warp_net().modules() if isinstance(x, nn.BatchNorm2d)]
    assert {(x.eps, x.momentum) for x in norms} == {(1e-5, 0.1)}


def test_features_computed_before_and_full_size_only():
    model = warp_net()
    condition, cloth, mask = images(64, 32)
    with torch.no_grad():
        full = model(condition, cloth, mask)
        features = model.encode_condition(condition)
        again = model(None, cloth, mask, condition_features=features)
        finest = model(condition, cloth, mask, all_scales=False)
    for ours, expected in zip(
        everything(again), everything(full), strict=True
    ):
        assert all(map(torch.equal, ours, expected))
    assert len(finest.warped_cloths) == len(finest.warped_masks) == 1
    assert torch.equal(finest.warped_cloth, full.warped_cloth)
    assert torch.equal(finest.warped_mask, full.warped_mask)
    assert torch.equal(finest.grid, full.grids[-1])


def test_one_garment_is_bent_by_many_grids():
    model = warp_net()
    condition, cloth, mask = images(64, 32)
    with torch.no_grad():
        grid = model(condition, cloth, mask).grid
        cloths, masks = model.warp(cloth[:1], mask[:1], grid)
        for b in range(2):
            one = model.warp(cloth[:1], mask[:1], grid[b : b + 1])
            assert torch.equal(cloths[b], one[0][0])
            assert torch.equal(masks[b], one[1][0])


def test_smallest_image_has_one_pixel_at_the_coarsest_scale():
    model = warp_net()
    with torch.no_grad():
        result = model(*images(32, 32))
    assert all(x.isfinite().all() for x in result.grids)


def test_size_must_be_divisible():
    with pytest.raises(ValueError, match=r'48 x 64 px .* divisible by 32'):
        warp_net()(*images(48, 64))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_keeps_the_flows_exact(dtype):
    model = warp_net(dtype=torch.float32)
    inputs = images(64, 64, dtype=torch.float32)
    with torch.no_grad():
        exact = model(*inputs)
        with torch.autocast('cpu', dtype):
            result = model(*inputs)
    assert {x.dtype for x in result.grids} == {torch.float32}
    assert result.warped_cloth.dtype == torch.float32
    assert {x.dtype for x in result.condition_features} == {dtype}
    for got, reference in zip(result.grids, exact.grids, strict=True):
        assert (got - reference).abs().mean() < 10 * torch.finfo(dtype).eps


def test_float32_flows_are_near_those_of_float64():
    """Mean error 6e-8 here; 19e-8 if a grid is multiplied, not divided."""
    model = warp_net()
    single = warp_net(dtype=torch.float32)
    single.load_state_dict(model.state_dict())
    condition, cloth, _ = images(256, 192, batch=1)
    with torch.no_grad():
        features = [
            [x.float() for x in maps]
            for maps in (
                model.encode_cloth(cloth),
                model.encode_condition(condition),
            )
        ]
        got = single.flows(*features)[0][-1].double()
        reference = model.flows(*([x.double() for x in m] for m in features))
    error = (got - reference[0][-1]).abs()
    assert error.mean() < 1e-7
    assert error.max() < 8e-7


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_gpu_equals_cpu():
    model = warp_net()
    inputs = images(64, 96)
    with torch.no_grad():
        reference = model(*inputs)
        got = model.cuda()(*(x.cuda() for x in inputs))
    for ours, expected in zip(
        everything(got), everything(reference), strict=True
    ):
        for x, y in zip(ours, expected, strict=True):
            torch.testing.assert_close(x.cpu(), y, rtol=0, atol=1e-5)
