# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Index of a dataset item that carries a random seed."""

import pickle

import numpy as np

from mmfashion_ext.utils.seeded_index import SeededIndex


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


def test_seed_stays_in_datasets_of_datasets():
    """ConcatDataset subtracts, RepeatDataset uses the remainder."""
    index = SeededIndex(7, seed=1, epoch=2, position=3)
    for inner, expected in ((index - 5, 2), (index % 4, 3)):
        assert inner == expected
        assert inner.entropy == index.entropy
