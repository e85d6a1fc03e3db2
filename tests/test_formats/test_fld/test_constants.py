# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID
from mmfashion_ext.formats.fld import constants as fld
from mmfashion_ext.synthetic.garments.factory import (
    make_garment,
    random_cut,
)

TYPES = pytest.mark.parametrize(
    'clothes', fld.CLOTHES_TYPES, ids=lambda c: c.name
)


def test_types_as_published():
    found = [(c.id, c.name, c.num_landmarks) for c in fld.CLOTHES_TYPES]
    assert found == [(1, 'upper', 6), (2, 'lower', 4), (3, 'full', 8)]
    assert fld.clothes_type('full').landmarks == (
        'left collar',
        'right collar',
        'left sleeve',
        'right sleeve',
        'left waistline',
        'right waistline',
        'left hem',
        'right hem',
    )
    with pytest.raises(ValueError, match="'full', got 'body'"):
        fld.clothes_type('body')


@TYPES
def test_left_and_right_change_places(clothes):
    flipped = fld.flip_indices(clothes)
    names = np.array(clothes.landmarks)
    mirrored = {'left': 'right', 'right': 'left'}
    expected = [f'{mirrored[s]} {n}' for s, n in map(str.split, names)]
    assert names[flipped].tolist() == expected
    assert np.array_equal(flipped[flipped], np.arange(len(names)))
    pairs = np.array(clothes.flip_pairs) - 1
    assert np.array_equal(flipped[pairs[:, 0]], pairs[:, 1])
    assert np.unique(pairs).tolist() == list(range(len(names)))


@TYPES
def test_every_landmark_is_drawn(clothes):
    used = {k for link in clothes.skeleton for k in link}
    assert used == set(range(1, clothes.num_landmarks + 1))


def test_every_category_belongs_to_one_type():
    found = [id for c in fld.CLOTHES_TYPES for id in c.deepfashion2]
    assert found == list(range(1, 14))


#: Written down once more, as in the table of the module's docstring.
SOURCES = {
    'upper': {
        'collar': [(c, 2) for c in range(1, 7)],
        'sleeve': [(1, 9), (2, 11), (3, 9), (4, 11), (5, 7), (6, 8)],
        'hem': [(1, 15), (2, 19), (3, 15), (4, 19), (5, 10), (6, 10)],
    },
    'lower': {
        'waistline': [(7, 1), (8, 1), (9, 1)],
        'hem': [(7, 5), (8, 6), (9, 5)],
    },
    'full': {
        'collar': [(c, 2) for c in range(10, 14)],
        'sleeve': [(10, 9), (11, 11), (12, 7), (13, 8)],
        'waistline': [(10, 14), (11, 18), (12, 9), (13, 9)],
        'hem': [(10, 17), (11, 21), (12, 12), (13, 12)],
    },
}


@TYPES
def test_sigmas_are_means_of_deepfashion2s(clothes):
    for name, sources in SOURCES[clothes.name].items():
        sigmas = [CATEGORY_BY_ID[c].sigmas[k - 1] for c, k in sources]
        for side in ('left', 'right'):
            k = clothes.landmarks.index(f'{side} {name}')
            # no source of ours differs between left and right
            assert clothes.sigmas[k] == pytest.approx(
                np.mean(sigmas), abs=5e-5
            )


@TYPES
def test_names_fit_the_places_on_a_garment(clothes):
    for category, numbers in clothes.deepfashion2.items():
        rng = np.random.default_rng(category)
        garment = make_garment(category, random_cut(category, rng))
        points = garment.landmarks[np.array(numbers) - 1]
        place = dict(zip(clothes.landmarks, points, strict=True))
        for name, (x, y) in place.items():
            side, what = name.split()
            assert (x < 0) == (side == 'left')
            bottom = garment.landmarks[:, 1].max()
            if what == 'hem':
                assert y > bottom - 0.5
            if what == 'collar':
                assert y < place[f'{side} hem'][1] - 1
            if what == 'sleeve':  # reaches out farther than the collar
                assert abs(x) > abs(place[f'{side} collar'][0])
            if what == 'waistline' and clothes.name == 'full':
                ys = [place[f'{side} {end}'][1] for end in ('collar', 'hem')]
                assert ys[0] < y < ys[1]
