# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What all searches share: checks of features, sorting, bounds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.retrieval.scoring import (
    RetrievalError,
    check_features,
    product_error,
    sort_topk,
)


def test_is_a_users_error():
    assert issubclass(RetrievalError, UserError)


@pytest.mark.parametrize(
    ('features', 'message'),
    [
        (torch.ones(2, 3), r'gallery features must have shape \(N, 4\), got'),
        (torch.ones(4), r'got \(4,\); use features of the same model'),
        (torch.ones(2, 4, dtype=torch.long), 'floating point, got torch.int'),
    ],
)
def test_features_are_checked(features, message):
    with pytest.raises(RetrievalError, match=message):
        check_features(features, 4, 'gallery')


def test_any_floating_point_features_pass():
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        check_features(torch.ones(0, 4, dtype=dtype), 4, 'query')


@given(
    rows=st.lists(
        st.lists(st.integers(0, 3), min_size=6, max_size=6), max_size=4
    ),
    k=st.integers(0, 6),
    seed=st.integers(0, 99),
)
def test_sorts_by_score_then_index(rows, k, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.tensor(rows).float().reshape(-1, 6)
    indices = torch.stack(
        [torch.randperm(9, generator=generator)[:6] for _ in rows]
        or [torch.empty(6, dtype=torch.long)]
    )[: len(rows)]
    found = sort_topk(scores, indices, k)
    assert found.scores.shape == found.indices.shape == (len(rows), k)
    for row in range(len(rows)):
        pairs = zip(scores[row].tolist(), indices[row].tolist(), strict=True)
        best = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:k]
        assert found.scores[row].tolist() == [score for score, _ in best]
        assert found.indices[row].tolist() == [index for _, index in best]


def test_bound_covers_a_float32_sum_in_any_order():
    generator = torch.Generator().manual_seed(0)
    for width in (1, 3, 256, 4096):
        left, right = torch.randn(2, 50, width, generator=generator)
        exact = (left.double() * right.double()).sum(1)
        terms = (left.double() * right.double()).abs().sum(1)
        bound = product_error(terms, width)
        for order in (slice(None), torch.arange(width).flip(0)):
            product = (left[:, order] * right[:, order]).cumsum(1)[:, -1]
            assert ((product - exact).abs() <= bound).all()
