# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""OIM and pair loss against plain loops, and their gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.losses import (
    OIMLoss,
    PairLoss,
    StepDecay,
    update_table,
)

D = 4


def unit_rows(num, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(num, D, generator=generator, dtype=torch.double)
    return rows / rows.norm(dim=1, keepdim=True)


def trained(table):
    """A loss whose table is not empty any more."""
    loss = OIMLoss(len(table), D).double()
    loss.table.copy_(table)
    return loss


def plain_update(table, features, labels, momentum):
    for x, y in zip(features, labels, strict=True):
        entry = momentum * table[y] + (1 - momentum) * x
        table[y] = entry / entry.norm()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=25),
    st.booleans(),
    st.floats(0, 0.95),
)
def test_table_follows_one_sample_after_another(labels, empty, momentum):
    features = unit_rows(len(labels))
    ours = unit_rows(5, seed=1) * (not empty)
    plain = ours.clone()
    update_table(ours, features, torch.tensor(labels), momentum)
    plain_update(plain, features, labels, momentum)
    torch.testing.assert_close(ours, plain, atol=1e-12, rtol=0)


def test_first_loss_is_the_logarithm_of_the_number_of_identities():
    loss, logits = OIMLoss(7, D).double()(unit_rows(3), torch.arange(3))
    assert loss.item() == pytest.approx(math.log(7))
    assert logits.shape == (3, 7)


def test_loss_and_gradient_use_the_table_before_its_update():
    table, labels = unit_rows(5, seed=1), torch.tensor([3, 0, 3, 3])
    module, x = trained(table), unit_rows(4).requires_grad_()
    loss, logits = module(x, labels)
    assert (module.table == table).all(), 'a forward pass changes nothing'
    (7 * loss).backward()

    for n in range(4):
        for c in range(5):
            score = 30 * float(x[n].detach() @ table[c])
            assert logits[n, c].item() == pytest.approx(score)
    chances = torch.softmax(30 * x.detach() @ table.T, dim=1)
    correct = chances[range(4), labels]
    assert loss.item() == pytest.approx(-correct.log().mean().item())
    chances[range(4), labels] -= 1
    torch.testing.assert_close(x.grad, 7 * 30 * chances / 4 @ table)
    plain_update(table, x.detach(), labels, 0.5)
    torch.testing.assert_close(module.table, table)


def test_two_steps_with_one_graph_each_keep_their_own_table():
    """Forward, forward, backward, backward."""
    table, x = unit_rows(3, seed=1), unit_rows(2).requires_grad_()
    module, labels = trained(table), torch.tensor([0, 1])
    first, second = (module(x, labels)[0] for _ in range(2))
    (expected,) = torch.autograd.grad(first, x)
    assert not torch.allclose(module.table, table)
    (found,) = torch.autograd.grad(second, x)
    torch.testing.assert_close(found, expected)


def test_gradcheck_oim():
    module = trained(unit_rows(5, seed=1))
    module.momentum = 1.0  # the table stays, whatever the features
    x = unit_rows(6).requires_grad_()
    labels = torch.tensor([0, 1, 1, 4, 0, 0])
    assert torch.autograd.gradcheck(
        lambda x: module(x, labels)[0], x, nondet_tol=1e-12
    )


def test_no_update_without_gradients():
    module = trained(unit_rows(3, seed=1))
    before = module.table.clone()
    with torch.no_grad():
        module(unit_rows(2), torch.tensor([0, 1]))
    assert (module.table == before).all()


def test_table_is_saved():
    module, other = trained(unit_rows(3)), OIMLoss(3, D).double()
    assert not other.table.any()
    other.load_state_dict(module.state_dict())
    assert (other.table == module.table).all()


@pytest.mark.parametrize('label', [-1, 3])
def test_label_outside_the_table_is_refused(label):
    with pytest.raises(UserError, match=f'label {label} is not among the 3'):
        OIMLoss(3, D).double()(unit_rows(2), torch.tensor([0, label]))


