# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from shapely.geometry import Point, Polygon

from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CATEGORY_BY_ID,
)
from mmfashion_ext.synthetic.drawing.figure import (
    Limb,
    Pose,
    random_pose,
)
from mmfashion_ext.synthetic.garments.factory import (
    make_garment,
    random_cut,
    tuck,
)

IDS = [category.id for category in CATEGORIES]
VIEWS = ('front', 'back', 'flat')


def cuts(category, count=20):
    rng = np.random.default_rng(category)
    return [random_cut(category, rng) for _ in range(count)]


@pytest.mark.parametrize('view', VIEWS)
@pytest.mark.parametrize('category', CATEGORIES, ids=lambda c: c.prefix)
def test_mirrored_garment_is_itself(category, view):
    order = np.arange(category.num_landmarks)
    for a, b in category.flip_pairs:
        order[[a - 1, b - 1]] = b - 1, a - 1
    for cut in cuts(category.id):
        landmarks = make_garment(category.id, cut, view=view).landmarks
        mirrored = landmarks[order] * (-1, 1)
        np.testing.assert_allclose(mirrored, landmarks, atol=1e-9)


@pytest.mark.parametrize('category', IDS)
def test_left_numbers_lie_on_the_left(category):
    garment = make_garment(category, cuts(category, 1)[0])
    x = garment.landmarks[:, 0]
    for pair in CATEGORY_BY_ID[category].flip_pairs:
        left, right = pair
        if category in (3, 4) and left > 20:  # up the front edges
            right, left = pair
        assert x[left - 1] < 0 < x[right - 1]


@pytest.mark.parametrize('view', VIEWS)
@pytest.mark.parametrize('category', IDS)
def test_outline_is_simple(category, view):
    for cut in cuts(category):
        outline = make_garment(category, cut, view=view).outline
        polygon = Polygon(outline)
        assert polygon.is_valid
        assert polygon.area > 0.8  # square body units: a pair of hot pants


@pytest.mark.parametrize('view', VIEWS)
@pytest.mark.parametrize('category', IDS)
def test_landmarks_lie_on_their_parts(category, view):
    rng = np.random.default_rng(category)
    for cut in cuts(category, 5):
        garment = make_garment(category, cut, random_pose(rng, 1.0), view)
        for part in garment.parts:
            polygon = Polygon(part.outline).buffer(0)
            for number in part.landmarks:
                point = Point(garment.landmarks[number - 1])
                # A fortieth of the shoulders: less than a pixel in a cell of
                # a landmark head.
                assert polygon.distance(point) < 0.05, number


@pytest.mark.parametrize('category', IDS)
def test_flat_view_hides_nothing(category):
    garment = make_garment(category, cuts(category, 1)[0], view='flat')
    shown = frozenset().union(*(part.landmarks for part in garment.parts))
    assert shown == set(range(1, len(garment.landmarks) + 1))


def test_worn_tops_hide_the_back_of_the_neck_and_backs_the_front():
    cut = cuts(1, 1)[0]
    for view, hidden in (('front', {1}), ('back', {3, 4, 5})):
        garment = make_garment(1, cut, view=view)
        shown = frozenset().union(*(part.landmarks for part in garment.parts))
        assert set(range(1, 26)) - shown == hidden


def test_sleeves_follow_the_arms():
    cut = cuts(2, 1)[0]
    down = make_garment(2, cut, Pose())
    up = make_garment(2, cut, Pose((Limb(0.5, 0.5), Limb(1.4, 1.4))))
    cuff_left, cuff_right = 11 - 1, 29 - 1
    assert np.allclose(down.landmarks[cuff_left], up.landmarks[cuff_left])
    assert up.landmarks[cuff_right, 1] < down.landmarks[cuff_right, 1] - 1


def test_categories_differ_as_their_names_say():
    for seed in range(20):
        made = {
            c: make_garment(c, random_cut(c, np.random.default_rng(seed)))
            for c in IDS
        }
        bottom = {c: g.landmarks[:, 1].max() for c, g in made.items()}
        assert max(bottom[c] for c in (5, 6)) < 3.6  # tops end at the hips
        assert min(bottom[c] for c in (10, 11, 12, 13)) > 4.3
        assert bottom[7] < bottom[8] - 1
        reach = {c: np.ptp(g.landmarks[:, 0]) for c, g in made.items()}
        assert reach[1] < reach[2]
        assert reach[10] < reach[11]
        assert reach[5] < reach[1]


def test_tucking_in_shortens_tops_only():
    for category in (1, 2, 5, 6):
        cut = cuts(category, 1)[0]
        assert tuck(category, cut).hem <= 2.65
    for category in (3, 4, 10, 13):
        cut = cuts(category, 1)[0]
        assert tuck(category, cut) is cut
