# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.formats.viton.constants import UPPER_CLOTHES
from mmfashion_ext.synthetic.drawing.canvas import Light
from mmfashion_ext.synthetic.drawing.warp import Warp
from mmfashion_ext.synthetic.viton.garment import BODY, FlatCloth
from mmfashion_ext.synthetic.viton.person_canvas import PersonCanvas

SCALE = 10.0
MATRIX = np.array([[SCALE, 0, 20.0], [0, SCALE, 5.0]])
WARP = Warp(MATRIX, np.zeros((0, 5)))
LIGHT = Light(0.0, 0.0, np.zeros((0, 4)))
SQUARE = np.array([(-1.0, 0), (1, 0), (1, 2), (-1, 2)])  # x 10-30, y 5-25 px


@pytest.fixture
def canvas():
    return PersonCanvas(np.full((40, 40, 3), 255, np.uint8), WARP)


def test_nothing_is_drawn_yet(canvas):
    assert canvas.layers.shape == canvas.densepose.shape == (40, 40)
    assert not canvas.layers.any()
    assert not canvas.densepose.any()
    assert np.isnan(canvas.flow).all()


def test_parts_of_the_body_leave_the_image(canvas):
    canvas.mark_part(SQUARE, 16)
    assert (canvas.densepose[6:25, 11:30] == 16).all()
    assert (canvas.densepose == 16).sum() < 22 * 22
    assert (canvas.image == 255).all()
    assert not canvas.layers.any()


def test_skin_is_the_union_of_polygons(canvas):
    skin = 90.0, 120.0, 180.0
    canvas.fill_skin([SQUARE, np.add(SQUARE, (0, 1))], skin, 13)
    assert (canvas.layers[6:34, 11:29] == 13).all()
    np.testing.assert_allclose(canvas.image[20, 20], skin, atol=1)
    canvas.fill_skin([SQUARE + 20], skin, 13)  # outside: nothing happens
    assert (canvas.layers == 13).sum() < 22 * 32


def test_cloth_carries_its_flow(canvas):
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, :, 0] = np.arange(40) * 6
    image[:, :, 1] = np.arange(40)[:, None] * 6
    masks = np.zeros((3, 40, 40), np.uint8)
    masks[BODY, 5:26, 10:31] = 255
    flat = FlatCloth(image, masks, masks[BODY], WARP)
    x, y = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(0, 2, 5))
    mesh = np.stack([x, y], axis=-1)
    shift = np.array([0.5, 0.3])  # 5 px to the right, 3 px down
    canvas.draw_cloth([(mesh, mesh + shift)], flat, BODY, LIGHT)
    on = canvas.layers == UPPER_CLOTHES
    assert (np.isfinite(canvas.flow).all(2) == on).all()
    rows, columns = np.nonzero(on)
    assert abs(rows.mean() - 18) < 1
    assert abs(columns.mean() - 25) < 1
    expected = np.stack([columns - 5, rows - 3], axis=1)
    np.testing.assert_allclose(canvas.flow[on], expected, atol=1)
    inner = on.copy()
    inner[:11] = inner[26:] = inner[:, :18] = inner[:, 33:] = False
    seen = canvas.image[inner].astype(float)
    np.testing.assert_allclose(
        seen[:, :2], 6 * canvas.flow[inner], atol=2, rtol=0.02
    )
