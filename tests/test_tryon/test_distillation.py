# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.tryon.distillation import AdjustableDistillation
from mmfashion_ext.tryon.warp_net import WarpResult

SIZE = 32, 32
CHANNELS = 3
LOSSES = 'loss_distill_feature', 'loss_distill_flow'


@pytest.fixture
def rand():
    generator = torch.Generator().manual_seed(0)
    return partial(torch.rand, generator=generator, dtype=torch.double)


def warp(rand, batch, finest_only=False):
    sizes = [(SIZE[0] >> (4 - n), SIZE[1] >> (4 - n)) for n in range(5)]
    cloths = [rand(batch, 3, *s) for s in sizes]
    lists = dict(
        grids=[rand(batch, 2, *s) for s in sizes],
        offsets=[],
        condition_features=[
            rand(batch, CHANNELS, h // 2, w // 2) for h, w in sizes
        ],
        warped_cloths=cloths[-1:] if finest_only else cloths,
        warped_masks=[],
    )
    for tensors in lists.values():
        for tensor in tensors:
            tensor.requires_grad_()
    return WarpResult(**lists)


def rows(result, keep):
    return WarpResult(
        **{
            name: [tensor[keep] for tensor in tensors]
            for name, tensors in vars(result).items()
        }
    )


def selecting(student, teacher, person, better):
    """Let the teacher be nearer to the person for some samples only."""
    for b, selected in enumerate(better):
        good, bad = person[b] + 0.1, person[b] - 0.2
        x, y = student.warped_cloths[-1], teacher.warped_cloths[-1]
        x.data[b], y.data[b] = (bad, good) if selected else (good, bad)


def plain(student, teacher, person, fixed=False):
    """Loops over samples, scales, and what is in the denominators."""
    batch = len(person)
    w = [1.0] * batch
    for b in range(0 if fixed else batch):
        theirs = (teacher.warped_cloths[-1][b] - person[b]).abs().mean()
        student_error = (student.warped_cloths[-1][b] - person[b]).abs().mean()
        w[b] = float(theirs < student_error)
    k = max(sum(w), 1)
    feature = flow = 0.0
    for n in range(5):
        ours, theirs = (r.condition_features[n] for r in (student, teacher))
        _, c, h, width = ours.shape
        total = sum(
            w[b] * ((theirs[b].detach() - ours[b]) ** 2).sum()
            for b in range(batch)
        )
        feature += (5 - n) * 0.04 * total / (c * h * width * k)
        if n < 2:
            continue
        ours, theirs = (r.grids[n] for r in (student, teacher))
        total = 0.0
        for b in range(batch):
            dx, dy = theirs[b].detach() - ours[b]
            total += w[b] * (dx**2 + dy**2).sqrt().sum()
        flow += (n + 1) * total / (ours.shape[2] * ours.shape[3] * k)
    return dict(zip(LOSSES, (feature, flow), strict=True))


@pytest.mark.parametrize('fixed', [False, True])
@pytest.mark.parametrize(
    'better', [(1, 0, 1), (1, 1, 1), (0, 0, 1), (0,), (1,)], ids=str
)
def test_it_is_the_published_one(rand, better, fixed):
    person = rand(len(better), 3, *SIZE)
    student, teacher = warp(rand, len(better)), warp(rand, len(better), True)
    selecting(student, teacher, person, better)
    module = AdjustableDistillation('fixed' if fixed else 'adjustable')
    found = module(student, teacher, person)
    share = found.pop('distill_share')
    assert share.item() == pytest.approx(
        1 if fixed else sum(better) / len(better)
    )
    assert not share.requires_grad
    expected = plain(student, teacher, person, fixed)
    assert sorted(found) == sorted(expected)
    leaves = [*student.condition_features, *student.grids[2:]]
    for name, value in found.items():
        assert value.shape == ()
        torch.testing.assert_close(
            value, torch.as_tensor(expected[name]), atol=1e-13, rtol=1e-12
        )
    for ours, theirs in zip(
        *(
            torch.autograd.grad(sum(losses.values()), leaves)
            for losses in (found, expected)
        ),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-14, rtol=1e-10)


def test_weights_by_hand(rand):
    """Features one apart: 0.2 + 0.16 + 0.12 + 0.08 + 0.04; flows (3, 4)."""
    person = rand(2, 3, *SIZE)
    student, teacher = warp(rand, 2), warp(rand, 2)
    selecting(student, teacher, person, (0, 1))
    for n in range(5):
        teacher.condition_features[n].data = (
            student.condition_features[n].data + 1
        )
        shift = torch.tensor([3.0, -4.0]).view(1, 2, 1, 1)
        teacher.grids[n].data = student.grids[n].data + shift
    found = AdjustableDistillation()(student, teacher, person)
    assert found['loss_distill_feature'].item() == pytest.approx(0.6)
    assert found['loss_distill_flow'].item() == pytest.approx(5 * (3 + 4 + 5))
    assert found['distill_share'].item() == 0.5
    flows = AdjustableDistillation(flow_scales=(0,), flow_weight=2.0)
    found = flows(student, teacher, person)
    assert found['loss_distill_flow'].item() == pytest.approx(5 * 2)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=5), st.integers(0, 99))
