# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos.composite import (
    composite,
    spread_colours,
)
from mmfashion_ext.synthetic.tryon_photos.garment_mesh import (
    mesh_over,
    rasterise_map,
)
from mmfashion_ext.synthetic.tryon_photos.worn_region import find_worn_regions

from .conftest import MIDDLE, bend, draw_garment_photo, tee_outline


@pytest.fixture
def scene(garment, labels, photo):
    region = find_worn_regions(labels)['upper']
    mesh = mesh_over(garment.outline)
    flat = draw_garment_photo(tee_outline(), size=(192, 256))
    flow = rasterise_map(mesh, bend(mesh.rest), (480, 320))
    in_front = region.in_front
    ones = np.ones((480, 320), np.float32)
    return photo, region.mask, in_front, flow, flat, garment.mask(), ones


def test_outside_the_zone_nothing_changes(scene):
    """Bit by bit: what is not repainted is the photograph."""
    photo, zone = scene[:2]
    made = composite(*scene)
    assert (made.image[~made.changed] == photo[~made.changed]).all()
    assert made.changed[zone].all()
    grown = made.changed & ~zone
    assert grown.sum() < 0.25 * zone.sum()
    differs = (made.image != photo).any(2)
    assert differs[zone].mean() > 0.95


def test_the_image_is_the_garment_at_the_flow(scene):
    _, zone, _, _, flat, mask, _ = scene
    made = composite(*scene)
    y, x = np.nonzero(np.isfinite(made.flow[..., 0]) & zone)
    assert len(y) > 0.9 * zone.sum()
    at = np.round(made.flow[y, x]).astype(int)
    colours = spread_colours(flat, mask)[at[:, 1], at[:, 0]]
    error = np.abs(made.image[y, x].astype(int) - colours).mean()
    assert error < 12  # nearest pixel of stripes against bilinear
    known = bend(made.flow[y, x])
    distance = np.linalg.norm(known - np.stack([x, y], 1), axis=1)
    assert np.percentile(distance, 99) < 0.6  # the true flow


def test_what_is_in_front_stays(scene):
    _, _, in_front = scene[:3]
    made = composite(*scene)
    deep = in_front & ~made.changed
    assert deep.sum() > 0.8 * in_front.sum()


def test_holes_are_filled_and_named(scene):
    flow = scene[3].copy()
    flow[180:190, 150:170] = np.nan
    made = composite(*scene[:3], flow, *scene[4:])
    assert made.filled[180:190, 150:170].all()
    assert np.isnan(made.flow[185, 160]).all()
    assert (made.image[185, 160] != scene[0][185, 160]).any()


def test_shading_darkens(scene):
    bright = composite(*scene)
    dark = composite(*scene[:-1], scene[-1] * 0.5)
    zone = scene[1]
    ratio = dark.image[zone].mean() / bright.image[zone].mean()
    assert ratio == pytest.approx(0.5, abs=0.05)


def test_a_garment_elsewhere_changes_nothing(scene):
    nowhere = np.full_like(scene[3], np.nan)
    made = composite(*scene[:3], nowhere, *scene[4:])
    assert (made.image == scene[0]).all()
    assert not made.changed.any()


def test_colours_are_spread_without_background():
    mask = np.zeros((60, 50), bool)
    mask[20:40, 15:35] = True
    flat = np.full((60, 50, 3), 255, np.uint8)
    flat[mask] = 10
    assert (spread_colours(flat, mask) == 10).all()
    assert MIDDLE.shape == (2,)
