# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from shapely.geometry import Polygon

from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID
from mmfashion_ext.synthetic.drawing.figure import Limb, Pose
from mmfashion_ext.synthetic.garments.factory import random_cut
from mmfashion_ext.synthetic.garments.uppers import (
    SLEEVE_LANDMARKS,
    UPPER_TYPES,
    half_landmark_numbers,
    make_upper,
    make_upper_half,
)

CLOSED = [c for c, upper in UPPER_TYPES.items() if not upper.open]


def half_of(category):
    cut = random_cut(category, np.random.default_rng(category))
    upper = UPPER_TYPES[category]
    return cut, make_upper_half(cut, upper, Limb(0.4, 0.3))


@pytest.mark.parametrize('category', UPPER_TYPES)
def test_landmark_numbers_of_the_halves(category):
    left, right = half_landmark_numbers(category)
    upper = UPPER_TYPES[category]
    count = SLEEVE_LANDMARKS[upper.sleeve] + upper.sides + 1
    assert left == list(range(7, 7 + count))
    assert not set(left) & set(right)
    pairs = {frozenset(p) for p in CATEGORY_BY_ID[category].flip_pairs}
    assert {frozenset(p) for p in zip(left, right, strict=True)} <= pairs


@pytest.mark.parametrize('category', UPPER_TYPES)
def test_curves_of_a_half_join(category):
    cut, half = half_of(category)
    upper = UPPER_TYPES[category]
    np.testing.assert_allclose(half.neckline[0], half.corner)
    np.testing.assert_allclose(half.shoulder[0], half.corner)
    np.testing.assert_allclose(half.armhole[-1], half.side[0])
    np.testing.assert_allclose(half.sleeve[-1], half.side[0])
    np.testing.assert_allclose(half.side[-1], (cut.hem_width, cut.hem))
    assert abs(half.neckline[-1][0]) < 1e-9  # the middle of the front
    assert len(half.chain) == SLEEVE_LANDMARKS[upper.sleeve] + upper.sides + 1
    assert len(half.cuff) == (2 if upper.sleeve in ('short', 'long') else 0)
    assert min(point[0] for point in half.chain) > 0


@pytest.mark.parametrize('category', CLOSED)
def test_neck_line_is_deeper_in_front(category):
    cut = random_cut(category, np.random.default_rng(1))
    front, back = (
        make_upper(category, cut, Pose(), view) for view in ('front', 'back')
    )
    np.testing.assert_array_equal(front.landmarks, back.landmarks)
    areas = [Polygon(garment.outline).area for garment in (front, back)]
    assert areas[0] < areas[1]


def test_long_sleeves_are_longer():
    areas = {}
    for category in (1, 2):
        _, half = half_of(category)
        outline = np.concatenate([half.sleeve, half.armhole[::-1]])
        areas[category] = Polygon(outline).buffer(0).area
    assert areas[2] > 1.5 * areas[1]
