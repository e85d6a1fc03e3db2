# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.drawing.warp import Warp, random_warp

SCALE = 20.0
MATRIX = np.array([[SCALE, 0, 30.0], [0, SCALE, 10.0]])


def test_warp_without_waves_is_affine():
    warp = Warp(MATRIX, np.zeros((0, 5)))
    assert warp.scale == pytest.approx(SCALE)
    np.testing.assert_allclose(warp(np.array([(1.0, 2.0)])), [(50, 50)])


@pytest.mark.parametrize('seed', range(5))
def test_inverse_of_a_warp(seed):
    rng = np.random.default_rng(seed)
    warp = random_warp(rng, MATRIX, 0.16)
    points = rng.uniform(-2, 7, (50, 2))
    assert np.abs(warp(points) - points @ MATRIX[:, :2].T).max() > 1
    np.testing.assert_allclose(warp.inverse(warp(points)), points, atol=0.01)
