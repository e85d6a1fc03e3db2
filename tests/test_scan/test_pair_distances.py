# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""All pairs at once equal one pair after another, computed as described."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.chebyshev import channel_ranges, nodes_needed
from mmfashion_ext.scan.clip_features import ClipFeatures
from mmfashion_ext.scan.pair_distances import (
    pair_distances,
    pooled_distances,
    self_pool,
)

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')


def make(seed, clips, frames, dim, spread=1.0):
    """Clips as the network gives them: x of length 1, h of any size."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(clips, 1, dim, generator=draw)
    x = x + torch.randn(clips, frames, dim, generator=draw)
    h = spread * torch.randn(clips, frames, dim, generator=draw)
    return ClipFeatures(x / x.norm(dim=-1, keepdim=True), h)


def make_classifier(seed, dim, size=3.0):
    draw = torch.Generator().manual_seed(seed)
    return size * torch.randn(dim, generator=draw), 0.3


def plain_pool(x, h, guide):
    """One clip, channel by channel, in Python floats."""
    out = []
    for c in range(len(guide)):
        logits = [guide[c] * key for key in h[:, c].tolist()]
        top = max(logits)
        powers = [math.exp(logit - top) for logit in logits]
        total = sum(powers)
        values = x[:, c].tolist()
        pairs = zip(powers, values, strict=True)
        out.append(sum(power / total * value for power, value in pairs))
    return out


def plain_distances(query, gallery, weight, bias):
    """The description, one pair after another, in Python floats."""

    def mean_key(h):
        return h.double().mean(0).tolist()

    sides = [
        [
            (x, h, plain_pool(x, h, mean_key(h)))
            for x, h in zip(*s, strict=True)
        ]
        for s in (query, gallery)
    ]
    result = []
    for x_m, h_m, u in sides[0]:
        for x_n, h_n, v in sides[1]:
            query_seen = plain_pool(x_m, h_m, v)
            gallery_seen = plain_pool(x_n, h_n, u)
            logit = float(bias)
            for d, w in enumerate(weight.tolist()):
                s = (u[d] - v[d]) * (query_seen[d] - gallery_seen[d])
                logit += w * s
            result.append(1 / (1 + math.exp(-logit)))
    shape = len(sides[0]), len(sides[1])
    return torch.tensor(result).reshape(shape)


@pytest.mark.parametrize('tolerance', [1e-6, 0])
def test_equal_to_the_description(tolerance):
    query, gallery = make(0, 9, 5, 4), make(1, 8, 3, 4)
    weight, bias = make_classifier(2, 4)
    found = pair_distances(query, gallery, weight, bias, tolerance=tolerance)
    expected = plain_distances(query, gallery, weight, bias)
    assert found.dtype == torch.float32
    assert expected.max() - expected.min() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    clips=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    frames=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    dim=st.integers(1, 6),
    spread=st.sampled_from([0.0, 1e-4, 0.3, 1.0, 4.0, 30.0, 1e3]),
    size=st.sampled_from([0.0, 0.1, 10.0, 300.0]),
    memory=st.sampled_from([1, 10**4, 2**26]),
)
def test_polynomials_equal_pairs(
    seed, clips, frames, dim, spread, size, memory
):
    query = make(seed, clips[0], frames[0], dim, spread).double()
    gallery = make(seed + 1, clips[1], frames[1], dim, spread).double()
    weight, bias = make_classifier(seed, dim, size)
    found = pair_distances(query, gallery, weight, bias, memory=memory)
    exact = pair_distances(query, gallery, weight, bias, tolerance=0)
    torch.testing.assert_close(found, exact, atol=1.2e-6, rtol=0)


@pytest.mark.parametrize('spread', [1.0, 5.0])
def test_polynomials_are_what_runs(spread, monkeypatch):
    """At the paper's size no channel is computed pair by pair."""
    query, gallery = make(0, 96, 10, 128, spread), make(1, 80, 10, 128, spread)
    weight, bias = make_classifier(2, 128)
    exact = pair_distances(query, gallery, weight, bias, tolerance=0)
    pooled = []
    for module in ('pair_distances', 'chebyshev'):
        monkeypatch.setattr(
            f'mmfashion_ext.scan.{module}.attend',
            lambda x, h, guide: _count(x, h, guide, pooled),
        )
    found = pair_distances(query, gallery, weight, bias)
    torch.testing.assert_close(found, exact, atol=1.2e-6, rtol=0)
    assert sum(pooled) < 2 * 96 * 80 * 128 / (3 if spread == 1 else 1)


def _count(x, h, guide, pooled):
    weights = (guide.unsqueeze(-2) * h).softmax(dim=-2)
    out = (weights * x).sum(dim=-2)
    pooled.append(out.numel())
    return out


def test_the_bound_is_kept_for_every_tolerance():
    query, gallery = make(0, 90, 10, 8, 3.0), make(1, 90, 10, 8, 3.0)
    weight, bias = make_classifier(2, 8, 20.0)
    exact = pair_distances(query, gallery, weight, bias, tolerance=0)
    errors, nodes = [], []
    u, v = self_pool(query), self_pool(gallery)
    low = torch.minimum(u.amin(0), v.amin(0))
    high = torch.maximum(u.amax(0), v.amax(0))
    for tolerance in (10, 1, 0.1, 1e-3, 1e-5):
        found = pair_distances(
            query, gallery, weight, bias, tolerance=tolerance
        )
        errors.append(float((found - exact).abs().max()))
        assert errors[-1] < tolerance
        first, second = (
            channel_ranges(x, low[None]) for x in (query, gallery)
        )
        ranges = first.merged(second)._replace(low=low, high=high)
        count = nodes_needed(ranges, weight, tolerance)
        nodes.append(int(count.sum()))
    assert nodes == sorted(nodes)
    assert nodes[0] < nodes[-1]
    assert errors[0] > 1e-6  # these were polynomials, not pairs


