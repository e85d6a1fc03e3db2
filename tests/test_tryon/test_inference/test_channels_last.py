# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sampling and correlation, channels last, against their definitions."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.tryon.correlation import correlation_plain
from mmfashion_ext.tryon.flow import sample
from mmfashion_ext.tryon.inference import channels_last

sides = st.integers(1, 9)


@settings(max_examples=40, deadline=None)
@given(sides, sides, sides, sides, st.integers(1, 3), st.integers(0, 2**31))
def test_sampling_is_that_of_the_flow(h, w, out_h, out_w, batch, seed):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(batch, 5, h, w, generator=generator)
    # well beyond the rim, too
    grid = torch.randn(batch, 2, out_h, out_w, generator=generator)
    for maps in (image, image[:1]):
        expected = sample(maps.expand(batch, -1, -1, -1), grid)
        found = channels_last.sample(maps, grid)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(sides, sides, st.integers(1, 2), st.integers(0, 3), st.integers(0, 99))
def test_correlation_is_that_of_the_definition(h, w, batch, radius, seed):
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(batch, 3, h, w, generator=generator)
    second = torch.randn(batch, 3, h, w, generator=generator)
    for other in (second, second[:1]):
        found = channels_last.correlation(first, other, radius)
        expected = correlation_plain(first, other.expand_as(first), radius)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_flows_that_are_no_numbers_do_no_harm():
    image = torch.arange(12.0).view(1, 1, 3, 4)
    grid = torch.tensor([torch.nan, torch.inf, -torch.inf, 1e30, 0])
    grid = grid.view(1, 1, 1, 5).expand(1, 2, 1, 5)
    found = channels_last.sample(image, grid).flatten().tolist()
    assert found == [0, 11, 0, 11, 5.5]
