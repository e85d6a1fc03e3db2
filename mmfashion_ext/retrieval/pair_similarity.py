# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pair similarity of Match R-CNN's match network, searched exactly.

The network compares two items by ``fc((a - b) ** 2)``, ``fc`` with one output
for "similar" and one for "different". Their difference, which ranks pairs as
the softmax does, is

    s(a, b) = sum_d w_d (a_d - b_d)^2 + bias
            = [-2 w a, sum_d w_d a_d^2 + bias, 1] . [b, 1, sum_d w_d b_d^2],

``w`` being the difference of the two rows of ``fc``: all pairs of queries and
gallery are one matrix product of vectors with D + 2 entries. The w_d have
either sign, so that this is not a distance; what needs one (a k-d tree, a
plain L2 index) does not apply.

Symbols: Q queries, G gallery items, D features per item (256 in the paper),
k items to find. Features are the outputs of the match network's embedding,
after its batch normalisation. Scores are logits.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .exact_topk import MAX_MEMORY, exact_scores, exact_topk
from .scoring import (
    RetrievalError,
    Space,
    TopK,
    check_features,
    product_error,
    sort_topk,
)

__all__ = ['MAX_MEMORY', 'PairSimilarity', 'RetrievalError', 'TopK']


@dataclass(frozen=True, eq=False)
class PairSimilarity:
    """Score of a pair of feature vectors: logit(similar) - logit(different).

    Scores (Q, G) of queries (Q, D) and gallery (G, D) are
    ``sum_d weight[d] (a_d - b_d)^2 + bias``.

    Args:
        weight (Tensor): (D,) float32, of either sign.
        bias (float): Score of two equal vectors.

    Raises:
        RetrievalError: The weight has another shape, or a number is not
            finite.
    """

    weight: Tensor
    bias: float

    def __post_init__(self) -> None:
        weight, bias = torch.as_tensor(self.weight), float(self.bias)
        if weight.dim() != 1 or not len(weight):
            raise RetrievalError(
                'the weight of a pair similarity must have shape (D,), got '
                f'{tuple(weight.shape)}'
            )
        weight = weight.detach().float()
        if not (weight.isfinite().all() and abs(bias) < torch.inf):
            raise RetrievalError(
                'the weights of the match network are not finite; the model '
                'diverged'
            )
        object.__setattr__(self, 'weight', weight)
        object.__setattr__(self, 'bias', bias)

    @classmethod
    def from_linear(cls, weight: Tensor, bias: Tensor) -> 'PairSimilarity':
        """Return the similarity that the match network's last layer computes.

        Args:
            weight (Tensor): (2, D); row 0 makes the logit of "similar", row 1
                that of "different".
            bias (Tensor): (2,).

        Returns:
            PairSimilarity: Difference of the two rows.

        Raises:
            RetrievalError: Other shapes.
        """
        if weight.dim() != 2 or len(weight) != 2 or bias.shape != (2,):
            raise RetrievalError(
                'expected the weight (2, D) and the bias (2,) of a linear '
                f'layer, got {tuple(weight.shape)} and {tuple(bias.shape)}'
            )
        weight, bias = weight.detach().double(), bias.detach().double()
        return cls(weight[0] - weight[1], float(bias[0] - bias[1]))

    @classmethod
    def cosine(cls, width: int) -> 'PairSimilarity':
        """Return the cosine of vectors (D,) that have unit length.

        ``1 - |a - b|^2 / 2`` is their inner product.

        Args:
            width (int): D.
        """
        return cls(torch.full((width,), -0.5), 1.0)

    def to(self, device: torch.device | str) -> 'PairSimilarity':
        """Return the same similarity with its weight on another device."""
        return PairSimilarity(self.weight.to(device), self.bias)

    def pairwise(self, queries: Tensor, gallery: Tensor) -> Tensor:
        """Score all pairs by the plain formula; for small inputs.

        Args:
            queries (Tensor): (Q, D).
            gallery (Tensor): (G, D).

        Returns:
            Tensor: (Q, G) logits, in the precision of the arguments. Needs
            memory for Q x G x D numbers.
        """
        differences = queries[:, None] - gallery
        return (differences.square() * self.weight).sum(-1) + self.bias

    def augment_queries(
        self, queries: Tensor, center: Tensor | None = None
    ) -> Tensor:
        """Return the queries' side of the matrix product.

        ``augment_queries(a) @ augment_gallery(b).T`` equals
        ``pairwise(a, b)``.

        Args:
            queries (Tensor): (Q, D).
            center (Tensor, optional): (D,) float32, subtracted from the
                features of both sides. The product remains the same, with
                less rounding if the features have a common offset.

        Returns:
            Tensor: (Q, D + 2) float32.
        """
        return self._query_factors(queries, center)[0]

    def augment_gallery(
        self, gallery: Tensor, center: Tensor | None = None
    ) -> Tensor:
        """Return the gallery's side of the matrix product.

        Args:
            gallery (Tensor): (G, D).
            center (Tensor, optional): As for :meth:`augment_queries`.

        Returns:
            Tensor: (G, D + 2) float32.
        """
        return self._gallery_factors(gallery, center)[0]

    def search(
        self,
        queries: Tensor,
        gallery: Tensor,
        k: int,
        max_memory: int = MAX_MEMORY,
    ) -> TopK:
        """Find the k most similar gallery items of each query, exactly.

        Scores are those of the plain formula in float64, rounded to float32.
        Equal scores are ordered by index. See
        :mod:`mmfashion_ext.retrieval.exact_topk` for how.

        Args:
            queries (Tensor): (Q, D) floating point, computed with as float32.
            gallery (Tensor): (G, D). If it is not on the queries' device, it
                is copied there in blocks.
            k (int): How many items to find, at least 1.
            max_memory (int): Bytes of working memory. Defaults to 256 MiB.

        Returns:
            TopK: (Q, min(k, G)) on the queries' device; an empty gallery
            gives (Q, 0).

        Raises:
            RetrievalError: Wrong shapes, NaN or infinite features, k < 1.
        """
        check_features(queries, len(self.weight), 'query')
        check_features(gallery, len(self.weight), 'gallery')
        center = gallery.detach().mean(0, dtype=torch.float32)
        # any center gives the right result; broken rows must not break it,
        # so that the search can name them
        center = torch.where(center.abs() < 1e15, center, 0)
        center = center.to(queries.device)
        space = _PairSpace(self.to(queries.device), center)
        return exact_topk(space, queries, gallery, k, max_memory)

    def rank(
        self, queries: Tensor, gallery: Tensor, candidates: Tensor, k: int
    ) -> TopK:
        """Rank given candidates as :meth:`search` would.

        Args:
            queries (Tensor): (Q, D).
            gallery (Tensor): (G, D).
            candidates (Tensor): (Q, c) int64 indices into the gallery, none
                twice in a row; -1 for an unused place.
            k (int): How many to return, at most c.

        Returns:
            TopK: (Q, k); unused places have index -1 and score -inf.

        Raises:
            RetrievalError: Wrong shapes.
        """
        check_features(queries, len(self.weight), 'query')
        check_features(gallery, len(self.weight), 'gallery')
        space = _PairSpace(self.to(queries.device), None)
        with torch.no_grad():
            scores = exact_scores(
                space, queries, gallery, candidates.clamp(min=0)
            )
            scores[candidates < 0] = -torch.inf
            return sort_topk(scores, candidates, k)

    def space(self) -> Space:
        """Return how it scores vectors (D,), as an exact search needs it."""
        return _PairSpace(self, None)

    def _query_factors(
        self, queries: Tensor, center: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        queries, norms, sizes = self._norms(queries, center)
        norms = (norms + self.bias).float()[:, None]
        parts = (queries * self.weight * -2, norms, torch.ones_like(norms))
        return torch.cat(parts, dim=1), sizes

    def _gallery_factors(
        self, gallery: Tensor, center: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        gallery, norms, sizes = self._norms(gallery, center)
        norms = norms.float()[:, None]
        return torch.cat((gallery, torch.ones_like(norms), norms), 1), sizes

    def _norms(
        self, features: Tensor, center: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Centred features (N, D), sums of w_d x_d^2 and |w_d| x_d^2 (N,)."""
        features = features.float()
        if center is not None:
            features = features - center
        # float64: a sum of D squares would lose what float32 can hold
        weight = self.weight.double()
        weights = torch.stack((weight, weight.abs()), dim=1)
        norms, sizes = (features.double().square() @ weights).unbind(1)
        return features, norms, sizes


class _PairSpace:
    """Pair similarity as a :class:`~.scoring.Space`.

    With u the unit of rounding and A, B the sizes, the sum of |w_d|
    (|a_d| + |b_d|)^2 is at most 2 (A + B). The product adds D + 2 terms of
    altogether that plus |bias|, each with a relative error of at most
    (D + 2) u in any order. Centring, the factors and the result
    add less than 14 u.
    """

    def __init__(
        self, similarity: PairSimilarity, center: Tensor | None
    ) -> None:
        self.similarity, self.center = similarity, center
        self.width = len(similarity.weight) + 2

    def query_factors(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        return self.similarity._query_factors(queries, self.center)

    def gallery_factors(self, gallery: Tensor) -> tuple[Tensor, Tensor]:
        return self.similarity._gallery_factors(gallery, self.center)

    def error(self, query_sizes: Tensor, gallery_size: Tensor) -> Tensor:
        terms = 2 * (query_sizes + gallery_size) + abs(self.similarity.bias)
        return product_error(terms, self.width)

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        queries, items = queries.float().double()[:, None], items.float()
        squares = (queries - items).square_().mul_(self.similarity.weight)
        return squares.sum(-1) + self.similarity.bias
