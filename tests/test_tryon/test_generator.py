# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The generator against one written out, level inside level."""

import math

import pytest
import torch
from torch.nn import functional

pytest.importorskip('mmengine')
from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.generator import TryOnGenerator, compose, saturate

WIDTHS = 4, 5, 6, 8, 8


def generator(in_channels=7, seed=0):
    """Narrow, with statistics as after a training."""
    torch.manual_seed(seed)
    model = TryOnGenerator(in_channels, widths=WIDTHS).double().eval()
    for name, values in model.state_dict().items():
        if name.endswith('running_var'):
            values.uniform_(0.5, 2)
        elif name.endswith(('running_mean', 'bias')):
            values.normal_(std=0.3)
    return model


class Plain:
    """The fact sheet's table, from the weights of ours."""

    def __init__(self, model):
        self.weights = model.state_dict()

    def conv(self, name, x, stride=1):
        weight = self.weights[f'{name}.weight']
        assert f'{name}.bias' not in self.weights
        return functional.conv2d(x, weight, stride=stride, padding=1)

    def norm(self, name, x):
        mean, variance, weight, bias = (
            self.weights[f'{name}.{part}'][:, None, None]
            for part in ('running_mean', 'running_var', 'weight', 'bias')
        )
        return (x - mean) / (variance + 1e-5) ** 0.5 * weight + bias

    def residual(self, name, x):
        y = self.norm(f'{name}.bn1', self.conv(f'{name}.conv1', x)).relu()
        return (
            self.norm(f'{name}.bn2', self.conv(f'{name}.conv2', y)) + x
        ).relu()

    def level(self, n, x):
        """Of 5, 0 is outermost: its input beside what comes up to it."""
        y = self.conv(f'down.{n}.0', x, stride=2)
        after = 1
        if 0 < n < 4:
            y, after = self.norm(f'down.{n}.1', y), 2
        y = y.relu()
        for block in (after + 1, after + 2):
            y = self.residual(f'down.{n}.{block}', y)
        if n < 4:
            y = self.level(n + 1, y)
        y = y.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        if n == 0:
            return self.conv('last_conv', y)
        y = self.conv(f'up.{n - 1}.0', y)
        y = self.norm(f'up.{n - 1}.1', y).relu()
        for block in (3, 4):
            y = self.residual(f'up.{n - 1}.{block}', y)
        return torch.cat([x, y], dim=1)


@pytest.mark.parametrize('size', [(64, 32), (96, 64)])
@pytest.mark.parametrize('in_channels', [7, 8])
def test_levels_written_out(size, in_channels):
    model = generator(in_channels)
    x = torch.randn(2, in_channels, *size, dtype=torch.double)
    with torch.no_grad():
        got, expected = model(x), Plain(model).level(0, x)
    assert got.shape == (2, 4, *size)
    torch.testing.assert_close(got, expected)


def test_published_sizes():
    with torch.device('meta'):
        student, tutor = TryOnGenerator(), TryOnGenerator(in_channels=8)
    counts = [
        sum(x.numel() for x in model.parameters())
        for model in (student, tutor)
    ]
    assert counts == [43_899_968, 43_900_544]
    assert len(student.state_dict()) == 261


def test_all_weights_learn():
    model = generator().train()
    model(
        torch.randn(2, 7, 64, 64, dtype=torch.double)
    ).square().sum().backward()
    assert all(x.grad.any() for x in model.parameters())


def test_composition():
    raw = torch.tensor([2.0, -1.0, 0.5, 0.3]).view(1, 4, 1, 1)
    cloth = torch.tensor([0.2, 0.4, -0.6]).view(1, 3, 1, 1)
    mask, region = torch.full((2, 1, 1, 1, 1), 0.5)
    m = 0.5 / (1 + math.exp(-0.3))
    for worn, shown in ((None, m), (region, m / 2)):
        found = compose(raw, cloth, mask, worn)
        assert found.mask.item() == pytest.approx(shown)
        for c in range(3):
            painted = math.tanh(raw[0, c].item())
            assert found.rendered[0, c].item() == pytest.approx(painted)
            assert found.try_on[0, c].item() == pytest.approx(
                cloth[0, c].item() * shown + painted * (1 - shown)
            )


def test_gradients_reach_the_warp():
    """Nothing is detached: the image teaches the warp too."""
    raw, cloth, mask = (
        torch.rand(1, c, 2, 2, dtype=torch.double, requires_grad=True)
        for c in (4, 3, 1)
    )
    assert torch.autograd.gradcheck(
        lambda *x: (compose(*x).try_on, compose(*x).mask), (raw, cloth, mask)
    )


def test_composition_is_exact_in_half_precision():
    raw = torch.randn(1, 4, 2, 2).half()
    found = compose(raw, torch.rand(1, 3, 2, 2), torch.rand(1, 1, 2, 2))
    for x in (found.try_on, found.rendered, found.mask):
        assert x.dtype == torch.float32


def test_the_photograph_is_kept_where_nothing_changes():
    """Exactly: a sigmoid alone never reaches 0."""
    torch.manual_seed(0)
    raw = torch.randn(2, 5, 6, 4)
    raw[:, 4, :3] = -4
    raw[:, 4, 5:] = 4
    photograph = torch.rand(2, 3, 6, 4) * 2 - 1
    cloth, mask = torch.rand(2, 3, 6, 4), torch.rand(2, 1, 6, 4)
    plain = compose(raw[:, :4], cloth, mask)
    found = compose(raw, cloth, mask, photograph=photograph)
    assert torch.equal(found.try_on[:, :, :3], photograph[:, :, :3])
    assert torch.equal(found.try_on[:, :, 5:], plain.try_on[:, :, 5:])
    c = saturate(raw[:, 4:])
    torch.testing.assert_close(
        found.try_on, c * plain.try_on + (1 - c) * photograph
    )
    assert torch.equal(found.changed, c)
    assert torch.equal(found.logits, raw[:, 3:])
    assert plain.changed is None
    assert plain.logits is None
    assert torch.equal(found.mask, plain.mask)
    with pytest.raises(UserError, match='out_channels=4'):
        compose(raw, cloth, mask)


def test_saturation_has_both_ends():
    x = torch.tensor([-50.0, -2.5, 0.0, 2.5, 50.0])
    assert saturate(x).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    x = torch.linspace(-2, 2, 9, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(saturate, x)
    assert (saturate(x).diff() > 0).all()
