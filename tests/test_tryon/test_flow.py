# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sampling and resizing against the formulas, pixel by pixel."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.tryon.flow import (
    compose,
    offset_to_grid,
    sample,
    shrink,
    upsample,
)


def noise(*shape, seed=0, dtype=torch.double):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype)


def plain_sample(image, grid, padding):
    """One sample (C, h, w) by one grid (2, h', w')."""
    channels, h, w = image.shape
    out = image.new_zeros(channels, *grid.shape[1:])
    for row in range(grid.shape[1]):
        for column in range(grid.shape[2]):
            x = (grid[0, row, column].item() + 1) * (w - 1) / 2
            y = (grid[1, row, column].item() + 1) * (h - 1) / 2
            if padding == 'border':
                x, y = min(max(x, 0), w - 1), min(max(y, 0), h - 1)
            for i in (math.floor(y), math.floor(y) + 1):
                for j in (math.floor(x), math.floor(x) + 1):
                    if 0 <= i < h and 0 <= j < w:
                        weight = (1 - abs(y - i)) * (1 - abs(x - j))
                        out[:, row, column] += weight * image[:, i, j]
    return out


@pytest.mark.parametrize('padding', ['border', 'zeros'])
@pytest.mark.parametrize('size', [(6, 5), (1, 4), (1, 1)])
def test_sampling(padding, size):
    image, grid = noise(2, 3, *size), noise(2, 2, 5, 4, seed=1)
    got = sample(image, grid, padding)
    for b in range(2):
        expected = plain_sample(image[b], grid[b], padding)
        torch.testing.assert_close(got[b], expected)


def test_corners_are_the_centres_of_the_outermost_pixels():
    grid = offset_to_grid(torch.zeros(1, 2, 5, 3))
    assert grid[0, :, 0, 0].tolist() == [-1, -1]
    assert grid[0, :, 2, 1].tolist() == [0, 0]
    assert grid[0, :, 4, 2].tolist() == [1, 1]


def test_grids_are_rounded_once():
    """Half a unit in the last place of values up to 2, at every size.

    A product with a rounded 2 / (size - 1) is off by more than twice as much.
    """
    for size in range(1, 513):
        zero = torch.zeros(1, 2, size, 3)
        exact = offset_to_grid(zero.double())
        error = (offset_to_grid(zero).double() - exact).abs().max()
        assert error <= 2**-24, size


@settings(max_examples=25, deadline=None)
@given(
    h=st.integers(1, 6),
    w=st.integers(1, 6),
    dx=st.integers(-7, 7),
    dy=st.integers(-7, 7),
)
def test_whole_offsets_move_whole_pixels(h, w, dx, dy):
    image = torch.arange(h * w, dtype=torch.double).view(1, 1, h, w)
    offset = torch.zeros(1, 2, h, w, dtype=torch.double)
    offset[:, 0], offset[:, 1] = dx, dy
    grid = offset_to_grid(offset)
    inside = sample(image, grid)[0, 0]
    outside_is_0 = sample(image + 1, grid, 'zeros')[0, 0]
    for y in range(h):
        for x in range(w):
            i, j = min(max(y + dy, 0), h - 1), min(max(x + dx, 0), w - 1)
            assert inside[y, x] == pytest.approx(image[0, 0, i, j].item())
            # a side of one pixel has no outside: every place is that pixel
            within = (h == 1 or i == y + dy) and (w == 1 or j == x + dx)
            expected = image[0, 0, i, j].item() + 1 if within else 0
            assert outside_is_0[y, x] == pytest.approx(expected, abs=1e-9)


def test_composed_grids_sample_once():
    """Two shifts by whole pixels, one after the other or composed."""
    image = noise(1, 2, 8, 8)
    first = offset_to_grid(torch.full((1, 2, 8, 8), 1.0).double())
    then = offset_to_grid(torch.full((1, 2, 8, 8), 2.0).double())
    once = sample(image, compose(first, then))
    twice = sample(sample(image, first), then)
    torch.testing.assert_close(once, twice)
    torch.testing.assert_close(once[..., :5, :5], image[..., 3:, 3:])


def test_upsampling_keeps_the_unit():
    grid = noise(1, 2, 3, 4)
    got = upsample(grid)
    assert got.shape == (1, 2, 6, 8)
    for y in range(6):
        for x in range(8):
            i = min(max((y + 0.5) / 2 - 0.5, 0), 2)
            j = min(max((x + 0.5) / 2 - 0.5, 0), 3)
            position = torch.tensor([j / 3 * 2 - 1, i / 2 * 2 - 1])
            expected = plain_sample(grid[0], position.view(2, 1, 1), 'border')
            torch.testing.assert_close(got[0, :, y, x], expected[:, 0, 0])


@pytest.mark.parametrize('times', [1, 2, 3])
def test_shrinking_takes_the_middle_of_each_block(times):
    image, block = noise(1, 2, 16, 24), 2**times
    blocks = image.unfold(2, block, block).unfold(3, block, block)
    low, high = block // 2 - 1, block // 2 + 1
    expected = blocks[..., low:high, low:high].mean(dim=(-1, -2))
    torch.testing.assert_close(shrink(image, times), expected)
    assert shrink(image, 0) is image


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_grids_are_exact_in_half_precision(dtype):
    offset = torch.full((1, 2, 4, 512), 0.25, dtype=dtype)
    grid = offset_to_grid(offset)
    assert grid.dtype == torch.float32
    torch.testing.assert_close(grid, offset_to_grid(offset.float()))
    assert upsample(grid).dtype == torch.float32

    image = noise(1, 2, 4, 512, dtype=torch.float32).to(dtype)
    with torch.autocast('cpu', dtype):
        got = sample(image, grid)
        moved = compose(grid, grid)
    assert got.dtype == dtype
    assert moved.dtype == torch.float32
    torch.testing.assert_close(got, sample(image.float(), grid).to(dtype))
