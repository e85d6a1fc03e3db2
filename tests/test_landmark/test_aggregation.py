# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The table of shared points: one to one in a category, mirrored alike."""

import numpy as np
import pytest

from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    NUM_LANDMARKS,
    flip_indices,
)
from mmfashion_ext.landmark.aggregation import (
    AGGREGATED,
    MAX_LANDMARKS,
    POINT_NAMES,
    category_rows,
    flip_rows,
    landmark_channels,
)


def test_there_are_81_points_and_each_is_used():
    assert len(POINT_NAMES) == len(set(POINT_NAMES)) == 81
    assert sorted(set(AGGREGATED.tolist())) == list(range(81))
    assert AGGREGATED.shape == (NUM_LANDMARKS,)


@pytest.mark.parametrize('category', CATEGORIES, ids=lambda c: c.name)
def test_no_two_landmarks_of_a_category_share_a_point(category):
    own = AGGREGATED[category.slice]
    assert len(set(own.tolist())) == category.num_landmarks


def test_mirroring_points_is_mirroring_landmarks():
    """A point's partner is the same in every category that has the point."""
    partners = {}
    for landmark, partner in enumerate(flip_indices()):
        point, other = AGGREGATED[landmark], AGGREGATED[partner]
        assert partners.setdefault(point, other) == other
        assert (
            POINT_NAMES[point].split('_')[0]
            == POINT_NAMES[other].split('_')[0]
        )


def test_examples_of_shared_points():
    def name(category_id, k):
        offset = CATEGORIES[category_id - 1].offset
        return POINT_NAMES[AGGREGATED[offset + k - 1]]

    # left end of the neck line of a vest and of a long sleeve dress
    assert name(5, 2) == name(11, 2) == 'neck_2'
    # right armpit: short sleeve top 19, sling dress 18
    assert name(1, 19) == name(13, 18) == 'side_right_3'
    # lower corner of an opening, inner side of the knee of trousers
    assert name(4, 20) == 'opening_6'
    assert name(8, 8) == 'knee_2'


def test_shared_points_lie_in_the_same_order_from_left_to_right():
    """Of shorts and trousers: points are listed from the wearer's right.

    Landmarks run along the outline, so mirrored they run the other way; two
    points of a group that change places would be mirrored wrongly.
    """
    names = {}
    for category_id in (7, 8):
        category = CATEGORIES[category_id - 1]
        names[category_id] = [
            POINT_NAMES[point] for point in AGGREGATED[category.slice]
        ]
    assert names[7] == [
        *('waist_1', 'waist_2', 'waist_3', 'leg_side_1', 'leg_hem_1'),
        *('leg_hem_2', 'crotch_1', 'leg_hem_3', 'leg_hem_4', 'leg_side_2'),
    ]
    assert [n for n in names[8] if not n.startswith('knee')] == names[7]


def test_channels_of_the_two_forms():
    assert (landmark_channels('separate') == np.arange(294)).all()
    assert (landmark_channels('aggregated') == AGGREGATED).all()
    landmark_channels('aggregated')[0] = 99  # a copy
    assert AGGREGATED[0] != 99
    with pytest.raises(ValueError, match="'shared'"):
        landmark_channels('shared')


def test_rows_hold_each_category_in_order():
    rows = category_rows(np.arange(NUM_LANDMARKS))
    assert rows.shape == (13, MAX_LANDMARKS)
    assert rows.max() == NUM_LANDMARKS - 1
    assert sorted(rows[rows >= 0].tolist()) == list(range(NUM_LANDMARKS))
    assert rows[8].tolist() == [*range(182, 190)] + [-1] * 31
    assert category_rows(np.ones((294, 2)), 7)[8, -1].tolist() == [7, 7]


@pytest.mark.parametrize('outwear_flip_pairs', ['sigmas', 'figure'])
def test_flip_rows_are_the_flip_inside_a_category(outwear_flip_pairs):
    indices = flip_indices(outwear_flip_pairs)
    rows = flip_rows(indices)
    values = np.random.default_rng(0).normal(size=NUM_LANDMARKS)
    flipped = values[indices]
    for label, category in enumerate(CATEGORIES):
        own = np.zeros(MAX_LANDMARKS)
        own[: category.num_landmarks] = values[category.slice]
        got = own[rows[label]][: category.num_landmarks]
        assert (got == flipped[category.slice]).all()
        padding = rows[label, category.num_landmarks :]
        assert (padding == np.arange(39)[category.num_landmarks :]).all()
    assert (flip_rows() == flip_rows(flip_indices())).all()
