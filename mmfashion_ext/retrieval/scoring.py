# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Scores of pairs: what a search needs to score, and the top-k it returns."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..errors import UserError

_UNIT = 2.0**-24  # largest relative error of rounding to float32
_TINY = torch.finfo(torch.float32).tiny  # largest error of an underflow


class RetrievalError(UserError, ValueError):
    """Features that cannot be searched."""


class TopK(NamedTuple):
    """The best gallery items of each query.

    Attributes:
        scores (Tensor): (Q, k) float32, best first; k is at most G.
        indices (Tensor): (Q, k) int64 indices into the gallery; among equal
            scores the lower one first.
    """

    scores: Tensor
    indices: Tensor


class Space(Protocol):
    """A way to score queries (Q, D) with items (G, D), as the search needs it.

    A *size* is a number per vector from which :meth:`error` can bound the
    rounding of the product.

    Attributes:
        width (int): Columns of the factors.
    """

    width: int

    def query_factors(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Return (m, width) float32 factors of (m, D), (m,) float64 sizes."""

    def gallery_factors(self, gallery: Tensor) -> tuple[Tensor, Tensor]:
        """Return (n, width) float32 factors of (n, D), (n,) float64 sizes."""

    def error(self, query_sizes: Tensor, gallery_size: Tensor) -> Tensor:
        """Return (m,) bounds on |product - exact| for items of this size."""

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        """Return (m, c) float64 scores of (m, D) and (m, c, D)."""


def check_features(features: Tensor, dim: int, name: str) -> None:
    """Check that features are (N, dim) floating point.

    Args:
        features (Tensor): Of any shape.
        dim (int): The number of features expected.
        name (str): What the message calls them: ``'query'``, ``'gallery'``.

    Raises:
        RetrievalError: They have another shape or are not floating point.
    """
    if features.dim() != 2 or features.shape[1] != dim:
        raise RetrievalError(
            f'{name} features must have shape (N, {dim}), got '
            f'{tuple(features.shape)}; use features of the same model'
        )
    if not features.is_floating_point():
        raise RetrievalError(
            f'{name} features must be floating point, got {features.dtype}'
        )


def product_error(terms: Tensor, width: int) -> Tensor:
    """Return a bound on the rounding error of a product of float32 factors.

    Args:
        terms (Tensor): (m,) float64 bounds on the sum of the terms' sizes.
        width (int): How many terms a product adds.

    Returns:
        Tensor: (m,) float64; holds for any order of adding, and covers up to
        14 more roundings of the factors and the result.
    """
    return (width + 14) * (_UNIT * terms + _TINY)


def sort_topk(scores: Tensor, indices: Tensor, k: int) -> TopK:
    """Sort candidates, best first and among equals by index; return k.

    Args:
        scores (Tensor): (Q, c).
        indices (Tensor): (Q, c) int64, no index twice in a row.
        k (int): How many to return, at most c.

    Returns:
        TopK: (Q, k).
    """
    indices, by_index = indices.sort(dim=1)
    scores, by_score = scores.gather(1, by_index).sort(
        dim=1, descending=True, stable=True
    )
    indices = indices.gather(1, by_score)
    return TopK(scores[:, :k].contiguous(), indices[:, :k].contiguous())
