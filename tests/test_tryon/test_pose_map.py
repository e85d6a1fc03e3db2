# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from mmfashion_ext.tryon.pose_map import draw_pose

H, W = 32, 24


def pillow(x, y, size=(H, W), radius=5):
    """The published way: a white rectangle on black, 1 and -1."""
    image = Image.new('L', size[::-1])
    if x > 1 and y > 1:
        box = (x - radius, y - radius, x + radius, y + radius)
        ImageDraw.Draw(image).rectangle(box, 'white', 'white')
    return np.where(np.asarray(image) > 0, 1, -1)


@pytest.mark.parametrize(
    ('point', 'columns', 'rows'),
    [
        ((1.5, 1.5), (0, 6), (0, 6)),
        ((4.7, 120.2), (0, 9), (115, 125)),
        ((100, 100), (95, 105), (95, 105)),
        ((5.999, 6.0), (0, 10), (1, 11)),
        ((190.4, 255.9), (185, 191), (250, 255)),
        ((194, 20), (189, 191), (15, 25)),
    ],
)
def test_squares_as_published(point, columns, rows):
    (drawn,) = draw_pose(np.array([[*point, 0.1]]), (256, 192))
    ys, xs = np.nonzero(drawn == 1)
    assert ((xs.min(), xs.max()), (ys.min(), ys.max())) == (columns, rows)
    area = (columns[1] - columns[0] + 1) * (rows[1] - rows[0] + 1)
    assert (drawn == 1).sum() == area
    assert (drawn == -1).sum() == drawn.size - area


@pytest.mark.parametrize(
    'point', [(0, 0), (1, 50), (50, 1), (1, 1), (-3, 9), (-0.5, -0.5)]
)
def test_a_joint_that_was_not_found_is_nowhere(point):
    drawn = draw_pose(np.array([[*point, 0.9]]), (H, W))
    assert (drawn == -1).all()
    assert drawn.dtype == np.int8


def test_beyond_the_image_nothing_is_drawn():
    outside = np.array([[W + 6, 5], [5, H + 6], [1e9, 1e9], [W + 5, 5]])
    drawn = draw_pose(outside, (H, W))
    assert [int((d == 1).sum()) for d in drawn] == [0, 0, 0, 0]
    assert (draw_pose(outside[:0], (H, W))).shape == (0, H, W)


def test_every_joint_has_its_own_map():
    pose = np.zeros((18, 3), np.float32)
    pose[4] = 8.2, 9, 0
    drawn = draw_pose(pose, (H, W), radius=2)
    assert drawn.shape == (18, H, W)
    assert np.flatnonzero((drawn == 1).any((1, 2))).tolist() == [4]
    assert (drawn[4, 7:12, 6:11] == 1).all()
    assert (drawn[4] == 1).sum() == 25


border = st.sampled_from([0, 1, 4.9, 5, 5.5, W - 5.1, W - 1, H - 1, H + 5])
coordinate = st.floats(-8, 45, width=32) | border


@settings(deadline=None)
@given(coordinate, coordinate, st.integers(0, 8))
@example(1.0000001, 5.9999999, 5)
def test_the_same_as_pillow(x, y, radius):
    (drawn,) = draw_pose(np.array([[x, y]]), (H, W), radius)
    assert (drawn == pillow(x, y, radius=radius)).all()
