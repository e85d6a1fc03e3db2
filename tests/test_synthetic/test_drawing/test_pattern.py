# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.drawing.pattern import hem_curve, spline


@pytest.mark.parametrize('samples', [1, 4, 6])
def test_spline_passes_through_its_points(samples):
    points = np.random.default_rng(0).uniform(0, 5, (4, 2))
    curve = spline(points, samples)
    assert curve.shape == (3 * samples + 1, 2)
    np.testing.assert_allclose(curve[::samples], points)


def test_spline_of_a_line_is_straight():
    curve = spline([(0, 0), (1, 2), (2, 4)])
    np.testing.assert_allclose(curve[:, 1], 2 * curve[:, 0])
    assert (np.diff(curve[:, 0]) > 0).all()


def test_hem_hangs_in_its_middle():
    left, right = np.array([-1.0, 3]), np.array([1.0, 3])
    curve = hem_curve(left, right, 0.1)
    assert curve.shape == (13, 2)
    np.testing.assert_allclose(curve[[0, 6, 12]], [left, (0, 3.1), right])
    np.testing.assert_allclose(curve * (-1, 1), curve[::-1])
    assert curve[:, 1].max() <= 3.1 + 1e-9
