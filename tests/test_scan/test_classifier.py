# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The pair classifier against plain layers."""

import pytest
import torch
from torch import nn

from mmfashion_ext.scan.classifier import PairClassifier

D = 4


def features(probes, gallery, seed=0):
    """probe, gallery2, probe2 and gallery, float64."""
    draw = torch.Generator().manual_seed(seed)
    shapes = (probes, 1), (probes, gallery), (probes, gallery), (1, gallery)
    return [
        torch.randn(*shape, D, generator=draw, dtype=torch.double)
        for shape in shapes
    ]


def similarity(probe, gallery2, probe2, gallery):
    """The generalised similarity of all pairs, (P G, D)."""
    return ((probe - gallery) * (probe2 - gallery2)).view(-1, D)


@pytest.fixture
def classifier(plain):
    """A function that makes one with weights as after a training."""
    return lambda chunk=30: plain.trained(PairClassifier, D, chunk)


def test_logits_of_all_pairs(classifier):
    model, sides = classifier().eval(), features(3, 2)
    rows = similarity(*sides)
    expected = nn.Sequential(model.norm, model.linear)(rows)
    torch.testing.assert_close(model(*sides), expected.view(3, 2, 2))


def test_exchanging_the_roles_changes_nothing(classifier):
    probe, gallery2, probe2, gallery = features(3, 2)
    model = classifier().eval()
    exchanged = model(
        gallery.transpose(0, 1),
        probe2.transpose(0, 1),
        gallery2.transpose(0, 1),
        probe.transpose(0, 1),
    )
    expected = model(probe, gallery2, probe2, gallery)
    torch.testing.assert_close(exchanged.transpose(0, 1), expected)


@pytest.mark.fault(16)
def test_a_frozen_batch_norm_stays_frozen(classifier):
    model, sides = classifier(), features(3, 2)
    expected = model.eval()(*sides)
    model.train()
    model.norm.eval()
    before = model.norm.running_mean.clone()
    torch.testing.assert_close(model(*sides), expected)
    assert not model.norm.training
    assert torch.equal(model.norm.running_mean, before)


def test_chunks_have_their_own_statistics(plain, classifier):
    """33 probes: 30, then 3, with a running update for each."""
    sides = features(33, 2)
    model, reference = classifier(), classifier()
    found = model.train()(*sides)
    rows = similarity(*sides)
    normed = [plain.norm(reference.norm, part) for part in rows.split(60)]
    expected = reference.linear(torch.cat(normed)).view(33, 2, 2)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(plain.buffers(model), plain.buffers(reference))
    whole = classifier(chunk=None).train()
    assert not torch.allclose(whole(*sides), expected)
    torch.testing.assert_close(
        model.eval()(*sides),
        nn.Sequential(model.norm, model.linear)(rows).view(33, 2, 2),
    )


def test_one_pair_is_normalised_by_the_running_statistics(plain, classifier):
    model, sides = classifier().train(), features(1, 1)
    buffers = plain.buffers(model)
    found = model(*sides)
    torch.testing.assert_close(plain.buffers(model), buffers)
    assert model.norm.training
    torch.testing.assert_close(found, model.eval()(*sides))


def test_folded_layers_give_the_difference_of_the_logits(classifier):
    model, sides = classifier().eval(), features(5, 4)
    logits = model(*sides).view(-1, 2)
    weight, bias = model.folded()
    assert weight.shape == (D,)
    assert weight.dtype == bias.dtype == torch.double
    assert not weight.requires_grad
    assert not bias.requires_grad
    difference = logits[:, model.DIFFERENT] - logits[:, model.SAME]
    torch.testing.assert_close(similarity(*sides) @ weight + bias, difference)


def test_initial_weights():
    torch.manual_seed(0)
    model = PairClassifier(2048)
    assert model.linear.weight.std().item() == pytest.approx(0.001, rel=0.1)
    assert not model.linear.bias.any()
    assert (model.norm.weight == 1).all()
