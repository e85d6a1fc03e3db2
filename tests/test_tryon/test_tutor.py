# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The stages of the tutor, and what its generator gets."""

import pytest
import torch

pytest.importorskip('mmengine')

from mmfashion_ext.tryon import conditions
from mmfashion_ext.tryon.generator import compose

H, W = 64, 32


def test_warp_stage_of_the_tutor(build_tutor, inputs, reached):
    model = build_tutor(generator=None, try_on_loss=None).train()
    losses = model(inputs, mode='loss')
    assert set(losses) == {
        *('loss_tv', 'loss_cloth', 'loss_mask', 'loss_second_order')
    }
    assert any('condition' in name for name in reached(model, losses))
    composition, result = model.eval()(inputs)
    assert composition is None
    assert result.warped_cloth.shape == (2, 3, H, W)


def test_end_to_end_stage_weighs_the_warp(build_tutor, inputs, reached):
    """0.5 W + G, and G reaches the warp network."""
    model = build_tutor(warp_weight=0.5).eval()
    whole = build_tutor(warp_weight=1.0).eval()
    half, full = (m(inputs, mode='loss') for m in (model, whole))
    for name in ('loss_tv', 'loss_cloth', 'loss_mask', 'loss_second_order'):
        torch.testing.assert_close(2 * half[name], full[name])
    for name in ('loss_try_on', 'loss_rendered', 'loss_mask_completeness'):
        torch.testing.assert_close(half[name], full[name])
    names = reached(model, {'loss': half['loss_try_on']})
    assert any(name.startswith('warp_net') for name in names)


def test_the_tutor_reads_eight_channels(build_tutor, inputs):
    """Preserved region, warped cloth and mask, the arms that are bare."""
    model = build_tutor().eval()
    _, result = model(inputs)
    cloth_region = torch.full((2, 1, H, W), 0.25)
    made = model.generator_input(inputs, result, cloth_region)
    parse, densepose = inputs['parse'], inputs['densepose']
    expected = [
        conditions.preserved_region(inputs['person'], parse, densepose),
        result.warped_cloth,
        result.warped_mask,
        conditions.dense_limb_mask(densepose) * 0.75,
    ]
    assert torch.equal(made, torch.cat(expected, dim=1))
    assert made.shape[1] == 8


def test_paired_training_knows_where_the_garment_is(build_tutor, inputs):
    """m includes the mask of the garment truly worn, in training alone."""
    model = build_tutor().eval()
    worn = conditions.person_cloth_mask(inputs['parse'])
    raws = []
    handle = model.generator.register_forward_hook(
        lambda module, args, output: raws.append(output)
    )
    losses = model(inputs, mode='loss')
    _, result = model(inputs)
    handle.remove()
    warped = result.warped_cloth, result.warped_mask
    inside = compose(raws[0], *warped, worn)
    expected = (1 - inside.mask).abs().mean()
    torch.testing.assert_close(losses['loss_mask_completeness'], expected)
    assert torch.equal(compose(raws[0], *warped).mask * worn, inside.mask)
