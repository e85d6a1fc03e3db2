# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-ons at the size of the photograph, and what of it is kept."""

import numpy as np
import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext.hub import get_model
from mmfashion_ext.tryon import TryOnInferencer
from mmfashion_ext.tryon.generator import Composition
from mmfashion_ext.tryon.inference.frame import Frame
from mmfashion_ext.tryon.inference.full_size import compose_full_size

MODEL = 'pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96'


def full(changed, photograph, size):
    """A try-on of which only ``changed`` (1, 1, H, W) is of the network."""
    cloth = torch.ones(1, 3, 20, 20)
    mask = torch.ones(1, 1, 20, 20)
    frame = tuple(changed.shape[2:])
    shape = (1, 3, *frame)
    composition = Composition(
        try_on=torch.zeros(shape),
        rendered=torch.full(shape, -1.0),
        mask=torch.ones(1, 1, *frame),
        changed=changed,
        logits=torch.cat([changed * 60 - 30, changed], dim=1),
    )
    return compose_full_size(
        composition,
        torch.zeros(1, 2, *frame),
        photograph,
        cloth,
        mask,
        Frame.of(size, frame),
        Frame.of((20, 20), frame),
    )


def test_only_what_changes_is_changed():
    torch.manual_seed(0)
    photograph = torch.rand(1, 3, 200, 140) * 2 - 1
    changed = torch.zeros(1, 1, 64, 64)
    found = full(changed, photograph, (200, 140))
    assert torch.equal(found.try_on, photograph[0])
    changed[:, :, 20:40, 20:40] = 1
    found = full(changed, photograph, (200, 140))
    same = (found.try_on == photograph[0]).all(0)
    assert 0.7 < same.float().mean() < 0.95
    assert same[:50].all()
    assert same[140:].all()
    # inside it is the cloth, which is sampled at its own size
    assert (found.try_on[:, 80:110, 60:80] == 1).all()
    assert found.warped_cloth.shape == (3, 200, 140)
    assert found.warped_mask.shape == (1, 200, 140)


@pytest.fixture(scope='module')
def infer():
    torch.manual_seed(0)
    small = {
        'model.warp_net.widths': (4, 4, 6, 6, 6),
        'model.warp_net.depths': (1, 1, 1, 1, 1),
        'model.warp_net.channels': 8,
        'model.warp_net.head_channels': (8, 6, 4),
        'model.generator.widths': (4, 4, 6, 6, 6),
        'model.generator.depths': (1, 1, 1, 1, 1),
    }
    model = get_model(MODEL, **small)
    # c of both signs, far from 0
    torch.nn.init.normal_(model.generator.last_conv.weight, 0, 30)
    return TryOnInferencer(model, device='cpu', show_progress=False)


def test_photographs_keep_their_size_and_grey_levels(infer):
    """Every grey level comes back as it was, also those from 1 to 63."""
    rng = np.random.default_rng(0)
    persons = [
        rng.integers(0, 256, (*size, 3), np.uint8)
        for size in ((150, 90), (128, 96), (70, 160))
    ]
    cloth = rng.integers(0, 256, (100, 120, 3), np.uint8)
    mask = np.zeros((100, 120), np.uint8)
    mask[20:80, 30:90] = 255
    assert infer.size == (128, 96)
    found = infer(persons, cloth, mask, draw=True)['predictions']
    for person, prediction in zip(persons, found, strict=True):
        h, w = person.shape[:2]
        assert prediction['try_on'].shape == person.shape
        assert prediction['warped_cloth'].shape == person.shape
        assert prediction['warped_mask'].shape == (h, w)
        strip = prediction['visualization']
        assert strip.shape == (h, 3 * w, 3)
        assert (strip[:, :w] == person).all()
        same = (prediction['try_on'] == person).all(axis=2)
        assert 0.02 < same.mean() < 0.98
        low = person.max(axis=2) < 64
        assert same[low].any()


def test_a_batch_is_composed_one_by_one(infer):
    """Persons of several sizes go through the network together."""
    rng = np.random.default_rng(1)
    persons = [
        rng.integers(0, 256, (*size, 3), np.uint8)
        for size in ((150, 90), (70, 160))
    ]
    cloth, mask = persons[0], np.full((150, 90), 255, np.uint8)
    single = [infer(p, cloth, mask)['predictions'][0] for p in persons]
    both = TryOnInferencer(
        infer.model, device='cpu', show_progress=False, batch_size=2
    )(persons, cloth, mask)['predictions']
    for one, other in zip(single, both, strict=True):
        difference = one['try_on'].astype(int) - other['try_on']
        assert (np.abs(difference) > 1).mean() < 0.01


def test_without_a_size_images_keep_theirs(infer):
    """The photograph is kept all the same."""
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (70, 50, 3), np.uint8)
    mask = np.full((70, 50), 255, np.uint8)
    session_size, infer.size = infer.size, None
    try:
        prediction = infer(image, image, mask)['predictions'][0]
    finally:
        infer.size = session_size
    assert prediction['try_on'].shape == image.shape
    same = (prediction['try_on'] == image).all(axis=2)
    assert 0.02 < same.mean() < 0.98
