# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pickle
import shutil

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic.tryon_photos.cache import PAIRS
from mmfashion_ext.synthetic.tryon_photos.store import PairStore


def test_samples_by_split_and_kind(pairs):
    both = PairStore(pairs)
    assert len(both) == 3
    assert len(PairStore(pairs, 'train')) == 2
    assert both.samples('composite') == [(i, 'composite') for i in range(3)]
    assert both.samples()[:2] == [(0, 'inverse'), (0, 'composite')]


def test_workers_get_a_copy(pairs):
    """Datasets are pickled to worker processes."""
    store = PairStore(pairs)
    first = store.render(0, 'inverse', (64, 48))
    again = pickle.loads(pickle.dumps(store)).render(0, 'inverse', (64, 48))
    assert np.array_equal(first.truth, again.truth)


def test_the_folders_may_have_moved(pairs, roots, tmp_path):
    shutil.copytree(roots[0], tmp_path / 'ccp')
    shutil.copytree(roots[1], tmp_path / 'garments')
    moved = PairStore(
        pairs, people=tmp_path / 'ccp', garments=tmp_path / 'garments'
    )
    assert moved.render(0, 'composite', (64, 48)).truth.shape == (64, 48, 3)


def test_missing_pairs_and_people_are_named(pairs, roots, tmp_path):
    empty = tmp_path / 'empty'
    shutil.copytree(pairs, empty)
    (empty / PAIRS).write_text('')
    with pytest.raises(UserError, match='has no pairs of the split train'):
        PairStore(empty, 'train')
    people = tmp_path / 'ccp'
    shutil.copytree(roots[0], people)
    for number in range(1, 5):
        path = people / 'labels' / f'{number:04d}.png'
        import cv2

        cv2.imwrite(str(path), np.zeros((480, 320), np.uint8))
    with pytest.raises(UserError, match='wears no upper as the cache says'):
        PairStore(pairs, people=people).render(0, 'inverse')
