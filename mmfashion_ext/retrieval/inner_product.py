# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Exact top-k search by inner products."""

from torch import Tensor

from .exact_topk import MAX_MEMORY, exact_topk
from .scoring import TopK, check_features, product_error


class InnerProductSpace:
    """Inner products (Q, G) as a :class:`~.scoring.Space`.

    Sizes are squared lengths of vectors.

    Args:
        width (int): Entries of a vector, D.
    """

    def __init__(self, width: int) -> None:
        self.width = width

    def query_factors(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Return (m, D) float32 vectors and (m,) float64 squared lengths."""
        queries = queries.float()
        return queries, queries.double().square().sum(1)

    gallery_factors = query_factors

    def error(self, query_sizes: Tensor, gallery_size: Tensor) -> Tensor:
        """Return (m,) bounds on the rounding error of a product."""
        terms = (query_sizes * gallery_size).sqrt()
        return product_error(terms, self.width)

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        """Return the products (m, c) float64 of (m, D) and (m, c, D)."""
        queries, items = queries.float().double()[:, None], items.float()
        return (queries * items).sum(-1)


def topk_inner_product(
    queries: Tensor,
    gallery: Tensor,
    k: int,
    max_memory_bytes: int = MAX_MEMORY,
) -> TopK:
    """Find the k gallery vectors with the largest inner products, exactly.

    Args:
        queries (Tensor): (Q, D) floating point, computed with as float32.
        gallery (Tensor): (G, D), on any device.
        k (int): How many to find, at least 1.
        max_memory_bytes (int): Working memory. Defaults to 256 MiB.

    Returns:
        TopK: (Q, min(k, G)) on the queries' device; scores are inner products
        in float64, rounded to float32, equal ones ordered by index.

    Raises:
        RetrievalError: Wrong shapes, NaN or infinite values, k < 1.
    """
    check_features(queries, queries.shape[-1], 'query')
    check_features(gallery, queries.shape[-1], 'gallery')
    space = InnerProductSpace(queries.shape[1])
    return exact_topk(space, queries, gallery, k, max_memory_bytes)
