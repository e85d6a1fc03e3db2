# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Losses of the try-on and of skin regions (losses.py), term by term."""

from functools import partial

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.generator import Composition
from mmfashion_ext.tryon.losses import (
    ChangedRegionLoss,
    SkinLoss,
    TryOnLoss,
    WarpLoss,
)
from mmfashion_ext.tryon.perceptual import PerceptualLoss


@pytest.fixture
def rand():
    generator = torch.Generator().manual_seed(0)
    return partial(torch.rand, generator=generator, dtype=torch.double)


@pytest.fixture(scope='module')
def vgg():
    return PerceptualLoss(seed=0).double()


def composition(rand, batch=2, size=(32, 16)):
    images = [rand(batch, c, *size) for c in (3, 3, 1)]
    try_on, rendered, mask = (p.requires_grad_() for p in images)
    return Composition(try_on=try_on, rendered=rendered, mask=mask)


def test_try_on_loss_is_the_published_one(rand, vgg, assert_same_losses):
    image = composition(rand, batch=1, size=(16, 12))
    person = rand(1, 3, 16, 12) * 2 - 1
    found = TryOnLoss(vgg)(image, person)
    expected = dict(
        loss_try_on=5 * (image.try_on - person).abs().mean(),
        loss_try_on_perceptual=vgg(image.try_on, person),
        loss_rendered=5 * (image.rendered - person).abs().mean(),
        loss_rendered_perceptual=vgg(image.rendered, person),
        loss_mask_completeness=(1 - image.mask).abs().mean(),
    )
    assert_same_losses(
        found,
        expected,
        [image.try_on, image.rendered, image.mask],
        atol=1e-14,
        rtol=1e-12,
    )


def test_features_of_the_person_are_computed_once(rand, plain_distance):
    distance, person = plain_distance(), rand(2, 3, 32, 16)
    TryOnLoss(distance)(composition(rand), person.requires_grad_())
    assert len(distance.calls) == 3


def test_try_on_loss_without_vgg_and_by_hand(plain_distance):
    image = Composition(
        try_on=torch.full((1, 3, 4, 4), 0.5),
        rendered=torch.full((1, 3, 4, 4), -1.0),
        mask=torch.full((1, 1, 4, 4), 0.25),
    )
    found = TryOnLoss(mask_weight=2.0)(image, torch.ones(1, 3, 4, 4))
    assert {name: value.item() for name, value in found.items()} == {
        'loss_try_on': 2.5,
        'loss_rendered': 10.0,
        'loss_mask_completeness': 1.5,
    }
    nothing = TryOnLoss(plain_distance(), 0, 0, 0)(
        image, torch.ones(1, 3, 4, 4)
    )
    assert nothing == {}


def test_the_person_in_its_own_garment(rand, vgg):
    person = rand(1, 3, 16, 12)
    same = Composition(
        try_on=person.clone().requires_grad_(),
        rendered=person,
        mask=torch.ones(1, 1, 16, 12).double(),
    )
    found = TryOnLoss(vgg)(same, person)
    sum(found.values()).backward()
    assert not any(found.values())
    assert not same.try_on.grad.any()


def test_gradcheck_try_on(rand, plain_distance):
    image, person = composition(rand, 1, (4, 4)), rand(1, 3, 4, 4)
    loss = TryOnLoss(plain_distance())
    assert torch.autograd.gradcheck(
        lambda *p: sum(loss(Composition(*p), person).values()),
        (image.try_on, image.rendered, image.mask),
    )


def test_skin_loss_is_the_published_one(
    rand, plain_distance, assert_same_losses
):
    vgg = plain_distance()
    rendered, person = rand(2, 3, 32, 16), rand(2, 3, 32, 16)
    skin = rand(2, 1, 32, 16)
    rendered.requires_grad_(), skin.requires_grad_()
    for loss, (a, b) in (
        (SkinLoss(vgg), (30, 2)),
        (SkinLoss(vgg, weights=(60, 4)), (60, 4)),
    ):
        x, y = rendered * skin.detach(), person * skin.detach()
        assert_same_losses(
            loss(rendered, person, skin),
            dict(
                loss_skin=a * (x - y).abs().mean(),
                loss_skin_perceptual=b * vgg(x, y),
            ),
            [rendered],
            atol=1e-14,
            rtol=1e-12,
        )