def test_equal_clips_and_a_classifier_of_zeros():
    same = make(0, 1, 4, 6)
    clips = ClipFeatures(*(part.expand(40, -1, -1) for part in same))
    weight, bias = make_classifier(2, 6)
    neutral = torch.full((40, 40), 1 / (1 + math.exp(-bias)))
    found = pair_distances(clips, clips, weight, bias)
    torch.testing.assert_close(found, neutral)
    found = pair_distances(make(3, 40, 4, 6), clips, 0 * weight, bias)
    torch.testing.assert_close(found, neutral)


def test_no_clips():
    weight, bias = make_classifier(2, 6)
    few, empty = make(0, 3, 4, 6), make(0, 0, 4, 6)
    assert pair_distances(few, empty, weight, bias).shape == (3, 0)
    assert pair_distances(empty, few, weight, bias).shape == (0, 3)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_features_and_autocast(dtype):
    """Features in half precision are the numbers they are; no more is lost."""
    query, gallery = (
        ClipFeatures(*(part.to(dtype) for part in make(seed, 30, 4, 6)))
        for seed in (0, 1)
    )
    weight, bias = make_classifier(2, 6)
    expected = pair_distances(query, gallery, weight, bias, tolerance=0)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = pair_distances(query, gallery, weight.to(dtype).float(), bias)
        plain = pair_distances(
            query, gallery, weight.to(dtype).float(), bias, tolerance=0
        )
    torch.testing.assert_close(found, plain, atol=1.2e-6, rtol=0)
    assert (found - expected).abs().max() < 0.05


def test_custom_guides():
    query, gallery = make(0, 40, 5, 6), make(1, 40, 5, 6)
    weight, bias = make_classifier(2, 6)
    default = pair_distances(query, gallery, weight, bias)
    guides = self_pool(query), self_pool(gallery)
    given_ = pair_distances(query, gallery, weight, bias, guides=guides)
    torch.testing.assert_close(given_, default, atol=0, rtol=0)
    means = query.embeddings.mean(1), gallery.embeddings.mean(1)
    other = pair_distances(query, gallery, weight, bias, guides=means)
    assert (other - default).abs().max() > 1e-3


def test_one_frame_is_the_squared_difference():
    """With T = 1 all poolings give the only frame."""
    query, gallery = make(0, 12, 1, 6), make(1, 9, 1, 6)
    weight, bias = make_classifier(2, 6)
    found = pair_distances(query, gallery, weight, bias)
    q, g = query.embeddings[:, 0], gallery.embeddings[:, 0]
    expected = ((q[:, None] - g) ** 2 @ weight + bias).sigmoid()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    pooled = pooled_distances(q, g, weight, bias)
    torch.testing.assert_close(pooled, expected, atol=1e-6, rtol=0)


def test_symmetric_in_the_roles():
    query, gallery = make(0, 33, 6, 5), make(1, 21, 4, 5)
    weight, bias = make_classifier(2, 5)
    forth = pair_distances(query, gallery, weight, bias)
    back = pair_distances(gallery, query, weight, bias)
    torch.testing.assert_close(forth, back.T, atol=1.2e-6, rtol=0)


def test_no_gradients_are_kept():
    query, gallery = make(0, 5, 4, 3), make(1, 5, 4, 3)
    weight, bias = make_classifier(2, 3)
    query.keys.requires_grad_()
    found = pair_distances(query, gallery, weight.requires_grad_(), bias)
    assert not found.requires_grad


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda x, h: (x, h[:, :-1]), 'embeddings and keys must both be'),
        (lambda x, h: (x[..., :2], h[..., :2]), r'must both be \(clips, fra'),
        (lambda x, h: (x[:, :0], h[:, :0]), '1 frame or more'),
    ],
)
def test_bad_clips_are_refused(change, message):
    query, gallery = make(0, 5, 4, 3), make(1, 5, 4, 3)
    weight, bias = make_classifier(2, 3)
    with pytest.raises(ValueError, match=message):
        pair_distances(query, ClipFeatures(*change(*gallery)), weight, bias)


def test_a_diverged_model_is_named():
    query, gallery = make(0, 5, 4, 3), make(1, 5, 4, 3)
    weight, bias = make_classifier(2, 3)
    lost = gallery._replace(keys=gallery.keys * torch.nan)
    with pytest.raises(UserError, match=r'gallery clips: .* not finite'):
        pair_distances(query, lost, weight, bias)
    with pytest.raises(UserError, match='classifier is not finite'):
        pair_distances(query, gallery, weight, math.nan)


@CUDA
def test_the_gpu_agrees():
    query, gallery = make(0, 200, 10, 128), make(1, 150, 10, 128)
    weight, bias = make_classifier(2, 128)
    expected = pair_distances(query, gallery, weight, bias, tolerance=0)
    found = pair_distances(
        *(ClipFeatures(*(p.cuda() for p in s)) for s in (query, gallery)),
        weight.cuda(),
        bias,
    )
    torch.testing.assert_close(found.cpu(), expected, atol=1.2e-6, rtol=0)
