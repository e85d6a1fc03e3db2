# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos.garment_mesh import (
    mesh_over,
    rasterise_inverse,
)
from mmfashion_ext.synthetic.tryon_photos.unwarp import unwarp_garment

from .conftest import LABEL, bend


@pytest.fixture
def scene(garment, labels):
    worn = labels == LABEL['t-shirt']
    mesh = mesh_over(garment.outline)
    positions = rasterise_inverse(mesh, bend(mesh.rest))
    photo = np.full((480, 320, 3), 240, np.uint8)
    photo[worn] = (30, 90, 150)
    photo[worn & (np.arange(480)[:, None] > 200)] = (150, 90, 30)
    return photo, worn, np.ones((480, 320), np.float32), positions


def test_the_worn_garment_is_laid_flat(scene, garment):
    mask = garment.mask()
    flat = unwarp_garment(*scene, mask)
    assert flat.known > 0.9  # the border is not trusted
    assert (flat.image[~mask] == 255).all()
    # both halves are where the known deformation says
    y, x = np.nonzero(cv2.erode(mask.astype(np.uint8), np.ones((15, 15))) > 0)
    below = bend(np.stack([x, y], 1))[:, 1] > 200
    near = np.abs(bend(np.stack([x, y], 1))[:, 1] - 200) < 2
    blue = flat.image[y, x, 0] > 90
    assert (blue == below)[~near].mean() > 0.99


def test_hidden_parts_come_from_the_other_side(scene, garment):
    photo, worn, shading, positions = scene
    hidden = worn & (np.arange(320) < 150) & (np.arange(480)[:, None] < 190)
    mask = garment.mask()
    flat = unwarp_garment(photo, worn & ~hidden, shading, positions, mask)
    assert not flat.seen[80, 70]
    assert flat.image[80, 70].tolist() == [30, 90, 150]
    assert flat.known > 0.85


def test_shading_is_divided_out(scene, garment):
    photo, worn, shading, positions = scene
    dark = (photo * 0.6).astype(np.uint8)
    mask = garment.mask()
    even = unwarp_garment(dark, worn, shading * 0.6, positions, mask)
    plain = unwarp_garment(dark, worn, shading, positions, mask)
    assert even.image[mask].mean() > 1.3 * plain.image[mask].mean()


def test_nothing_is_seen(scene, garment):
    photo, worn, shading, positions = scene
    flat = unwarp_garment(
        photo, np.zeros_like(worn), shading, positions, garment.mask()
    )
    assert flat.known == 0
    assert not flat.seen.any()
