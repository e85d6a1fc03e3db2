# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.drawing.canvas import (
    Canvas,
    Light,
    bounding_rectangle,
    random_light,
)
from mmfashion_ext.synthetic.drawing.pattern import Detail, Part
from mmfashion_ext.synthetic.drawing.textures import random_style
from mmfashion_ext.synthetic.drawing.warp import Warp

SCALE = 20.0
MATRIX = np.array([[SCALE, 0, 30.0], [0, SCALE, 10.0]])
SQUARE = np.array([(-1.0, 0), (1, 0), (1, 2), (-1, 2)])  # x 10-50, y 10-50 px


@pytest.fixture
def canvas():
    image = np.full((60, 60, 3), 200, np.uint8)
    return Canvas(image, Warp(MATRIX, np.zeros((0, 5))))


@pytest.fixture
def style():
    return random_style(np.random.default_rng(0), 1)


def dark():
    return Light(0.3, 0.0, np.zeros((0, 4)))


def test_polygon_mask(canvas):
    where, mask = canvas.polygon_mask(canvas.warp(SQUARE))
    full = np.zeros((60, 60), np.uint8)
    full[where] = mask
    assert (full[11:50, 11:50] == 255).all()
    assert (full[:9] == 0).all()
    assert (full[52:] == 0).all()
    # polygons across the edge are cut, those beyond it are None
    where, mask = canvas.polygon_mask(canvas.warp(np.add(SQUARE, (1, 0))))
    assert mask.shape == full[where].shape
    assert canvas.polygon_mask(canvas.warp(np.add(SQUARE, (9, 0)))) is None


def test_fill_polygon(canvas):
    canvas.fill_polygon(SQUARE, (10.0, 20.0, 30.0), layer=7)
    assert (canvas.layers[12:49, 12:49] == 7).all()
    assert (canvas.layers == 7).sum() < 42 * 42
    assert (canvas.image[canvas.layers == 0].min(1) > 0).all()
    middle, edge = canvas.image[30, 30], canvas.image[30, 11]
    np.testing.assert_array_equal(middle, (10, 20, 30))
    assert edge.sum() < middle.sum()  # darker at the edge
    before = canvas.image.copy()
    canvas.fill_polygon(np.add(SQUARE, (20, 0)), (0.0, 0.0, 0.0))
    assert (canvas.image == before).all()


def test_draw_part_and_details(canvas, style):
    part = Part(SQUARE, frozenset())
    where, mask = canvas.draw_part(part, style, 3, dark())
    assert (canvas.layers[where][mask > 127] == 3).all()
    before = canvas.image.copy()
    line = Detail(np.array([(-3.0, 1), (3, 1)]), 'band', 0.1)
    canvas.draw_detail(line, style, (4, 5))  # not over other layers
    assert (canvas.image == before).all()
    canvas.draw_detail(line, style, (3, 3))
    changed = (canvas.image != before).any(2)
    assert changed.any()
    assert (canvas.layers[changed] == 3).all()
    rows, _ = np.nonzero(changed)
    assert abs(rows.mean() - 30) < 1


def test_inside_of_cloth_is_darker(style):
    images = []
    for kind in ('body', 'inside'):
        blank = np.zeros((60, 60, 3), np.uint8)
        canvas = Canvas(blank, Warp(MATRIX, np.zeros((0, 5))))
        canvas.draw_part(
            Part(SQUARE, frozenset(), kind=kind), style, 1, dark()
        )
        images.append(canvas.image[12:49, 12:49].astype(float))
    assert images[1].mean() < 0.7 * images[0].mean()


def test_light_is_about_one():
    rng = np.random.default_rng(0)
    grid = rng.uniform(-2, 2, (8, 9, 2)).astype(np.float32)
    shade = random_light(rng, 1.0).brightness(grid, grid)
    assert shade.shape == (8, 9)
    assert shade.dtype == np.float32
    assert 0.4 < shade.min() < shade.max() < 1.6
    assert (dark().brightness(grid, grid) == 1).all()


def test_bounding_rectangle():
    corners = bounding_rectangle(np.array([(1, 5), (3, 2), (2, 9)]))
    assert corners.tolist() == [[1, 2], [3, 2], [3, 9], [1, 9]]
