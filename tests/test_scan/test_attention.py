# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Attention, classifier and matcher against plain loops."""

import math

import pytest
import torch
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.attention import (
    CollaborativePooling,
    SelfPooling,
    attend,
)
from mmfashion_ext.scan.classifier import PairClassifier
from mmfashion_ext.scan.clip_features import ClipFeatures
from mmfashion_ext.scan.matcher import POOLINGS, SCANMatcher

RAW, D, T = 5, 4, 3


def clips(num, channels=D, seed=0, frames=T):
    generator = torch.Generator().manual_seed(seed)
    shape = num, frames, channels
    return torch.randn(shape, generator=generator, dtype=torch.double)


def matcher(pooling='self+collaborative', **kwargs):
    """With weights as after a training, in float64."""
    torch.manual_seed(0)
    model = SCANMatcher(RAW, D, pooling, **kwargs).double()
    with torch.no_grad():
        for name, values in model.state_dict().items():
            if name.endswith('running_var'):
                values.uniform_(0.5, 2)
            elif not name.endswith('num_batches_tracked'):
                values.normal_()
    return model


def plain_attention(x, h, guide):
    """One clip (T, D) under one guide (D,), number by number."""
    pooled = torch.zeros(D, dtype=x.dtype)
    for c in range(D):
        scores = [math.exp(guide[c] * h[t, c]) for t in range(len(x))]
        for t, score in enumerate(scores):
            pooled[c] += score / sum(scores) * x[t, c]
    return pooled


def plain_norm(norm, rows):
    """Batch normalisation with the statistics of the rows; updates norm."""
    mean, n = rows.mean(0), len(rows)
    variance = ((rows - mean) ** 2).sum(0) / n
    norm.running_mean.mul_(0.9).add_(0.1 * mean)
    norm.running_var.mul_(0.9).add_(0.1 * variance * n / (n - 1))
    return (rows - mean) / (variance + norm.eps).sqrt() * norm.weight + (
        norm.bias
    )


@torch.no_grad()
def plain_training(model, x, raw):
    """Logits of interleaved clips as published, pair by pair."""
    linear, norm = model.feat_fc
    x_p, x_g, raw_p, raw_g = x[::2], x[1::2], raw[::2], raw[1::2]
    pairs = range(len(x_p))

    def keys(side):
        rows = side.reshape(-1, RAW) @ linear.weight.T + linear.bias
        return plain_norm(norm, rows).reshape(len(side), T, D)

    h = keys(raw_p)
    u = [plain_attention(x_p[i], h[i], h[i].sum(0) / T) for i in pairs]
    h = keys(raw_g)
    v = [plain_attention(x_g[j], h[j], h[j].sum(0) / T) for j in pairs]
    h = keys(raw_g)
    gallery2 = [[plain_attention(x_g[j], h[j], u[i]) for j in pairs]
                for i in pairs]  # fmt: skip
    h = keys(raw_p)
    probe2 = [[plain_attention(x_p[i], h[i], v[j]) for j in pairs]
              for i in pairs]  # fmt: skip
    s = [(u[i] - v[j]) * (probe2[i][j] - gallery2[i][j])
         for i in pairs for j in pairs]  # fmt: skip
    last = model.classifier
    rows = plain_norm(last.norm, torch.stack(s))
    logits = rows @ last.linear.weight.T + last.linear.bias
    return logits.reshape(len(x_p), len(x_p), 2)


def buffers(model):
    return {
        name: value.clone()
        for name, value in model.named_buffers()
        if 'running' in name
    }


def test_attention_sums_to_one_over_time_for_each_channel():
    h, guide = clips(1)[0], clips(1, seed=1)[0, 0]
    ones = torch.ones(T, D, dtype=torch.double)
    torch.testing.assert_close(attend(ones, h, guide), ones[0])


def test_self_pooling():
    x, h = clips(4), clips(4, seed=1)
    expected = [
        plain_attention(a, b, b.mean(0)) for a, b in zip(x, h, strict=True)
    ]
    torch.testing.assert_close(SelfPooling()(x, h), torch.stack(expected))


def test_collaborative_pooling():
    x, h, guides = clips(3), clips(3, seed=1), clips(1, seed=2, frames=2)[0]
    found = CollaborativePooling()(x, h, guides)
    assert found.shape == (2, 3, D)
    for i, guide in enumerate(guides):
        for j in range(3):
            torch.testing.assert_close(
                found[i, j], plain_attention(x[j], h[j], guide)
            )


def test_training_is_the_published_algorithm():
    """Logits, and running statistics updated four times."""
    x, raw = clips(6), clips(6, RAW, 1)
    ours, plain = matcher().train(), matcher().train()
    torch.testing.assert_close(ours(x, raw), plain_training(plain, x, raw))
    torch.testing.assert_close(buffers(ours), buffers(plain))


def test_joint_statistics_are_of_all_clips():
    x, raw = clips(6), clips(6, RAW, 1)
    model = matcher(bn='joint').train()
    linear, norm = matcher().feat_fc
    with torch.no_grad():
        h = plain_norm(norm, linear(raw.flatten(0, 1))).view(6, T, D)
        u, v = SelfPooling()(x, h).view(3, 2, D).unbind(1)
        cross = CollaborativePooling()
        expected = (
            matcher()
            .train()
            .classifier(
                u[:, None],
                cross(x[1::2], h[1::2], u),
                cross(x[::2], h[::2], v).transpose(0, 1),
                v[None],
            )
        )
        torch.testing.assert_close(model(x, raw), expected)
    torch.testing.assert_close(
        model.feat_fc[1].running_mean, norm.running_mean
    )
    assert model.feat_fc[1].num_batches_tracked == 1


