# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Two optimizers step like two plain ones; accumulation, clipping, AMP."""

import copy

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, ExponentialLR, StepLR
from torch import nn

from mmfashion_ext.scan.optim_wrapper import (
    JointOptimWrapper,
    SCANOptimWrapperConstructor,
)

SGD = dict(type='SGD', lr=1e-3, momentum=0.9, nesterov=True, weight_decay=5e-4)


class Halves(nn.Module):
    """The two parts of a recognizer, as small as can be."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.frame_cnn = nn.Linear(3, 2)
        self.matcher = nn.Linear(2, 1)

    def forward(self, x):
        return self.matcher(self.frame_cnn(x)).square().mean()


def construct(model, **cfg):
    return SCANOptimWrapperConstructor({'optimizer': SGD, **cfg})(model)


def test_each_optimizer_has_its_part():
    model = Halves()
    joint = construct(model, attention=dict(lr=0.1, weight_decay=0))
    assert list(joint.keys()) == ['cnn', 'attention']
    for name, part in (('cnn', model.frame_cnn), ('attention', model.matcher)):
        (group,) = joint[name].param_groups
        assert group['params'] == list(part.parameters())
        assert group['nesterov']
    assert joint.get_lr() == {'cnn.lr': [1e-3], 'attention.lr': [0.1]}
    (group,) = joint['cnn'].param_groups
    assert group['weight_decay'] == 5e-4


def test_a_step_is_that_of_two_plain_optimizers():
    ours, plain = Halves(), Halves()
    joint = construct(ours, attention=dict(lr=0.1))
    optimizers = [
        torch.optim.SGD(part.parameters(), lr, 0.9, 0, 5e-4, nesterov=True)
        for part, lr in ((plain.frame_cnn, 1e-3), (plain.matcher, 0.1))
    ]
    for _ in range(3):
        x = torch.randn(4, 3)
        with joint.optim_context(ours):
            loss = ours(x)
        joint.update_params(loss)
        plain(x).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    for mine, theirs in zip(
        ours.parameters(), plain.parameters(), strict=True
    ):
        assert (mine == theirs).all()
        assert mine.grad is None


def test_accumulation_of_gradients():
    """Two half batches and one whole are one step; a last, odd one too."""
    halves, whole = Halves(), Halves()
    joint = construct(halves, accumulative_counts=2)
    joint.initialize_count_status(halves, 0, 3)
    plain = construct(whole)
    x = torch.randn(6, 3)
    for part in x.split(2):
        joint.update_params(halves(part))
    for part in x.split(4):
        plain.update_params(whole(part))
    for mine, theirs in zip(
        halves.parameters(), whole.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize('kind', ['norm', 'value'])
def test_gradients_are_clipped_for_each_part(kind):
    limit = {'norm': dict(max_norm=1e-3), 'value': dict(clip_value=1e-3)}
    clip = dict(type=kind, **limit[kind])
    model = Halves()
    joint = construct(model, clip_grad=clip, attention=dict(lr=1.0))
    before = copy.deepcopy(model.state_dict())
    joint.backward(1e3 * model(torch.randn(4, 3)))
    joint.step()
    for part in (model.frame_cnn, model.matcher):
        largest = max(p.grad.abs().max() for p in part.parameters())
        assert 0 < largest <= 1.001e-3
    assert not (model.matcher.weight == before['matcher.weight']).all()
    assert clip == dict(type=kind, **limit[kind])


def test_parameter_of_no_part_is_refused():
    model = Halves()
    model.extra = nn.Linear(1, 1)
    with pytest.raises(
        ValueError, match=r'no optimizer for extra\.weight, ext'
    ):
        construct(model)


class FakeAmp(AmpOptimWrapper):
    """Mixed precision with a scaler that works on a CPU."""

    def __init__(self, optimizer, clip_grad=None):
        super(AmpOptimWrapper, self).__init__(optimizer, clip_grad=clip_grad)
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=1024.0)
        self._scale_update_param = None
        self.cast_dtype = torch.bfloat16


def amp(model, clip_grad=None):
    return JointOptimWrapper(
        **{
            name: FakeAmp(torch.optim.SGD(part.parameters(), 0.1), clip_grad)
            for name, part in (
                ('cnn', model.frame_cnn),
                ('attention', model.matcher),
            )
        }
    )


def test_mixed_precision_has_one_scaler():
    ours, plain = Halves(), Halves()
    joint = amp(ours)
    scaler = joint['cnn'].loss_scaler
    assert joint['attention'].loss_scaler is scaler
    reference = construct(plain, optimizer=dict(type='SGD', lr=0.1))
    x = torch.randn(4, 3)
    joint.update_params(ours(x))
    reference.update_params(plain(x))
    for mine, theirs in zip(
        ours.parameters(), plain.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    assert scaler.get_scale() == 1024

    before = copy.deepcopy(ours.state_dict())
    joint.update_params(ours(x) * torch.inf)
    assert scaler.get_scale() == 512, 'halved once, not for each optimizer'
    for name, value in ours.state_dict().items():
        assert (value == before[name]).all()

    other = amp(Halves())
    other.load_state_dict(joint.state_dict())
    assert other['cnn'].loss_scaler.get_scale() == 512


def test_published_schedules():
    joint = construct(Halves())
    schedulers = [
        ExponentialLR(joint['cnn'], gamma=0.1 ** (1 / 20)),
        StepLR(joint['attention'], step_size=10, gamma=0.01),
    ]
    for epoch in range(30):
        (cnn,), (attention,) = joint.get_lr().values()
        assert cnn == pytest.approx(1e-3 * 0.1 ** (epoch / 20), rel=1e-12)
        expected = [1e-3, 1e-5, 1e-7][epoch // 10]
        assert attention == pytest.approx(expected, rel=1e-12)
        joint.step()
        for scheduler in schedulers:
            scheduler.step()


def test_mixed_precision_clips_unscaled_gradients():
    """Scaled ones are 1024 times as large, and would always be clipped."""
    ours, plain = Halves(), Halves()
    limit = dict(max_norm=1.0)
    reference = construct(
        plain, optimizer=dict(type='SGD', lr=0.1), clip_grad=limit
    )
    x = 0.01 * torch.randn(4, 3)  # below the limit
    for scale in (1, 1000):  # and above it
        amp(ours, limit).update_params(scale * ours(x))
        reference.update_params(scale * plain(x))
        for mine, theirs in zip(
            ours.parameters(), plain.parameters(), strict=True
        ):
            torch.testing.assert_close(mine, theirs)
