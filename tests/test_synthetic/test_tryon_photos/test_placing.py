# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos.flat_garment import FlatGarment
from mmfashion_ext.synthetic.tryon_photos.limbs import find_limbs
from mmfashion_ext.synthetic.tryon_photos.placing import (
    Placing,
    PointMover,
    place_garment,
)
from mmfashion_ext.synthetic.tryon_photos.worn_region import find_worn_regions

from .conftest import MIDDLE, tee_outline

IDENTITY = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def test_a_placing_scales_moves_and_turns(garment):
    limbs = find_limbs(garment)
    points = np.array([MIDDLE, MIDDLE + np.array([0, 50]), [12.0, 92.0]])
    placing = Placing((0.5, 2.0), (100.0, 80.0), 0.0, (0.0, 0.0))
    moved = PointMover(points, limbs)(placing)
    assert np.allclose(moved[:2], [[100, 80], [100, 180]])
    assert np.allclose(placing.linear, np.diag([0.5, 2.0]))
    turned = Placing((0.5, 2.0), (100.0, 80.0), 0.0, (0.5, 0.0))
    other = PointMover(points, limbs)(turned)
    assert np.allclose(other[:2], moved[:2])  # the body stays
    assert np.abs(other[2] - moved[2]).max() > 5
    tilted = Placing((1.0, 1.0), (0.0, 0.0), np.pi / 2, (0.0, 0.0))
    assert np.allclose(PointMover(points, limbs)(tilted)[1], [-50, 0])


def test_places_on_the_worn_region(garment, labels):
    region = find_worn_regions(labels)['upper']
    placing = place_garment(garment, region, 'seen')
    assert placing.score > 0.85
    assert placing.scale[0] == pytest.approx(0.52, abs=0.08)
    assert placing.centre == pytest.approx((160, 190), abs=8)
    far = FlatGarment(
        'long',
        'upper',
        (tee_outline() - MIDDLE) * [0.35, 1] + MIDDLE,
        IDENTITY,
    )
    assert place_garment(far, region, 'seen').score < placing.score
