# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Learning from the truth: targets, losses, what is taught, empty cases."""

import math

import pytest
import torch
from torch import nn

pytest.importorskip('mmengine')
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import get_model
from mmfashion_ext.tryon.flow import offset_to_grid, shrink
from mmfashion_ext.tryon.generator import Composition
from mmfashion_ext.tryon.supervised import (
    SupervisedTryOn,
    TrueFlowLoss,
    TrueImageLoss,
    changed_region,
    garment_region,
    masked_mean,
    true_grid,
    true_region,
    visible_region,
)
from mmfashion_ext.tryon.warp_net import WarpResult

MODEL = 'pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96'
H, W = 64, 96


def positions(h=H, w=W):
    """The flow in px of a cloth that lies as it is, (1, 2, h, w)."""
    y, x = torch.meshgrid(
        torch.arange(h).float(), torch.arange(w).float(), indexing='ij'
    )
    return torch.stack([x, y])[None]


@pytest.fixture
def model():
    torch.manual_seed(0)
    small = {
        'model.warp_net.widths': (4, 4, 6, 6, 6),
        'model.warp_net.depths': (1, 1, 1, 1, 1),
        'model.warp_net.channels': 8,
        'model.warp_net.head_channels': (8, 6, 4),
        'model.generator.widths': (4, 4, 6, 6, 6),
        'model.generator.depths': (1, 1, 1, 1, 1),
    }
    model = get_model(MODEL, **small).train()
    assert type(model) is SupervisedTryOn
    return model


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(2, 9, H // 8, W // 8, generator=generator)
    noise = nn.functional.interpolate(noise, size=(H, W), mode='bilinear')
    flow = positions().repeat(2, 1, 1, 1) + 3
    flow[:, :, :20] = math.nan
    return {
        'person': noise[:, :3] * 2 - 1,
        'cloth': noise[:, 3:6] * 2 - 1,
        'cloth_mask': torch.ones(2, 1, H, W),
        'truth': noise[:, 6:] * 2 - 1,
        'flow': flow,
    }


@pytest.mark.parametrize('times', [0, 1, 2, 4])
def test_grids_of_the_truth_sample_what_the_losses_compare(times):
    """The true grid of a cloth that is not warped is the identity."""
    size = H >> times, W >> times
    grid, known = true_grid(positions(), size)
    assert known.all()
    identity = offset_to_grid(torch.zeros(1, 2, *size))
    torch.testing.assert_close(grid, identity, atol=1e-5, rtol=0)
    # a shift by one pixel of this scale
    grid, _ = true_grid(positions() + (1 << times), size)
    shifted = offset_to_grid(torch.ones(1, 2, *size))
    torch.testing.assert_close(grid, shifted, atol=1e-5, rtol=0)


def test_a_block_is_known_if_most_of_it_is():
    flow = positions(4, 8)
    flow[:, :, :, 5:] = math.nan  # 1 of 4 columns of the right half is known
    flow[:, :, 0, 0] = math.nan
    grid, known = true_grid(flow, (1, 2))
    assert known.tolist() == [[[[1.0, 0.0]]]]
    assert grid.isfinite().all()
    assert not grid[0, :, 0, 1].any()
    assert visible_region(flow).sum() == 4 * 5 - 1


def test_the_flow_loss_is_written_out():
    torch.manual_seed(0)
    flow = positions(8, 8)
    flow[..., :3] = math.nan
    grids = [torch.rand(1, 2, 4, 4), torch.rand(1, 2, 8, 8)]
    losses = TrueFlowLoss(2.0, (1, 5))(WarpResult(grids, [], []), flow)
    expected = 0.0
    for grid, weight in zip(grids, (1, 5), strict=True):
        target, known = true_grid(flow, grid.shape[2:])
        lengths = [
            math.dist(grid[0, :, y, x], target[0, :, y, x])
            for y in range(grid.shape[2])
            for x in range(grid.shape[3])
            if known[0, 0, y, x]
        ]
        expected += weight * sum(lengths) / len(lengths)
    assert float(losses['loss_flow']) == pytest.approx(2 * expected, rel=1e-4)
    assert float(losses['flow_error']) == pytest.approx(
        sum(lengths) / len(lengths), rel=1e-4
    )


def test_gradients_of_the_flow_loss():
    torch.manual_seed(0)
    flow = positions(8, 8).double()
    flow[..., 3] = math.nan
    grids = [
        torch.rand(1, 2, n, n, dtype=torch.double, requires_grad=True)
        for n in (4, 8)
    ]
    loss = TrueFlowLoss(scale_weights=(1, 2))
    assert torch.autograd.gradcheck(
        lambda *g: loss(WarpResult(list(g), [], []), flow)['loss_flow'], grids
    )
    # a flow that is exactly right has a gradient, too
    exact, _ = true_grid(flow, (8, 8))
    exact.requires_grad_()
    one = TrueFlowLoss(scale_weights=(1,))
    one(WarpResult([exact], [], []), flow)['loss_flow'].backward()
    assert exact.grad.isfinite().all()


def test_what_changes_is_what_differs_or_is_the_cloth():
    person = torch.zeros(1, 3, 9, 9)
    truth = person.clone()
    visible = torch.zeros(1, 1, 9, 9)
    assert not changed_region(person, truth, visible).any()
    truth[0, 1, 4, 4] = 0.05  # noise of JPEG
    assert not changed_region(person, truth, visible).any()
    truth[0, 1, 4, 4] = 0.5
    found = changed_region(person, truth, visible, growth=3)
    assert found.sum() == 9
    assert found[0, 0, 3:6, 3:6].all()
    visible[0, 0, 0, 0] = 1
    assert changed_region(person, person, visible, growth=1).sum() == 1


def test_maps_of_the_dataset_go_before_what_differs(inputs):
    """A garment whose flow is not known is a garment all the same."""
    found = garment_region(inputs)
    assert torch.equal(found, visible_region(inputs['flow']))
    expected = changed_region(inputs['person'], inputs['truth'], found)
    assert torch.equal(true_region(inputs), expected)
    inputs['garment_region'] = torch.ones(2, 1, H, W)
    assert garment_region(inputs).all()
    inputs['kept'] = torch.ones(2, 1, H, W)
    assert not true_region(inputs).any()
    inputs['kept'][0, 0, 30, 30] = 0
    assert true_region(inputs)[0].sum() == 25
    assert not true_region(inputs)[1].any()


def composition(truth, visible, region, logit=20.0):
    """The composition of a generator that knows the truth."""
    signs = torch.cat([visible, region], dim=1) * 2 - 1
    return Composition(truth, truth, visible, region, signs * logit)


def test_the_truth_has_no_loss(inputs):
    visible = visible_region(inputs['flow'])
    region = changed_region(inputs['person'], inputs['truth'], visible)
    perfect = composition(inputs['truth'], visible, region)
    losses = TrueImageLoss()(perfect, inputs, torch.ones_like(visible))
    assert len(losses) == 5
    assert all(float(value) < 1e-6 for value in losses.values())
    wrong = composition(inputs['truth'] + 0.5, 1 - visible, 1 - region, 1.0)
    losses = TrueImageLoss(2.0, 1.0, 3.0, 4.0)(
        wrong, inputs, torch.ones_like(visible)
    )
    assert float(losses['loss_try_on']) == pytest.approx(1.0, rel=1e-4)
    assert float(losses['loss_rendered']) == pytest.approx(1.0, rel=1e-4)
    assert float(losses['loss_gradient']) < 1e-5, 'an offset has no edges'
    wrong_entropy = math.log1p(math.e)
    assert float(losses['loss_visible']) == pytest.approx(3 * wrong_entropy)
    assert float(losses['loss_changed']) == pytest.approx(4 * wrong_entropy)


def test_pixels_that_are_not_known_do_not_count(inputs):
    """Of composites the region that a smaller garment uncovers."""
    torch.manual_seed(0)
    visible = visible_region(inputs['flow'])
    known = torch.ones_like(visible)
    known[..., 40:] = 0
    image = inputs['truth'] + 0.1 * torch.randn_like(inputs['truth'])
    logits = torch.randn(2, 2, H, W)
    losses = []
    for disturbance in (0.0, 5.0):
        made, maps = image.clone(), logits.clone()
        made[..., 40:] += disturbance
        maps[..., 40:] += disturbance
        losses.append(
            TrueImageLoss()(
                Composition(made, made, visible, visible, maps),
                inputs | {'loss_mask': known},
                torch.ones_like(visible),
            )
        )
    for name, value in losses[0].items():
        torch.testing.assert_close(losses[1][name], value, msg=name)


def test_nothing_is_visible(model, inputs):
    """A garment that is hidden, say by a bag, teaches no flow."""
    inputs['flow'] = torch.full_like(inputs['flow'], math.nan)
    inputs['person'] = inputs['truth'].clone()
    losses = model(inputs, mode='loss')
    assert all(value.isfinite() for value in losses.values())
    assert losses['loss_flow'].item() == 0
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(grad.isfinite().all() for grad in grads)
    assert (
        float(masked_mean(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)))
        == 0
    )


