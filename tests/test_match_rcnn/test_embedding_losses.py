# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""GeM pooling, triplets, ArcFace and identities against plain versions."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn.embedding_losses import (
    GeneralizedMeanPool,
    IdentityClassifier,
    arcface_logits,
    batch_hard_triplet,
)


def rows(*shape, dtype=torch.double):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(*shape, dtype=dtype, generator=generator)


GARMENTS = torch.tensor([[1, 1], [1, 1], [1, 2], [2, 1], [2, 1], [3, 1]])


def test_gem_lies_between_mean_and_maximum():
    maps = rows(2, 3, 4, 5).abs()
    mean = GeneralizedMeanPool(1.0)(maps)
    torch.testing.assert_close(mean, maps.mean((2, 3)))
    three = GeneralizedMeanPool(3.0)(maps)
    expected = maps.pow(3).mean((2, 3)).pow(1 / 3)
    torch.testing.assert_close(three, expected)
    many = GeneralizedMeanPool(300.0)(maps)
    torch.testing.assert_close(many, maps.amax((2, 3)), rtol=0.02, atol=0)


def test_gem_has_gradients_of_maps_and_exponent():
    pool = GeneralizedMeanPool(2.5).double()
    maps = (rows(2, 2, 3, 3).abs() + 0.1).requires_grad_()

    del pool.p  # in its place the tensor that is varied
    exponent = torch.tensor(2.5, dtype=torch.double, requires_grad=True)

    def call(maps, p):
        pool.p = p
        return pool(maps)

    assert torch.autograd.gradcheck(call, (maps, exponent))


def test_gem_of_zeros_negatives_and_huge_values_is_finite():
    """An all-black RoI after the ReLU, or half precision's range."""
    pool = GeneralizedMeanPool()
    for value in (0.0, -5.0, 60000.0, 1e30):
        maps = torch.full((1, 1, 7, 7), value, requires_grad=True)
        out = pool(maps)
        out.sum().backward()
        torch.testing.assert_close(
            out, torch.tensor([[max(value, 1e-6)]]), rtol=1e-4, atol=0
        )
        assert maps.grad.isfinite().all()
        assert pool.p.grad.isfinite()
    assert pool(torch.zeros(0, 4, 7, 7)).shape == (0, 4)
    with pytest.raises(UserError, match='at least 1'):
        GeneralizedMeanPool(0.5)


@pytest.mark.parametrize('margin', [0.3, None])
def test_triplets_are_the_hardest(margin):
    """Searched for with plain loops."""
    vectors = rows(6, 4)
    values = []
    for i in range(6):
        far, near = [], []
        for j in range(6):
            distance = float((vectors[i] - vectors[j]).norm())
            if torch.equal(GARMENTS[i], GARMENTS[j]):
                far += [distance] if i != j else []
            else:
                near.append(distance)
        if far and near:
            gap = max(far) - min(near)
            values.append(
                math.log1p(math.exp(gap))
                if margin is None
                else max(0, gap + margin)
            )
    assert len(values) == 4  # two garments are there once
    found = batch_hard_triplet(vectors, GARMENTS, margin)
    assert float(found) == pytest.approx(sum(values) / 4, abs=1e-12)


def test_triplets_have_gradients():
    vectors = rows(6, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: batch_hard_triplet(v, GARMENTS, 5.0), vectors
    )
    assert torch.autograd.gradcheck(
        lambda v: batch_hard_triplet(v, GARMENTS, None), vectors
    )


@pytest.mark.parametrize(
    'garments',
    [
        torch.zeros(0, 2, dtype=torch.long),
        torch.tensor([[1, 1]]),
        torch.tensor([[1, 1], [1, 1]]),  # no negative
        torch.tensor([[1, 1], [2, 1]]),  # no positive
    ],
)
def test_a_batch_without_a_triplet_is_zero_with_a_gradient(garments):
    vectors = torch.ones(len(garments), 3, requires_grad=True)
    loss = batch_hard_triplet(vectors, garments)
    loss.backward()
    assert loss == 0
    assert torch.equal(vectors.grad, torch.zeros_like(vectors))


