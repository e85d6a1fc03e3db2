# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The matcher against the published algorithm, pair by pair."""

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.attention import CollaborativePooling, SelfPooling
from mmfashion_ext.scan.classifier import PairClassifier
from mmfashion_ext.scan.clip_features import ClipFeatures
from mmfashion_ext.scan.matcher import POOLINGS, SCANMatcher

RAW, D, T = 5, 4, 3


def clips(num, channels=D, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = num, T, channels
    return torch.randn(shape, generator=generator, dtype=torch.double)


@pytest.fixture
def matcher(plain):
    """A function that makes one with weights as after a training."""

    def make(pooling='self+collaborative', **kwargs):
        return plain.trained(SCANMatcher, RAW, D, pooling, **kwargs)

    return make


@torch.no_grad()
def plain_training(plain, model, x, raw):
    """Logits of interleaved clips as published, pair by pair."""
    linear, norm = model.feat_fc
    x_p, x_g, raw_p, raw_g = x[::2], x[1::2], raw[::2], raw[1::2]
    pairs = range(len(x_p))

    def keys(side):
        rows = side.reshape(-1, RAW) @ linear.weight.T + linear.bias
        return plain.norm(norm, rows).reshape(len(side), T, D)

    h = keys(raw_p)
    u = [plain.attention(x_p[i], h[i], h[i].sum(0) / T) for i in pairs]
    h = keys(raw_g)
    v = [plain.attention(x_g[j], h[j], h[j].sum(0) / T) for j in pairs]
    h = keys(raw_g)
    gallery2 = [[plain.attention(x_g[j], h[j], u[i]) for j in pairs]
                for i in pairs]  # fmt: skip
    h = keys(raw_p)
    probe2 = [[plain.attention(x_p[i], h[i], v[j]) for j in pairs]
              for i in pairs]  # fmt: skip
    s = [(u[i] - v[j]) * (probe2[i][j] - gallery2[i][j])
         for i in pairs for j in pairs]  # fmt: skip
    last = model.classifier
    rows = plain.norm(last.norm, torch.stack(s))
    logits = rows @ last.linear.weight.T + last.linear.bias
    return logits.reshape(len(x_p), len(x_p), 2)


def test_training_is_the_published_algorithm(plain, matcher):
    """Logits, and running statistics updated four times."""
    x, raw = clips(6), clips(6, RAW, 1)
    ours, reference = matcher().train(), matcher().train()
    expected = plain_training(plain, reference, x, raw)
    torch.testing.assert_close(ours(x, raw), expected)
    torch.testing.assert_close(plain.buffers(ours), plain.buffers(reference))


def test_joint_statistics_are_of_all_clips(plain, matcher):
    x, raw = clips(6), clips(6, RAW, 1)
    model = matcher(bn='joint').train()
    linear, norm = matcher().feat_fc
    with torch.no_grad():
        h = plain.norm(norm, linear(raw.flatten(0, 1))).view(6, T, D)
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
def test_ablation_removes_parts(plain, matcher, pooling, updates):
    x, raw = clips(6), clips(6, RAW, 1)
    model, reference = (matcher(pooling).train() for _ in range(2))
    found = model(x, raw)
    if updates:
        assert model.feat_fc[1].num_batches_tracked == updates
    else:
        assert not hasattr(model, 'feat_fc')
        assert not model.keys(raw).any()
        assert model.keys(raw).shape == (6, T, D)
    h = torch.stack([reference.keys(raw[i::2]) for i in (0, 1)], 1).flatten(
        0, 1
    )
    pooled = SelfPooling()(x, h) if pooling == 'self' else x.mean(1)
    u, v = pooled[::2], pooled[1::2]
    difference = u[:, None] - v
    other = difference
    if pooling == 'collaborative':
        cross = CollaborativePooling()
        other = cross(x[::2], h[::2], v).transpose(0, 1)
        other = other - cross(x[1::2], h[1::2], u)
    rows = plain.norm(
        reference.classifier.norm, (difference * other).view(-1, D)
    )
    expected = reference.classifier.linear(rows).view(3, 3, 2)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('pooling', POOLINGS)
def test_distances_are_what_the_network_says(matcher, pooling):
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


def test_distances_do_not_depend_on_the_mode(plain, matcher):
    model = matcher()
    x, h = clips(4), clips(4, seed=1)
    sides = ClipFeatures(x[:2], h[:2]), ClipFeatures(x[2:], h[2:])
    buffers = plain.buffers(model)
    torch.testing.assert_close(
        model.train().distances(*sides), model.eval().distances(*sides)
    )
    torch.testing.assert_close(plain.buffers(model), buffers)


def test_one_pair_is_normalised_by_the_running_statistics(plain, matcher):
    model = matcher().train()
    buffers = plain.buffers(model.classifier)
    x, raw = clips(2), clips(2, RAW, 1)
    found = model(x, raw)
    assert found.isfinite().all()
    torch.testing.assert_close(plain.buffers(model.classifier), buffers)
    assert model.classifier.norm.training


def test_gradients_reach_everything(matcher):
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
