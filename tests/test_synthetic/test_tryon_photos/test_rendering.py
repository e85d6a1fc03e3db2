# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic.tryon_photos.cache import read_garments
from mmfashion_ext.synthetic.tryon_photos.framing import choose_frame
from mmfashion_ext.synthetic.tryon_photos.rendering import (
    has_inverse,
    mesh_of,
    shift_colours,
)
from mmfashion_ext.synthetic.tryon_photos.store import PairStore

SIZE = 128, 96


@pytest.fixture(scope='module')
def store(pairs):
    return PairStore(pairs)


@pytest.mark.parametrize('kind', ['inverse', 'composite'])
def test_shapes_and_masks(store, kind):
    made = store.render(0, kind, SIZE, np.random.default_rng(0))
    for name in ('person', 'cloth', 'truth'):
        image = getattr(made, name)
        assert image.shape == (*SIZE, 3)
        assert image.dtype == np.uint8
    for name in ('cloth_mask', 'garment_region', 'loss_mask', 'kept'):
        mask = getattr(made, name)
        assert mask.shape == SIZE
        assert mask.dtype == bool
    assert made.flow.shape == (*SIZE, 2)
    assert made.flow.dtype == np.float32
    assert (made.person[made.kept] == made.truth[made.kept]).all()
    assert 0.3 < made.kept.mean() < 0.99
    visible = np.isfinite(made.flow).all(2)
    assert visible.sum() > 300
    assert made.garment_region[visible].all()
    inside = made.flow[visible]
    assert (inside >= -0.5).all()
    assert (inside <= [SIZE[1], SIZE[0]]).all()


def test_the_target_of_an_inverse_pair_is_the_photograph(store):
    made = store.render(0, 'inverse', SIZE)
    other = store.render(0, 'composite', SIZE)
    assert (made.truth == other.person).all()
    assert made.loss_mask.all()
    assert (made.person != made.truth).any()


@pytest.mark.parametrize('kind', ['inverse', 'composite'])
@pytest.mark.parametrize('size', [SIZE, (256, 192)])
def test_the_garment_warped_by_the_flow_is_the_target(store, kind, size):
    """The flow's convention: where a pixel of the target lies on the cloth."""
    made = store.render(0, kind, size)
    visible = np.isfinite(made.flow[..., 0])
    inner = cv2.erode(visible.astype(np.uint8), np.ones((5, 5))) > 0
    warped = cv2.remap(
        made.cloth, np.nan_to_num(made.flow), None, cv2.INTER_LINEAR
    )
    blurred = [
        cv2.GaussianBlur(image, (0, 0), 1.5).astype(int)
        for image in (warped, made.truth)
    ]
    error = np.abs(blurred[0] - blurred[1])[inner].mean()
    mirrored = np.abs(blurred[0][:, ::-1] - blurred[1])[inner].mean()
    assert error < 25
    assert error < mirrored


def test_same_seed_same_pair(store):
    first, again, other = (
        store.render(1, 'composite', SIZE, np.random.default_rng(seed))
        for seed in (3, 3, 4)
    )
    for name, image in vars(first).items():
        assert np.array_equal(
            image, getattr(again, name), equal_nan=name == 'flow'
        )
    assert (first.truth != other.truth).any()


def test_a_mirrored_pair_is_mirrored_as_a_whole(store):
    """Left stays left: nothing tells a network to mirror a garment."""
    mirrored = 0
    for seed in range(8):
        rng, again = (np.random.default_rng(seed) for _ in range(2))
        pair = store.pairs[0]
        made = store.render(0, 'composite', SIZE, rng)
        _, regions = store._read_person(pair.person)
        mirrored += choose_frame(regions[pair.kind], SIZE, again).mirrored
        y, x = np.nonzero(np.isfinite(made.flow[..., 0]))
        assert np.polyfit(x, made.flow[y, x, 0], 1)[0] > 0
        at = np.round(made.flow[y, x]).astype(int).clip(0, [95, 127])
        assert made.cloth_mask[at[:, 1], at[:, 0]].mean() > 0.97
    assert 0 < mirrored < 8


def test_pairs_know_whether_they_have_an_inverse(store):
    assert all(has_inverse(pair) for pair in store.pairs)


def test_another_mesh_is_refused(store, pairs):
    fit = store.pairs[0].worn
    garment = read_garments(pairs)[fit.garment]
    cut = type(fit)(fit.garment, fit.vertices[:-1], fit.hem)
    assert len(mesh_of(fit, garment).rest) == len(fit.vertices)
    with pytest.raises(UserError, match='generate the cache again'):
        mesh_of(cut, garment)


def test_colours_are_shifted_and_greys_are_not():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2] = (30, 60, 200)
    image[2:] = 128
    shifted = shift_colours(image, np.random.default_rng(0))
    assert (shifted[2:] == 128).all()
    assert (shifted[:2] != image[:2]).any()