def test_samples_that_are_not_selected_do_not_count(better, seed):
    generator = torch.Generator().manual_seed(seed)
    rand = partial(torch.rand, generator=generator, dtype=torch.double)
    person = rand(len(better), 3, *SIZE)
    student, teacher = warp(rand, len(better)), warp(rand, len(better))
    selecting(student, teacher, person, better)
    found = AdjustableDistillation()(student, teacher, person)
    if not any(better):
        assert not any(found.values())
        return
    keep = torch.tensor(better)
    alone = AdjustableDistillation('fixed')(
        rows(student, keep), rows(teacher, keep), person[keep]
    )
    for name in LOSSES:
        torch.testing.assert_close(found[name], alone[name])


def test_nothing_selected_still_has_a_gradient(rand):
    """Of zero: all parameters take part, as data parallel wrappers want."""
    person, student, teacher = (
        rand(2, 3, *SIZE),
        warp(rand, 2),
        warp(rand, 2),
    )
    selecting(student, teacher, person, (0, 0))
    found = AdjustableDistillation()(student, teacher, person)
    assert not any(found.values())
    sum(found[name] for name in LOSSES).backward()
    for tensor in (*student.condition_features, *student.grids[2:]):
        assert not tensor.grad.any()


def test_a_draw_selects_nothing(rand):
    person, student, teacher = rand(1, 3, *SIZE), warp(rand, 1), warp(rand, 1)
    teacher.warped_cloths[-1].data = student.warped_cloths[-1].data.clone()
    found = AdjustableDistillation()(student, teacher, person)
    assert not any(found.values())


def test_equal_flows_have_a_finite_gradient(rand):
    """The length of a vector has no slope at zero."""
    person, student = rand(2, 3, *SIZE), warp(rand, 2)
    found = AdjustableDistillation('fixed')(student, student, person)
    sum(found[name] for name in LOSSES).backward()
    for tensor in (*student.condition_features, *student.grids[2:]):
        assert not tensor.grad.any()


def test_only_the_student_learns(rand):
    person, student, teacher = rand(1, 3, *SIZE), warp(rand, 1), warp(rand, 1)
    found = AdjustableDistillation('fixed')(
        student, teacher, person.requires_grad_()
    )
    sum(found.values()).backward()
    for tensors in vars(teacher).values():
        assert all(tensor.grad is None for tensor in tensors)
    assert person.grad is None
    assert student.warped_cloths[-1].grad is None, 'the choice is not a loss'
    assert student.grids[1].grad is None, 'not among the flow scales'
    assert student.grids[2].grad.any()


def test_gradcheck(rand):
    person, student, teacher = rand(2, 3, *SIZE), warp(rand, 2), warp(rand, 2)
    selecting(student, teacher, person, (1, 0))
    module = AdjustableDistillation()

    def total(*tensors):
        changed = WarpResult(
            **vars(student)
            | dict(condition_features=tensors[:5], grids=tensors[5:])
        )
        found = module(changed, teacher, person)
        return sum(found[name] for name in LOSSES)

    leaves = *student.condition_features, *student.grids
    assert torch.autograd.gradcheck(total, leaves, fast_mode=True)


def test_means_in_float32_under_autocast(rand):
    person, student, teacher = rand(2, 3, *SIZE), warp(rand, 2), warp(rand, 2)
    selecting(student, teacher, person, (0, 1))
    half, exact = (
        [
            WarpResult(
                **{
                    name: [t.detach().bfloat16().to(dtype) for t in tensors]
                    for name, tensors in vars(result).items()
                }
            )
            for result in (student, teacher)
        ]
        for dtype in (torch.bfloat16, torch.float32)
    )
    module, person = AdjustableDistillation(), person.float()
    with torch.autocast('cpu', torch.bfloat16):
        found = module(*half, person)
    for name, value in module(*exact, person).items():
        assert found[name].dtype == torch.float32
        assert found[name] == value


@pytest.mark.parametrize(
    ('weights', 'names'),
    [
        ({'feature_weight': 0}, LOSSES[1:]),
        ({'flow_weight': 0}, LOSSES[:1]),
        ({'feature_weight': 0, 'flow_weight': 0}, ()),
    ],
)
def test_features_flows_or_neither(rand, weights, names):
    person, student, teacher = rand(1, 3, *SIZE), warp(rand, 1), warp(rand, 1)
    found = AdjustableDistillation(**weights)(student, teacher, person)
    assert sorted(found) == sorted([*names, 'distill_share'])


def test_selection_is_one_of_two():
    with pytest.raises(ValueError, match="'adjustable' or 'fixed'"):
        AdjustableDistillation('none')


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_cuda(rand):
    person, student, teacher = rand(3, 3, *SIZE), warp(rand, 3), warp(rand, 3)
    selecting(student, teacher, person, (0, 1, 1))
    module = AdjustableDistillation()
    moved = [
        WarpResult(
            **{name: [t.cuda() for t in ts] for name, ts in vars(r).items()}
        )
        for r in (student, teacher)
    ]
    found = module(*moved, person.cuda())
    for name, value in module(student, teacher, person).items():
        torch.testing.assert_close(found[name].cpu(), value)