def test_skin_is_averaged_over_the_whole_image():
    skin = torch.zeros(1, 1, 4, 4)
    skin[:, :, 0, 0] = 0.5
    found = SkinLoss()(torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), skin)
    assert list(found) == ['loss_skin']
    assert found['loss_skin'].item() == pytest.approx(30 * 0.5 / 16)


def test_no_skin(rand, vgg):
    rendered = rand(1, 3, 16, 16).requires_grad_()
    skin = torch.zeros(1, 1, 16, 16, requires_grad=True)
    found = SkinLoss(vgg)(rendered, rand(1, 3, 16, 16), skin)
    sum(found.values()).backward()
    assert len(found) == 2
    assert not any(found.values())
    assert not rendered.grad.any()
    assert skin.grad is None


def test_skin_switches_terms_with_its_weights(rand, plain_distance):
    loss = SkinLoss(plain_distance(), (0, 2))
    images = rand(1, 3, 4, 4), rand(1, 3, 4, 4), rand(1, 1, 4, 4)
    assert list(loss(*images)) == ['loss_skin_perceptual']
    loss.weights = (60, 0)
    assert list(loss(*images)) == ['loss_skin']


def test_gradcheck_skin(rand, plain_distance):
    person, skin = rand(1, 3, 4, 4), rand(1, 1, 4, 4)
    loss = SkinLoss(plain_distance())
    assert torch.autograd.gradcheck(
        lambda x: sum(loss(x, person, skin).values()),
        rand(1, 3, 4, 4).requires_grad_(),
    )


def test_generator_losses_under_autocast(rand):
    person, skin = rand(2, 3, 32, 16).float(), rand(2, 1, 32, 16).float()
    image = composition(rand)
    parts = [image.try_on, image.rendered, image.mask]
    half = Composition(*(p.bfloat16() for p in parts))
    exact = Composition(*(p.bfloat16().float() for p in parts))

    def losses(image):
        skin_losses = SkinLoss()(image.rendered, person, skin)
        return TryOnLoss()(image, person) | skin_losses

    with torch.autocast('cpu', torch.bfloat16):
        found = losses(half)
    for name, value in losses(exact).items():
        assert found[name].dtype == torch.float32
        assert found[name] == value


def test_perceptual_may_be_a_config_or_built_and_shared(vgg):
    assert TryOnLoss(vgg).perceptual is WarpLoss(vgg).perceptual
    built = SkinLoss(dict(type=PerceptualLoss, seed=0))
    assert isinstance(built.perceptual, PerceptualLoss)


def test_what_changes_is_where_either_garment_lies():
    """Grown by a window; cross entropy written out."""
    worn, put_on = torch.zeros(2, 1, 1, 9, 9)
    worn[0, 0, 4, 4] = 1
    put_on[0, 0, 4, 8] = 1
    region = torch.zeros(1, 1, 9, 9)
    region[:, :, 3:6, 3:6] = 1
    region[:, :, 3:6, 7:] = 1
    logits = torch.randn(
        1, 2, 9, 9, generator=torch.Generator().manual_seed(0)
    )
    image = torch.zeros(1, 3, 9, 9)
    made = Composition(image, image, worn, worn, logits)
    loss = ChangedRegionLoss(weight=3.0, growth=3)(made, worn, put_on)
    p = logits[:, 1:].sigmoid()
    expected = -(region * p.log() + (1 - region) * (1 - p).log()).mean()
    torch.testing.assert_close(loss['loss_changed'], 3 * expected)
    with pytest.raises(UserError, match='out_channels=5'):
        ChangedRegionLoss()(Composition(image, image, worn), worn)