def plain_pair_loss(same, probe, gallery, rate=3.0):
    """As published, with 1e-12 inside the logarithms."""
    pairs = [
        (float(same[i, j]), float(probe[i] == gallery[j]))
        for i in range(len(probe))
        for j in range(len(gallery))
    ]
    positive = sum(target for _, target in pairs)
    negative = len(pairs) - positive
    weights = [
        1.0 if target else positive / negative * rate for _, target in pairs
    ]
    loss = 0.0
    for (p, target), weight in zip(pairs, weights, strict=True):
        cost = target * math.log(p + 1e-12)
        cost += (1 - target) * math.log(1 - p + 1e-12)
        loss -= weight / sum(weights) / 10 * cost
    return loss


@pytest.mark.parametrize(
    'labels', [[0, 1, 2, 3], [0, 1, 0, 1], [0, 0, 0, 1]], ids=str
)
def test_pair_loss_is_the_published_one(labels):
    labels = torch.tensor(labels)
    same = torch.rand(4, 4, dtype=torch.double)
    found = PairLoss()(same, labels, labels)
    assert found.item() == pytest.approx(plain_pair_loss(same, labels, labels))


def test_weights_sum_to_a_tenth_a_quarter_of_it_for_positives():
    target = torch.eye(6)
    weights = PairLoss().weights(target)
    assert weights.sum().item() == pytest.approx(0.1)
    assert (weights * target).sum().item() == pytest.approx(0.025)


@pytest.mark.parametrize('num', [1, 3])
def test_one_identity_only(num):
    """The reference divides by zero here."""
    labels = torch.zeros(num)
    same = torch.full((num, num), 0.5).requires_grad_()
    loss = PairLoss()(same, labels, labels)
    loss.backward()
    assert loss.item() == pytest.approx(0.1 * math.log(2))
    assert same.grad.isfinite().all()


def test_no_pair_of_one_identity():
    same = torch.full((2, 2), 0.5)
    loss = PairLoss()(same, torch.tensor([0, 1]), torch.tensor([2, 3]))
    assert loss.item() == pytest.approx(0.1 * math.log(2))


@pytest.mark.parametrize(
    ('eps', 'worst'), [(1e-12, -math.log(1e-12)), (0.0, 100.0)]
)
def test_saturated_pairs(eps, worst):
    labels = torch.tensor([0, 1])
    wrong = (1 - torch.eye(2)).requires_grad_()
    loss = PairLoss(eps=eps)(wrong, labels, labels)
    assert loss.item() == pytest.approx(0.1 * worst)
    loss.backward()
    assert wrong.grad.isfinite().all()


@pytest.mark.parametrize('eps', [1e-12, 0.0])
def test_gradcheck_pairs(eps):
    same = torch.rand(3, 3, dtype=torch.double) * 0.8 + 0.1
    labels = torch.tensor([0, 1, 0])
    assert torch.autograd.gradcheck(
        lambda p: PairLoss(eps=eps)(p, labels, labels),
        same.requires_grad_(),
    )


def test_schedule_of_the_published_default():
    schedule = StepDecay(1e-3, 1e-6, 30)
    found = [schedule.at(epoch) for epoch in (0, 29, 30, 59, 60)]
    assert found == pytest.approx([1e-3, 1e-3, 1e-9, 1e-9, 1e-15])


@pytest.mark.fault(15)
def test_weights_without_a_table_leave_the_table_as_it_is():
    """Published checkpoints have none, and inference does not need it."""
    loss = trained(torch.eye(3, D).double())
    loss.load_state_dict({})
    assert torch.equal(loss.table, torch.eye(3, D).double())
    whole = torch.nn.Sequential(loss, torch.nn.Linear(1, 1))
    with pytest.raises(RuntimeError, match=r'Missing key.*"1\.weight"'):
        whole.load_state_dict({})
    with pytest.raises(RuntimeError, match='size mismatch for table'):
        loss.load_state_dict({'table': torch.ones(4, D)})
    loss.load_state_dict({'table': torch.ones(3, D)})
    assert loss.table.eq(1).all()
