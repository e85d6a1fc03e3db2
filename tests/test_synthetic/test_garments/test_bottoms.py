# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from shapely.geometry import Point, Polygon

from mmfashion_ext.synthetic.drawing.figure import Limb, Pose
from mmfashion_ext.synthetic.drawing.pattern import SHORTS, TROUSERS
from mmfashion_ext.synthetic.garments.bottoms import make_skirt, make_trousers
from mmfashion_ext.synthetic.garments.factory import random_cut


def cut_of(category, seed=0):
    return random_cut(category, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ('category', 'crotch', 'hems'),
    [(SHORTS, 7, (5, 6, 8, 9)), (TROUSERS, 9, (6, 7, 10, 11))],
)
def test_legs_meet_at_the_crotch(category, crotch, hems):
    garment = make_trousers(category, cut_of(category), Pose(), 'front')
    landmarks = garment.landmarks
    assert landmarks[crotch - 1, 0] == 0
    assert [part.kind for part in garment.parts] == ['limb', 'limb']
    for part in garment.parts:
        assert {2, crotch} <= part.landmarks
        edge = Polygon(part.outline).exterior
        assert edge.distance(Point(landmarks[crotch - 1])) < 1e-6
    hem_y = landmarks[[n - 1 for n in hems], 1]
    assert (hem_y > landmarks[crotch - 1, 1]).all()


def test_legs_do_not_cross():
    pose = Pose(legs=(Limb(-0.2, -0.2), Limb(-0.2, -0.2)))
    left, right = make_trousers(
        TROUSERS, cut_of(TROUSERS), pose, 'front'
    ).parts
    overlap = Polygon(left.outline).buffer(0)
    overlap = overlap.intersection(Polygon(right.outline).buffer(0))
    assert overlap.area < 0.02


@pytest.mark.parametrize('seed', range(5))
def test_skirt_is_symmetric_and_ends_at_its_hem(seed):
    cut = cut_of(9, seed)
    garment = make_skirt(cut, Pose(), 'front')
    assert len(garment.landmarks) == 8
    mirrored = garment.landmarks[[2, 1, 0, 7, 6, 5, 4, 3]] * (-1, 1)
    np.testing.assert_allclose(mirrored, garment.landmarks, atol=1e-9)
    assert garment.landmarks[6].tolist() == [cut.hem_width, cut.hem]
    assert garment.landmarks[5, 1] > cut.hem  # it hangs in its middle


def test_back_has_pockets_and_no_fly():
    cut = cut_of(TROUSERS)
    kinds = {
        view: [
            detail.kind
            for detail in make_trousers(TROUSERS, cut, Pose(), view).details
        ]
        for view in ('front', 'back')
    }
    assert 'button' in kinds['front']
    assert 'button' not in kinds['back']
