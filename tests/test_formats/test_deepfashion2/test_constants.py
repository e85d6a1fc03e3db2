# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.formats.deepfashion2 import constants as df2

#: Landmarks per category, as published.
COUNTS = (25, 33, 31, 39, 15, 15, 10, 14, 8, 29, 37, 19, 19)


def test_categories_fill_294_landmarks_without_gaps():
    assert tuple(c.num_landmarks for c in df2.CATEGORIES) == COUNTS
    assert [c.id for c in df2.CATEGORIES] == list(range(1, 14))
    ends = np.cumsum(COUNTS)
    assert [c.slice.stop for c in df2.CATEGORIES] == ends.tolist()
    assert df2.NUM_LANDMARKS == ends[-1] == 294
    assert len(df2.SIGMAS) == 294
    assert (min(df2.SIGMAS), max(df2.SIGMAS)) == (0.0074, 0.0726)


def test_names_of_the_two_conventions():
    assert df2.CLASS_NAMES[0] == 'short_sleeved_shirt'
    assert df2.CATEGORY_BY_ID[1].raw_name == 'short sleeve top'
    assert len(set(df2.CLASS_NAMES)) == len(set(df2.PALETTE)) == 13


@pytest.mark.parametrize('outwear_flip_pairs', ['sigmas', 'figure'])
def test_flip_is_an_involution_inside_each_category(outwear_flip_pairs):
    indices = df2.flip_indices(outwear_flip_pairs)
    assert np.array_equal(indices[indices], np.arange(294))
    for category in df2.CATEGORIES:
        own = np.arange(294)[category.slice]
        assert set(indices[own]) == set(own)


def test_sigmas_are_symmetric_but_for_the_known_exception():
    sigmas = np.array(df2.SIGMAS)
    differ = np.flatnonzero(sigmas != sigmas[df2.flip_indices()])
    offset = df2.CATEGORY_BY_ID[11].offset
    assert differ.tolist() == [offset + 14, offset + 28]


def test_the_two_layouts_differ_in_short_sleeve_outwear_only():
    differ = np.flatnonzero(df2.flip_indices() != df2.flip_indices('figure'))
    local = differ - df2.CATEGORY_BY_ID[3].offset + 1
    assert local.tolist() == [2, 4, 6, 26]


def test_unknown_layout_is_refused():
    with pytest.raises(ValueError, match="'sigmas' or 'figure', got 'both'"):
        df2.flip_indices('both')


def test_skeletons_and_pairs_stay_in_their_category():
    for category in df2.CATEGORIES:
        used = np.array(category.skeleton + category.flip_pairs)
        assert used.min() >= 1
        assert used.max() <= category.num_landmarks
        drawn = {k for link in category.skeleton for k in link}
        assert drawn == set(range(1, category.num_landmarks + 1))


def test_every_landmark_has_one_class():
    mask = df2.class_landmark_mask()
    assert mask.shape == (13, 294)
    assert mask.sum(0).tolist() == [1] * 294
    assert mask.sum(1).tolist() == list(COUNTS)


@pytest.mark.parametrize(
    ('code', 'cases'),
    [
        (lambda share: df2.scale_code(share, 1), {0.05: 1, 0.1: 2, 0.4: 2}),
        (lambda share: df2.scale_code(share, 1), {0.41: 3, 1: 3}),
        (df2.occlusion_code, {0: 1, 0.19: 1, 0.2: 2, 0.5: 2, 0.51: 3}),
        (df2.zoom_in_code, {0: 1, 0.01: 2, 0.3: 2, 0.31: 3}),
    ],
)
def test_codes_at_their_thresholds(code, cases):
    assert {share: code(share) for share in cases} == cases
