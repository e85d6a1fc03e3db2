# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Chebyshev interpolation of F against F itself, and its error bound."""

import numpy as np
import pytest
import torch

from mmfashion_ext.scan.attention import attend
from mmfashion_ext.scan.chebyshev import (
    Chebyshev,
    channel_ranges,
    nodes_needed,
)
from mmfashion_ext.scan.clip_features import MEMORY, ClipFeatures

CLIPS, FRAMES, D = 6, 5, 3


def needed(query, gallery, weight, low, high, tolerance):
    """Nodes of the clips of two sides whose guides have these limits."""
    first, second = (channel_ranges(x, low[None]) for x in (query, gallery))
    ranges = first.merged(second)._replace(low=low, high=high)
    return nodes_needed(ranges, weight, tolerance)


def make(seed, spread=1.0):
    draw = torch.Generator().manual_seed(seed)
    x, h = torch.randn(2, CLIPS, FRAMES, D, generator=draw).double()
    return ClipFeatures(x, spread * h)


def interval(half=0.5):
    middle = torch.tensor([0.0, 0.3, -0.2], dtype=torch.double)
    return middle - half, middle + half


def exact(clips, guides, weight, middle, points):
    """F of each clip at the points (m, d), (CLIPS, m, d)."""
    x, h = clips
    pooled = attend(x[:, None], h[:, None], points)
    return weight * (guides[:, None] - points) * (pooled - middle)


def test_polynomials_are_those_of_numpy():
    low, high = interval()
    basis = Chebyshev(low, high, 4)
    points = low + torch.rand(7, D, dtype=torch.double) * (high - low)
    found = basis(points).view(7, D, 4)
    unit = ((points - basis.middle) / basis.half).numpy()
    for degree in range(4):
        series = np.polynomial.chebyshev.Chebyshev.basis(degree)
        expected = torch.from_numpy(series(unit))
        torch.testing.assert_close(found[..., degree], expected)


def test_the_series_passes_through_its_nodes():
    clips, weight = make(0), torch.tensor([1.0, -2.0, 0.5]).double()
    guides = clips.embeddings.mean(1)
    basis = Chebyshev(*interval(), count=5)
    series = basis.fit(clips, guides, weight, MEMORY)
    assert series.shape == (CLIPS, D * 5)
    found = series @ basis(basis.nodes).T
    expected = exact(clips, guides, weight, basis.middle, basis.nodes)
    torch.testing.assert_close(found, expected.sum(-1))
    # in steps of one clip: the same
    torch.testing.assert_close(basis.fit(clips, guides, weight, 1), series)


@pytest.mark.parametrize('spread', [0.3, 1.0, 4.0])
@pytest.mark.parametrize('tolerance', [1e-2, 1e-6])
def test_the_error_is_below_the_bound(spread, tolerance):
    query, gallery = make(0, spread), make(1, spread)
    weight = torch.tensor([3.0, -20.0, 0.5]).double()
    low, high = interval()
    nodes = needed(query, gallery, weight, low, high, tolerance)
    basis = Chebyshev(low, high, int(nodes.max()))
    points = low + torch.rand(50, D, dtype=torch.double) * (high - low)
    # the guides u of a clip lie in the interval, too
    guides = low + torch.rand(CLIPS, D, dtype=torch.double) * (high - low)
    found = basis.fit(query, guides, weight, MEMORY) @ basis(points).T
    expected = exact(query, guides, weight, basis.middle, points).sum(-1)
    # F of one side may use half of the logits' budget of 4 tolerances
    assert (found - expected).abs().max() <= 2 * tolerance


def test_number_of_nodes():
    query, gallery = make(0), make(1)
    weight, (low, high) = torch.ones(D).double(), interval()
    few, many = (
        needed(query, gallery, weight, low, high, tolerance)
        for tolerance in (1e-3, 1e-9)
    )
    assert few.dtype == torch.int64
    assert (few >= 2).all()
    assert (few < many).all()
    sharp = needed(make(0, 5.0), gallery, weight, low, high, 1e-3)
    assert (sharp > few).all()
    assert (needed(query, gallery, weight, low, high, 0) == 2**31).all()
    one = needed(query, gallery, weight, low, low, 1e-6)
    assert (one == 2).all()  # an interval of one point


def test_points_outside_the_interval_are_cut_off():
    low, high = interval()
    basis = Chebyshev(low, high, 3)
    outside = torch.stack((low - 1, high + 1))
    torch.testing.assert_close(basis(outside), basis(torch.stack((low, high))))


def test_half_precision_features_are_pooled_in_float32():
    clips, weight = make(0), torch.ones(D).double()
    half = ClipFeatures(*(part.bfloat16() for part in clips))
    single = ClipFeatures(*(part.float() for part in half))
    guides, basis = clips.embeddings.mean(1), Chebyshev(*interval(), count=4)
    found = basis.fit(half, guides, weight, MEMORY)
    assert found.dtype == torch.double
    torch.testing.assert_close(
        found, basis.fit(single, guides, weight, MEMORY)
    )
