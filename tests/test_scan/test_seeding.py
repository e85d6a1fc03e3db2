# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Random seeds that travel with the index of an item."""

import pickle

import numpy as np

from mmfashion_ext.scan.seeding import SeededIndex, rng_of


def test_an_index_with_a_seed():
    index = SeededIndex(7, seed=1, epoch=2, position=3)
    assert index == 7
    assert [10, 11][index - 6] == 11
    copy = pickle.loads(pickle.dumps(index))
    assert copy == 7
    drawn = [i.rng().integers(2**60) for i in (index, index, copy)]
    assert len(set(drawn)) == 1
    others = [(0, 2, 3), (1, 0, 3), (1, 2, 0), (1, 2, 4), (2, 1, 3)]
    drawn += [SeededIndex(7, *draw).rng().integers(2**60) for draw in others]
    # what the sampler of this seed and epoch draws
    drawn.append(np.random.default_rng([1, 2]).integers(2**60))
    assert len(set(drawn)) == 7


def test_items_without_a_seed_follow_the_global_generator():
    drawn = []
    for seed in (0, 0, 1):
        np.random.seed(seed)  # noqa: NPY002
        item = {}
        drawn.append([rng_of(item).random() for _ in range(2)])
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][0] != drawn[0][1]


def test_items_with_a_seed_keep_their_generator():
    rng = np.random.default_rng(3)
    item = {'rng': rng}
    assert rng_of(item) is rng
    assert rng_of(item) is rng
