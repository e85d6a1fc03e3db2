# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from shapely.geometry import Polygon

from mmfashion_ext.synthetic.drawing.figure import (
    ARM_WIDTHS,
    HEAD_TOP,
    LEG_WIDTHS,
    NECK,
    SHOULDER,
    SOLE,
    TORSO,
    UPPER_ARM,
    Limb,
    close_symmetric,
    limb_axis,
    limb_outline,
    mirror,
    random_pose,
)


def test_straight_arm_hangs_down():
    t = np.array([0.0, 1.0, 2.5])
    points, normals = limb_axis(Limb(0.0, 0.0), SHOULDER, UPPER_ARM, t)
    np.testing.assert_allclose(points, SHOULDER + t[:, None] * (0, 1))
    np.testing.assert_allclose(normals, [(1, 0)] * 3)


@pytest.mark.parametrize('limb', [Limb(0.3, 0.3), Limb(0.8, -0.9)])
def test_bones_keep_their_lengths(limb):
    t = np.array([0.0, UPPER_ARM, UPPER_ARM + 1.2])
    points, normals = limb_axis(limb, SHOULDER, UPPER_ARM, t)
    lengths = np.hypot(*np.diff(points, axis=0).T)
    np.testing.assert_allclose(lengths, (UPPER_ARM, 1.2))
    np.testing.assert_allclose(np.hypot(*normals.T), 1)
    first = np.diff(points, axis=0)[0]
    assert first[0] > 0  # a positive angle points away from the body
    assert abs(normals[0] @ first) < 1e-9


@pytest.mark.parametrize('widths', [ARM_WIDTHS, LEG_WIDTHS])
def test_outline_of_a_limb(widths):
    outline = limb_outline(Limb(0.3, 0.1), SHOULDER, UPPER_ARM, widths)
    assert outline.shape == (27, 2)
    polygon = Polygon(outline)
    assert polygon.is_valid
    length = widths[-1, 0] - widths[0, 0]
    assert 0.8 < polygon.area / (2 * widths[:, 1].mean() * length) < 1.6


def test_symmetric_shapes():
    for half in (TORSO, NECK):
        outline = close_symmetric(half)
        assert outline.shape == (2 * len(half), 2)
        assert Polygon(outline).is_valid
        np.testing.assert_array_equal(mirror(outline)[::-1], outline)
    assert NECK[:, 1].min() > HEAD_TOP
    assert TORSO[:, 1].max() < SOLE


@pytest.mark.parametrize('liveliness', [0.0, 1.0])
def test_random_poses_are_standing(liveliness):
    rng = np.random.default_rng(0)
    poses = [random_pose(rng, liveliness) for _ in range(50)]
    arms = np.array([(a.upper, a.lower) for p in poses for a in p.arms])
    legs = np.array([(a.upper, a.lower) for p in poses for a in p.legs])
    assert (arms[:, 0] >= 0.3).all()
    assert (arms[:, 0] <= 0.55 + 0.3 * liveliness).all()
    assert (np.abs(legs) < 0.25).all()
    bends = np.abs(arms[:, 1] - arms[:, 0]).max()
    assert bends > 0.4 if liveliness else bends <= 0.35
    assert random_pose(np.random.default_rng(0), liveliness) == poses[0]
