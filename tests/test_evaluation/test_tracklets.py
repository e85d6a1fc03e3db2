# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The aggregation of tracklets, against a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.evaluation.reid import ReIDError
from mmfashion_ext.evaluation.tracklets import aggregate_tracklets


def plain_aggregate(distances, query_clips, gallery_clips, percentile):
    result = np.zeros((len(query_clips), len(gallery_clips)))
    ends = np.cumsum(query_clips), np.cumsum(gallery_clips)
    for i, (stop, rows) in enumerate(zip(ends[0], query_clips, strict=True)):
        for j, (end, cols) in enumerate(
            zip(ends[1], gallery_clips, strict=True)
        ):
            block = distances[stop - rows : stop, end - cols : end].ravel()
            limit = np.percentile(block, percentile)
            result[i, j] = block[block <= limit].mean()
    return result


@settings(max_examples=40, deadline=None)
@given(
    counts=st.tuples(
        st.lists(st.integers(1, 9), max_size=7),
        st.lists(st.integers(1, 9), max_size=7),
    ),
    levels=st.sampled_from([1, 3, 50, 10**6]),
    percentile=st.sampled_from([0, 10, 20, 100]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**20),
)
def test_aggregation_equals_the_loop(counts, levels, percentile, dtype, seed):
    rng = np.random.default_rng(seed)
    shape = sum(counts[0]), sum(counts[1])
    distances = (rng.integers(0, levels, shape) / levels).astype(dtype)
    found = aggregate_tracklets(distances, *counts, percentile)
    assert found.dtype == np.float64
    expected = plain_aggregate(distances, *counts, percentile)
    np.testing.assert_array_equal(found, expected)  # to the last bit


@pytest.mark.parametrize('size', [1, 9, 10, 11, 20, 21, 100])
def test_mean_of_the_smallest(size):
    """n different distances: the mean of the ceil(n / 10) smallest."""
    distances = np.random.default_rng(0).permutation(size)[None] / size
    found = aggregate_tracklets(distances, [1], [size])
    smallest = np.arange(-(-size // 10)) / size
    assert found.item() == pytest.approx(smallest.mean())


def test_blocks_of_tracklets_change_nothing(monkeypatch):
    distances = np.random.default_rng(0).random((12, 20), np.float32)
    counts = [3, 1, 3, 5], [4, 4, 2, 2, 8]
    whole = aggregate_tracklets(distances, *counts)
    monkeypatch.setattr('mmfashion_ext.evaluation.tracklets._BLOCK', 1)
    np.testing.assert_array_equal(
        whole, aggregate_tracklets(distances, *counts)
    )


@pytest.mark.parametrize('counts', [[3, 2], [5, 0], [3, 3]])
def test_clips_that_do_not_fit(counts):
    fits = [1] * 5
    wrong = sum(counts) != 5 or 0 in counts
    distances = np.zeros((5, 5))
    if not wrong:
        assert aggregate_tracklets(distances, counts, fits).shape == (2, 5)
        return
    with pytest.raises(ReIDError, match='query tracklets must have 1 clip'):
        aggregate_tracklets(distances, counts, fits)
    with pytest.raises(ReIDError, match='gallery tracklets must have 1 clip'):
        aggregate_tracklets(distances, fits, counts)
