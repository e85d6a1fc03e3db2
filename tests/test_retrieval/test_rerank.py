# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Re-ranking of the best k by a second similarity, against plain loops."""

import pytest
import torch

from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.retrieval.rerank import search_reranked
from mmfashion_ext.retrieval.scoring import RetrievalError

FIRST = PairSimilarity(-torch.ones(3), 0.0)
SECOND = PairSimilarity(torch.tensor([-2.0, 0.5]), 1.0)


def draw(num, seed):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(num, d, generator=generator) for d in (3, 2))


@pytest.mark.parametrize(('k', 'depth'), [(5, 8), (8, 5), (40, 40), (1, 3)])
def test_the_best_k_are_ordered_anew_the_rest_stays(k, depth):
    queries, gallery = draw(4, 0), draw(20, 1)
    found = search_reranked(FIRST, SECOND, queries, gallery, k, depth)
    first = FIRST.pairwise(queries[0], gallery[0])
    second = SECOND.pairwise(queries[1], gallery[1])
    for row in range(4):
        order = sorted(range(20), key=lambda i: -float(first[row, i]))
        best = sorted(order[:k], key=lambda i: -float(second[row, i]))
        assert found[row].tolist() == (best + order[k:])[:depth]


def test_an_empty_side_and_wrong_numbers():
    queries, gallery = draw(2, 0), draw(3, 1)
    none = tuple(part[:0] for part in gallery)
    found = search_reranked(FIRST, SECOND, none, gallery, 2, 3)
    assert found.shape == (0, 3)
    found = search_reranked(FIRST, SECOND, queries, none, 2, 3)
    assert found.shape == (2, 0)
    with pytest.raises(RetrievalError, match=r'3 gallery .* and 2 to rank'):
        search_reranked(
            *(FIRST, SECOND, queries, (gallery[0], gallery[1][:2]), 2, 3)
        )
    with pytest.raises(RetrievalError, match='at least 1, got 0 and 3'):
        search_reranked(FIRST, SECOND, queries, gallery, 0, 3)
