# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Re-ranking: a second similarity orders the best of a first one."""

import torch
from torch import Tensor

from .exact_topk import MAX_MEMORY
from .pair_similarity import PairSimilarity
from .scoring import RetrievalError


def search_reranked(
    first: PairSimilarity,
    second: PairSimilarity,
    queries: tuple[Tensor, Tensor],
    gallery: tuple[Tensor, Tensor],
    k: int,
    depth: int,
    max_memory: int = MAX_MEMORY,
) -> Tensor:
    """Find gallery items by a first similarity; order the best k by a second.

    The first is one that a large gallery can be searched with, such as an
    embedding's cosine; the second one, such as the match network's, then
    compares k items of each query only.

    Args:
        first (PairSimilarity): Finds the items.
        second (PairSimilarity): Orders the best k of them.
        queries (tuple[Tensor, Tensor]): (Q, D1) features for the first and
            (Q, D2) for the second.
        gallery (tuple[Tensor, Tensor]): (G, D1) and (G, D2) of the same items.
        k (int): How many items of each query are ordered anew, at least 1.
        depth (int): How many to return; those beyond k in the first's order.
        max_memory (int): Bytes of working memory of the search.

    Returns:
        Tensor: (Q, min(depth, G)) int64 indices into the gallery, best first.

    Raises:
        RetrievalError: Wrong shapes, other numbers of rows for the second
            similarity, k or depth below 1.
    """
    if min(k, depth) < 1:
        raise RetrievalError(
            f'k and depth must be at least 1, got {k} and {depth}'
        )
    for name, (one, other) in (('query', queries), ('gallery', gallery)):
        if len(one) != len(other):
            raise RetrievalError(
                f'got {len(one)} {name} features to search with and '
                f'{len(other)} to rank with; give both of the same items'
            )
    found = first.search(
        queries[0], gallery[0], max(k, depth), max_memory
    ).indices
    best, rest = found[:, :k], found[:, k:]
    if best.shape[1]:
        best = second.rank(queries[1], gallery[1], best, best.shape[1]).indices
    return torch.cat((best, rest), dim=1)[:, :depth]
