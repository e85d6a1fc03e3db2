# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Random generator of an item in a pipeline."""

import numpy as np

from mmfashion_ext.scan.seeding import rng_of


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
