# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The search by inner products against plain sorting."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.retrieval.inner_product import topk_inner_product
from mmfashion_ext.retrieval.scoring import RetrievalError


def products(queries, gallery):
    return (queries.double() @ gallery.double().T).numpy()


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.tuples(st.integers(0, 5), st.integers(0, 150), st.integers(1, 4)),
    spread=st.integers(0, 4),
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, 170),
    max_memory=st.sampled_from([1, 3000, 40000, 2**28]),
)
def test_equals_sorting_with_many_ties(
    assert_sorted, sizes, spread, seed, k, max_memory
):
    rng = np.random.default_rng(seed)
    num_queries, num_items, dim = sizes
    # multiples of 1/4: every sum is exact in float32
    queries, gallery = (
        torch.from_numpy(rng.integers(-spread, spread + 1, (n, dim)) / 4)
        for n in (num_queries, num_items)
    )
    found = topk_inner_product(queries.float(), gallery.float(), k, max_memory)
    assert_sorted(found, products(queries, gallery), k)


@pytest.mark.parametrize('max_memory', [1, 10**5, 10**6, 2**28])
@pytest.mark.parametrize('k', [1, 20, 1500])
def test_equals_sorting_of_floats(random_case, assert_sorted, k, max_memory):
    _, queries, gallery = random_case(6, 9, 777, dim=32)
    found = topk_inner_product(queries, gallery, k, max_memory)
    assert_sorted(found, products(queries, gallery), k)


def test_bad_input(random_case):
    _, queries, gallery = random_case(13, 5, 70, dim=4)
    with pytest.raises(RetrievalError, match=r'gallery .*\(N, 3\)'):
        topk_inner_product(queries[:, :3], gallery, 2)
    with pytest.raises(RetrievalError, match='k must be at least 1, got 0'):
        topk_inner_product(queries, gallery, 0)
    with pytest.raises(RetrievalError, match=r'query .* got \(4,\)'):
        topk_inner_product(queries[0], gallery, 2)


@pytest.mark.parametrize('value', [torch.nan, torch.inf, 1e30])
def test_not_finite(random_case, value):
    _, queries, gallery = random_case(13, 5, 70, dim=4)
    for name, features in (('query', queries), ('gallery', gallery)):
        saved = features[3, 1].clone()
        features[3, 1] = value
        with pytest.raises(RetrievalError, match=f'{name} .* row 3'):
            topk_inner_product(queries, gallery, 2)
        features[3, 1] = saved