def test_repeated_rows_have_finite_gradients():
    """RoIs of an image that has few are repeated: their distance is 0."""
    vectors = torch.ones(4, 3, requires_grad=True)
    garments = torch.tensor([[1, 1], [1, 1], [2, 1], [2, 1]])
    batch_hard_triplet(vectors, garments).backward()
    assert vectors.grad.isfinite().all()


def test_arcface_adds_the_angle():
    angles = torch.tensor([[0.3, 2.0], [1.0, 2.5]], dtype=torch.double)
    target = torch.tensor([0, 1])
    logits = arcface_logits(angles.cos(), target, 10.0, 0.5)
    expected = 10 * angles.cos()
    expected[0, 0] = 10 * math.cos(0.8)
    expected[1, 1] = 10 * math.cos(3.0)
    torch.testing.assert_close(logits, expected)


def test_arcface_falls_over_the_whole_range():
    """A margin that rises again would pull garments apart."""
    cosines = torch.linspace(-1, 1, 1001, dtype=torch.double)[:, None]
    target = torch.zeros(1001, dtype=torch.long)
    logits = arcface_logits(cosines, target, 1.0, 0.5)[:, 0]
    assert (logits.diff() > 0).all()
    inner = cosines[1:-1:100].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda c: arcface_logits(c, target[: len(c)], 1.0, 0.5), inner
    )
    ends = torch.tensor([[1.0], [-1.0]], requires_grad=True)
    arcface_logits(ends, target[:2], 1.0, 0.5).sum().backward()
    assert ends.grad.isfinite().all()


def test_a_garment_keeps_its_class():
    classifier = IdentityClassifier(5, 3)
    first = classifier.classes_of(GARMENTS[2:4])
    assert sorted(first.tolist()) == [0, 1]
    again = classifier.classes_of(GARMENTS)
    assert torch.equal(again[2:4], first)
    assert again[0] == again[1]
    assert len(set(again.tolist())) == 4
    resumed = IdentityClassifier(5, 3)
    resumed.load_state_dict(classifier.state_dict())
    assert torch.equal(resumed.classes_of(GARMENTS), again)
    with pytest.raises(UserError, match=r'num_identities .* is 5'):
        classifier.classes_of(torch.tensor([[9, 1], [9, 2]]))


@pytest.mark.parametrize('kind', ['softmax', 'arcface'])
def test_identities_are_classified(kind):
    classifier = IdentityClassifier(5, 3, kind, 0.1, 8.0, 0.2).double()
    vectors = rows(6, 3).requires_grad_()
    losses = classifier(vectors, GARMENTS)
    target = classifier.classes_of(GARMENTS)
    if kind == 'softmax':
        logits = vectors @ classifier.weight.T
        log = logits.log_softmax(1)
        right = -log.gather(1, target[:, None])[:, 0]
        expected = (0.9 * right - 0.1 * log.mean(1)).mean()
    else:
        cosines = F.normalize(vectors) @ F.normalize(classifier.weight).T
        expected = F.cross_entropy(
            arcface_logits(cosines, target, 8.0, 0.2), target
        )
    torch.testing.assert_close(losses['loss_identity'], expected)
    assert 0 <= losses['identity_acc'] <= 100
    assert torch.autograd.gradcheck(
        lambda v: classifier(v, GARMENTS)['loss_identity'], vectors
    )


def test_no_rows_and_wrong_arguments():
    classifier = IdentityClassifier(2, 3)
    empty = torch.zeros(0, 3, requires_grad=True)
    losses = classifier(empty, torch.zeros(0, 2, dtype=torch.long))
    losses['loss_identity'].backward()
    assert losses['loss_identity'] == 0
    assert torch.equal(
        classifier.weight.grad, torch.zeros_like(classifier.weight)
    )
    with pytest.raises(UserError, match="'softmax' or 'arcface', got 'x'"):
        IdentityClassifier(2, 3, 'x')
    with pytest.raises(UserError, match='num_identities must be at least 1'):
        IdentityClassifier(0, 3)