@pytest.mark.parametrize(
    ('pooling', 'updates'), [('self', 2), ('collaborative', 2), ('mean', 0)]
)
def test_ablation_leaves_parts_out(pooling, updates):
    x, raw = clips(6), clips(6, RAW, 1)
    model, plain = matcher(pooling).train(), matcher(pooling).train()
    found = model(x, raw)
    if updates:
        assert model.feat_fc[1].num_batches_tracked == updates
    else:
        assert not hasattr(model, 'feat_fc')
        assert not model.keys(raw).any()
        assert model.keys(raw).shape == (6, T, D)
    h = torch.stack([plain.keys(raw[i::2]) for i in (0, 1)], 1).flatten(0, 1)
    pooled = SelfPooling()(x, h) if pooling == 'self' else x.mean(1)
    u, v = pooled[::2], pooled[1::2]
    difference = u[:, None] - v
    other = difference
    if pooling == 'collaborative':
        cross = CollaborativePooling()
        other = cross(x[::2], h[::2], v).transpose(0, 1)
        other = other - cross(x[1::2], h[1::2], u)
    rows = plain_norm(plain.classifier.norm, (difference * other).view(-1, D))
    expected = plain.classifier.linear(rows).view(3, 3, 2)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('pooling', POOLINGS)
def test_distances_are_what_the_network_says(pooling):
    """Folded and blocked, or the layers one after another."""
    model = matcher(pooling).eval()
    x, raw = clips(8), clips(8, RAW, 1)
    with torch.no_grad():
        h = model.keys(raw)
        expected = model(x, raw).softmax(-1)[..., PairClassifier.DIFFERENT]
    query, gallery = (ClipFeatures(x[i::2], h[i::2]) for i in (0, 1))
    found = model.distances(query, gallery)
    assert found.dtype == torch.float32
    assert expected.std() > 0.05
    torch.testing.assert_close(found, expected.float(), atol=2e-6, rtol=0)
    torch.testing.assert_close(found.T, model.distances(gallery, query))


def test_distances_do_not_depend_on_the_mode():
    model = matcher()
    x, h = clips(4), clips(4, seed=1)
    sides = ClipFeatures(x[:2], h[:2]), ClipFeatures(x[2:], h[2:])
    before = buffers(model)
    torch.testing.assert_close(
        model.train().distances(*sides), model.eval().distances(*sides)
    )
    torch.testing.assert_close(buffers(model), before)


def test_chunks_have_their_own_statistics():
    """33 probes: 30, then 3, with a running update for each."""
    parts = [clips(33, seed=n, frames=n) for n in (1, 2)]
    parts.append(clips(33, seed=3, frames=2))
    parts.append(clips(1, seed=4, frames=2))
    model, plain = matcher().classifier, matcher().classifier
    found = model.train()(*parts)
    rows = ((parts[0] - parts[3]) * (parts[2] - parts[1])).view(-1, D)
    normed = [plain_norm(plain.norm, part) for part in rows.split(60)]
    expected = plain.linear(torch.cat(normed)).view(33, 2, 2)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(buffers(model), buffers(plain))
    whole = matcher(chunk=None).classifier.train()
    assert not torch.allclose(whole(*parts), expected)
    torch.testing.assert_close(
        model.eval()(*parts),
        nn.Sequential(model.norm, model.linear)(rows).view(33, 2, 2),
    )


def test_one_pair_is_normalised_by_the_running_statistics():
    model = matcher().train()
    before = buffers(model.classifier)
    x, raw = clips(2), clips(2, RAW, 1)
    found = model(x, raw)
    assert found.isfinite().all()
    torch.testing.assert_close(buffers(model.classifier), before)
    assert model.classifier.norm.training


def test_gradients_reach_everything():
    model = matcher().train()
    x, raw = clips(4).requires_grad_(), clips(4, RAW, 1).requires_grad_()
    weights = torch.randn(2, 2, 2, dtype=torch.double)
    assert torch.autograd.gradcheck(
        lambda x, raw: (model(x, raw) * weights).sum(), (x, raw)
    )
    (model(x, raw) * weights).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name


def test_initial_weights():
    torch.manual_seed(0)
    model = SCANMatcher(2048, 128)
    linear, norm = model.feat_fc
    assert linear.weight.std().item() == pytest.approx(0.125, rel=0.01)
    assert not linear.bias.any()
    assert not model.classifier.linear.bias.any()
    std = model.classifier.linear.weight.std().item()
    assert std == pytest.approx(0.001, rel=0.2)
    assert (norm.weight == 1).all()
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == 262_528 + 514


def test_unknown_settings_are_refused():
    with pytest.raises(UserError, match='pooling must be one of mean, self'):
        SCANMatcher(pooling='max')
    with pytest.raises(UserError, match="bn must be 'reference' or 'joint'"):
        SCANMatcher(bn='sync')
