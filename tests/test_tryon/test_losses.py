# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import copy
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.tryon.generator import Composition
from mmfashion_ext.tryon.losses import (
    SkinLoss,
    TryOnLoss,
    WarpLoss,
    charbonnier,
    roughness,
    second_order,
    total_variation,
)
from mmfashion_ext.tryon.perceptual import PerceptualLoss
from mmfashion_ext.tryon.warp_net import WarpResult

SIZE = 64, 48
FLOOR = 0.001995  # 0.000001 ^ 0.45


@pytest.fixture
def rand():
    generator = torch.Generator().manual_seed(0)
    return partial(torch.rand, generator=generator, dtype=torch.double)


@pytest.fixture(scope='module')
def vgg():
    return PerceptualLoss(seed=0).double()


def scales(size=SIZE, num=5):
    return [tuple(side >> (num - 1 - n) for side in size) for n in range(num)]


def result(rand, size=SIZE, batch=2):
    """Five scales of anything; the offsets have half the size of a grid."""
    sizes = scales(size)
    halves = [(max(h // 2, 1), max(w // 2, 1)) for h, w in sizes]
    lists = dict(
        grids=[rand(batch, 2, *s) * 2 - 1 for s in sizes],
        offsets=[rand(batch, 2, *s) * 9 for s in halves for _ in range(2)],
        condition_features=[rand(batch, 4, *s) for s in halves],
        warped_cloths=[rand(batch, 3, *s) * 2 - 1 for s in sizes],
        warped_masks=[rand(batch, 1, *s) for s in sizes],
    )
    for tensors in lists.values():
        for tensor in tensors:
            tensor.requires_grad_()
    return WarpResult(**lists)


def to(result, dtype):
    return WarpResult(
        **{
            name: [tensor.detach().to(dtype) for tensor in tensors]
            for name, tensors in vars(result).items()
        }
    )


def leaves(result):
    return [
        *result.grids,
        *result.offsets,
        *result.warped_cloths,
        *result.warped_masks,
    ]


def shrunk(image, times):
    """What bilinear resizing by 2^-k means: the central 2 x 2 of a block."""
    if times == 0:
        return image
    block = 2**times
    low, high = block // 2 - 1, block // 2
    return (
        sum(
            image[:, :, y::block, x::block]
            for y in (low, high)
            for x in (low, high)
        )
        / 4
    )


def plain_roughness(grid):
    """By four 3 x 3 kernels, as published."""
    total = 0.0
    kernels = torch.zeros(4, 1, 3, 3, dtype=grid.dtype)
    kernels[:, :, 1, 1] = -2
    for kernel, ends in zip(
        kernels,
        [
            ((1, 0), (1, 2)),
            ((0, 1), (2, 1)),
            ((0, 0), (2, 2)),
            ((0, 2), (2, 0)),
        ],
        strict=True,
    ):
        for y, x in ends:
            kernel[0, y, x] = 1
    for channel in (0, 1):
        second = F.conv2d(grid[:, channel : channel + 1], kernels)
        total += ((second**2 + 0.001**2) ** 0.45).mean()
    return total


def plain_warp_loss(result, clothes, mask, vgg):
    """W term by term, as in the facts of the paper's code."""
    tv = cloth = look = masks = rough = 0
    for d in result.offsets:
        tv += (d[:, :, 1:] - d[:, :, :-1]).abs().mean()
        tv += (d[..., 1:] - d[..., :-1]).abs().mean()
    for n in range(5):
        x, e, target = (
            result.warped_cloths[n],
            result.warped_masks[n],
            shrunk(clothes, 4 - n),
        )
        cloth += (n + 1) * (x - target).abs().mean()
        look += (n + 1) * 0.2 * vgg(x, target)
        masks += (n + 1) * 2 * (e - shrunk(mask, 4 - n)).abs().mean()
        rough += (n + 1) * 6 * plain_roughness(result.grids[n])
    return dict(
        loss_tv=0.01 * tv,
        loss_cloth=cloth,
        loss_perceptual=look,
        loss_mask=masks,
        loss_second_order=rough,
    )


def test_warp_loss_is_the_published_one(
    rand, plain_distance, assert_same_losses
):
    vgg, warped = plain_distance(), result(rand, size=(96, 64))
    clothes = rand(2, 3, 96, 64) * 2 - 1
    mask = (rand(2, 1, 96, 64) > 0.5).double()
    assert_same_losses(
        WarpLoss(vgg)(warped, clothes, mask),
        plain_warp_loss(warped, clothes, mask, vgg),
        leaves(warped),
        atol=1e-12,
        rtol=1e-10,
    )


def test_small_masks_are_fractional(rand):
    """One row of ones in sixteen becomes a half where it is sampled."""
    warped = result(rand)
    for mask in warped.warped_masks:
        mask.data.zero_()
    mask = torch.zeros(2, 1, *SIZE, dtype=torch.double)
    mask[:, :, 7] = 1
    loss = WarpLoss(scale_weights=(1, 0, 0, 0, 0), mask_weight=1.0)
    found = loss(warped, warped.warped_cloths[-1], mask)['loss_mask']
    assert found.item() == pytest.approx(0.5 / 4)  # in one of four rows


def test_a_perfect_and_flat_warp_costs_the_floor_only(rand, plain_distance):
    clothes, mask = rand(2, 3, *SIZE), torch.ones(2, 1, *SIZE).double()
    sizes = scales()
    affine = F.affine_grid(
        torch.tensor([[[0.9, 0.1, 0], [0.2, 1, 0.1]]] * 2).double(),
        [2, 3, *SIZE],
        align_corners=True,
    ).permute(0, 3, 1, 2)
    warped = WarpResult(
        grids=[affine[:, :, :h, :w] for h, w in sizes],
        offsets=[torch.full((2, 2, 4, 3), 7.0).double()] * 10,
        condition_features=[],
        warped_cloths=[shrunk(clothes, 4 - n) for n in range(5)],
        warped_masks=[torch.ones(2, 1, *s).double() for s in sizes],
    )
    found = WarpLoss(plain_distance())(warped, clothes, mask)
    for name, value in found.items():
        expected = 0.0
        if name == 'loss_second_order':
            expected = 6 * (1 + 2 + 3 + 4 + 5) * 2 * FLOOR
        assert value.item() == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_total_variation_by_hand():
    """x rises by 1 per column and 3 per row, y not at all."""
    offset = torch.zeros(1, 2, 3, 4)
    offset[0, 0] = torch.arange(4) + 3 * torch.arange(3)[:, None]
    assert total_variation(offset).item() == pytest.approx((3 + 1) / 2)


def test_second_order_by_hand():
    """x^2 + 10 xy: 2 along a row, 0 down, 2 +- 20 along the diagonals."""
    x, y = torch.arange(5.0), torch.arange(4.0)[:, None]
    grid = torch.stack([x**2 + 10 * x * y, y + 2 * x])[None]
    found = second_order(grid)
    assert found.shape == (1, 2, 4, 2, 3)
    for k, value in enumerate([2, 0, 22, -18]):
        assert (found[0, 0, k] == value).all()
    assert not found[0, 1].any(), 'nothing where the grid is affine'


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3), st.integers(3, 9), st.integers(3, 9), st.integers(0, 99)
)
def test_roughness_is_that_of_four_kernels(batch, h, w, seed):
    generator = torch.Generator().manual_seed(seed)
    grid = torch.rand(batch, 2, h, w, generator=generator).double()
    torch.testing.assert_close(
        roughness(grid), plain_roughness(grid), atol=1e-12, rtol=1e-12
    )


@settings(max_examples=40, deadline=None)
@given(
    st.integers(3, 9), st.integers(3, 9), st.floats(-3, 3), st.floats(-3, 3)
)
def test_an_affine_map_is_smooth(h, w, a, b):
    y, x = torch.arange(h).double()[:, None], torch.arange(w).double()
    grid = torch.stack([a * x + b * y, b * x - a * y + 1])[None]
    assert roughness(grid).item() == pytest.approx(2 * FLOOR, rel=1e-3)


@pytest.mark.parametrize('size', [(1, 1), (2, 5), (5, 2), (1, 7), (2, 2)])
def test_too_small_for_second_differences(size):
    grid = torch.rand(2, 2, *size, requires_grad=True)
    loss = roughness(grid)
    loss.backward()
    assert loss == 0
    assert not grid.grad.any()


@pytest.mark.parametrize('size', [(1, 1), (1, 4), (3, 1)])
def test_total_variation_of_one_row_or_column(size):
    offset = torch.rand(2, 2, *size, requires_grad=True)
    loss = total_variation(offset)
    loss.backward()
    expected = sum(
        offset.detach().diff(dim=dim).abs().mean()
        for dim in (2, 3)
        if offset.shape[dim] > 1
    )
    assert loss.item() == pytest.approx(float(expected))
    assert offset.grad.isfinite().all()


def test_charbonnier_has_a_finite_slope_at_zero():
    x = torch.zeros(3, requires_grad=True)
    charbonnier(x).sum().backward()
    assert (charbonnier(x) - FLOOR).abs().max() < 1e-6
    assert not x.grad.any()


def test_smallest_images(rand, vgg):
    """32 x 32: the coarsest cloth has 2 x 2 pixels, its offsets one."""
    warped = result(rand, size=(32, 32), batch=1)
    mask = torch.zeros(1, 1, 32, 32).double()
    clothes = rand(1, 3, 32, 32)
    found = WarpLoss(vgg)(warped, clothes, mask)
    sum(found.values()).backward()
    assert all(value.isfinite() for value in found.values())
    assert all(leaf.grad.isfinite().all() for leaf in leaves(warped))
    look = sum(
        0.2 * (n + 1) * vgg(warped.warped_cloths[n], shrunk(clothes, 4 - n))
        for n in range(5)
    )
    torch.testing.assert_close(found['loss_perceptual'], look)


@pytest.mark.parametrize('value', [0.0, 1.0])
def test_no_clothes_on_the_person_or_nothing_else(rand, value, plain_distance):
    """An all-zero mask, and constant images."""
    warped = result(rand)
    for tensors in (warped.warped_cloths, warped.warped_masks):
        for tensor in tensors:
            tensor.data.fill_(value)
    clothes = torch.full((2, 3, *SIZE), value).double()
    found = WarpLoss(plain_distance())(warped, clothes, clothes[:, :1])
    sum(found.values()).backward()
    for name in ('loss_cloth', 'loss_perceptual', 'loss_mask'):
        assert found[name] == 0
    assert all(leaf.grad.isfinite().all() for leaf in leaves(warped))


def test_gradcheck_warp(rand, plain_distance):
    warped = result(rand, size=(32, 32), batch=1)
    clothes, mask = rand(1, 3, 32, 32), rand(1, 1, 32, 32)
    loss = WarpLoss(plain_distance())

    def total(*tensors):
        items = iter(tensors)
        changed = WarpResult(
            grids=[next(items) for _ in range(5)],
            offsets=[next(items) for _ in range(10)],
            condition_features=[],
            warped_cloths=[next(items) for _ in range(5)],
            warped_masks=[next(items) for _ in range(5)],
        )
        return sum(loss(changed, clothes, mask).values())

    assert torch.autograd.gradcheck(total, leaves(warped), fast_mode=True)


def test_warp_loss_under_autocast(rand):
    """Half the digits come in; from there on all is float32."""
    half = to(result(rand), torch.bfloat16)
    clothes, mask = rand(2, 3, *SIZE).float(), rand(2, 1, *SIZE).float()
    expected = WarpLoss()(to(half, torch.float32), clothes, mask)
    with torch.autocast('cpu', torch.bfloat16):
        found = WarpLoss()(half, clothes, mask)
    for name, value in found.items():
        assert value.dtype == torch.float32
        assert value == expected[name]


def test_what_weighs_nothing_is_not_computed(rand, plain_distance):
    warped, clothes, mask = result(rand), rand(2, 3, *SIZE), rand(2, 1, *SIZE)
    everything = [
        'loss_tv',
        'loss_cloth',
        'loss_perceptual',
        'loss_mask',
        'loss_second_order',
    ]
    weights = [name.replace('loss_', '') + '_weight' for name in everything]
    for weight, name in zip(weights, everything, strict=True):
        distance = plain_distance()
        found = WarpLoss(distance, **{weight: 0})(warped, clothes, mask)
        assert sorted(found) == sorted({*everything} - {name})
        assert bool(distance.calls) == (name != 'loss_perceptual')
    assert 'loss_perceptual' not in WarpLoss()(warped, clothes, mask)


def test_result_of_one_scale_is_refused(rand):
    warped = result(rand)
    warped.warped_cloths = warped.warped_cloths[-1:]
    with pytest.raises(ValueError, match='5 scales, got 1'):
        WarpLoss()(warped, rand(2, 3, *SIZE), rand(2, 1, *SIZE))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_cuda(rand, vgg):
    """The same numbers as on the CPU, in double."""
    warped = result(rand)
    image = Composition(*(rand(2, channels, *SIZE) for channels in (3, 3, 1)))
    person, mask = rand(2, 3, *SIZE), rand(2, 1, *SIZE)

    def losses(vgg, device):
        moved = [
            type(item)(
                **{
                    name: [t.to(device) for t in value]
                    if isinstance(value, list)
                    else value.to(device)
                    for name, value in vars(item).items()
                }
            )
            for item in (warped, image)
        ]
        target, skin = person.to(device), mask.to(device)
        return {
            **WarpLoss(vgg)(moved[0], target, skin),
            **TryOnLoss(vgg)(moved[1], target),
            **SkinLoss(vgg)(moved[1].rendered, target, skin),
        }

    expected = losses(vgg, 'cpu')
    for name, value in losses(copy.deepcopy(vgg).cuda(), 'cuda').items():
        torch.testing.assert_close(value.cpu(), expected[name])


def test_resizing_of_the_plain_loss_is_numpys(rand):
    """The plain loss's own resizing, against means by NumPy."""
    image = rand(1, 1, 32, 16).numpy()
    blocks = image.reshape(1, 1, 4, 8, 2, 8)
    expected = blocks[:, :, :, 3:5, :, 3:5].mean(axis=(3, 5))
    np.testing.assert_allclose(shrunk(image, 3), expected)