def test_a_step_teaches_both_networks(model, inputs):
    losses = model(inputs, mode='loss')
    assert {k for k in losses if 'loss' not in k} == {'flow_error'}
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name


def test_the_image_does_not_teach_the_warp(model, inputs):
    """The true flow does; a blurred image would pull the cloth away."""
    losses = model(inputs, mode='loss')
    image = ('try_on', 'rendered', 'gradient', 'visible', 'changed')
    sum(losses[f'loss_{name}'] for name in image).backward()
    assert all(p.grad is None for p in model.warp_net.parameters())
    assert any(p.grad is not None for p in model.generator.parameters())


def test_training_lowers_the_losses(model, inputs):
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    sums = []
    for _ in range(12):
        losses = model(inputs, mode='loss')
        total = sum(v for k, v in losses.items() if 'loss' in k)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        sums.append(total.item())
    assert sums[-1] < 0.8 * sums[0]


def test_without_the_truth_there_is_no_training(model, inputs):
    del inputs['truth']
    with pytest.raises(UserError, match='lack truth: set annotations'):
        model(inputs, mode='loss')
    inputs['truth'] = inputs['person']
    model.image_loss = None
    with pytest.raises(UserError, match=r'model\.image_loss is None'):
        model(inputs, mode='loss')


def test_a_generator_that_renders_everything_is_taught_too(inputs):
    visible = visible_region(inputs['flow'])
    plain = Composition(inputs['truth'], inputs['truth'], visible)
    losses = TrueImageLoss()(plain, inputs, visible)
    assert set(losses) == {'loss_try_on', 'loss_rendered', 'loss_gradient'}


def test_true_grids_fit_shrunk_cloths():
    """A shrunk cloth sampled by the true grid is the shrunk truth."""
    torch.manual_seed(0)
    cloth = nn.functional.interpolate(
        torch.rand(1, 3, 8, 8), size=(64, 64), mode='bicubic'
    )
    flow = positions(64, 64)
    flow[:, 0] = 63 - flow[:, 0]  # mirrored
    grid, _ = true_grid(flow, (32, 32))
    found = nn.functional.grid_sample(
        shrink(cloth, 1), grid.permute(0, 2, 3, 1), align_corners=True
    )
    expected = shrink(cloth.flip(3), 1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
