# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Retrieval with the match network of Match R-CNN, exact and fast.

The network compares two items by ``fc((a - b) ** 2)``, ``fc`` with one output
for "similar" and one for "different". Their difference, which ranks pairs as
the softmax does, is

    s(a, b) = sum_d w_d (a_d - b_d)^2 + bias
            = [-2 w a, sum_d w_d a_d^2 + bias, 1] . [b, 1, sum_d w_d b_d^2],

``w`` being the difference of the two rows of ``fc``: all pairs of queries and
gallery are one matrix product of vectors with D + 2 entries. The w_d have
either sign, so this is no distance; what needs one (a k-d tree, a plain L2
index) does not apply.

Symbols: Q queries, G gallery items, D features an item (256 in the paper),
k items wanted. Features are what comes out of the match network's embedding,
after its batch normalisation. Scores are logits.
"""

import zlib
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from .exact_topk import (
    MAX_MEMORY,
    RetrievalError,
    TopK,
    check_features,
    exact_scores,
    exact_topk,
    order,
)

__all__ = [
    'MAX_MEMORY',
    'PairSimilarity',
    'RetrievalError',
    'TopK',
    'distributed_search',
    'topk_inner_product',
]

_UNIT = 2.0**-24  # largest relative error of rounding to float32
_TINY = torch.finfo(torch.float32).tiny  # largest error of an underflow


@dataclass(frozen=True, eq=False)
class PairSimilarity:
    """logit(similar) - logit(different) of a pair of feature vectors.

    Equal to ``sum_d weight[d] (a_d - b_d)^2 + bias``.

    Attributes:
        weight (Tensor): (D,) float32, of either sign.
        bias (float): What two equal vectors score.
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
        """Take over the last layer of the match network.

        Args:
            weight (Tensor): (2, D); row 0 makes the logit of "similar", row 1
                that of "different".
            bias (Tensor): (2,).

        Returns:
            PairSimilarity: Their difference.
        """
        if weight.dim() != 2 or len(weight) != 2 or bias.shape != (2,):
            raise RetrievalError(
                'expected the weight (2, D) and the bias (2,) of a linear '
                f'layer, got {tuple(weight.shape)} and {tuple(bias.shape)}'
            )
        weight, bias = weight.detach().double(), bias.detach().double()
        return cls(weight[0] - weight[1], float(bias[0] - bias[1]))

    def to(self, device: torch.device | str) -> 'PairSimilarity':
        """The same with its weight on another device."""
        return PairSimilarity(self.weight.to(device), self.bias)

    def pairwise(self, queries: Tensor, gallery: Tensor) -> Tensor:
        """Score all pairs by the plain formula; for small inputs.

        Args:
            queries (Tensor): (Q, D).
            gallery (Tensor): (G, D).

        Returns:
            Tensor: (Q, G) logits, in the precision of the arguments. Takes
            memory for Q x G x D numbers.
        """
        differences = queries[:, None] - gallery
        return (differences.square() * self.weight).sum(-1) + self.bias

    def augment_queries(
        self, queries: Tensor, center: Tensor | None = None
    ) -> Tensor:
        """The queries' side of the matrix product.

        ``augment_queries(a) @ augment_gallery(b).T`` equals
        ``pairwise(a, b)``.

        Args:
            queries (Tensor): (Q, D).
            center (Tensor, optional): (D,) float32, taken from the features
                of both sides. The product remains the same, with less
                rounding if the features have a common offset.

        Returns:
            Tensor: (Q, D + 2) float32.
        """
        return self._query_factors(queries, center)[0]

    def augment_gallery(
        self, gallery: Tensor, center: Tensor | None = None
    ) -> Tensor:
        """The gallery's side of the matrix product.

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
        # any center is right; without broken ones their rows can be named
        center = torch.where(center.abs() < 1e15, center, 0)
        center = center.to(queries.device)
        space = _PairSpace(self.to(queries.device), center)
        return exact_topk(space, queries, gallery, k, max_memory)

    def rank(
        self, queries: Tensor, gallery: Tensor, candidates: Tensor, k: int
    ) -> TopK:
        """Order given candidates as :meth:`search` would.

        Args:
            queries (Tensor): (Q, D).
            gallery (Tensor): (G, D).
            candidates (Tensor): (Q, c) int64 positions in the gallery, none
                twice; -1 stands for none.
            k (int): How many to keep, at most c.

        Returns:
            TopK: (Q, k). What is missing has index -1 and score -inf.
        """
        check_features(queries, len(self.weight), 'query')
        check_features(gallery, len(self.weight), 'gallery')
        space = _PairSpace(self.to(queries.device), None)
        with torch.no_grad():
            scores = exact_scores(
                space, queries, gallery, candidates.clamp(min=0)
            )
            scores[candidates < 0] = -torch.inf
            return order(scores, candidates, k)

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
        """Centred features, sum_d w_d x_d^2 and sum_d |w_d| x_d^2."""
        features = features.float()
        if center is not None:
            features = features - center
        # float64: a sum of D squares would lose what float32 can hold
        weight = self.weight.double()
        weights = torch.stack((weight, weight.abs()), dim=1)
        norms, sizes = (features.double().square() @ weights).unbind(1)
        return features, norms, sizes


class _PairSpace:
    """Pair similarity as the search sees it.

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
        return (self.width + 14) * (_UNIT * terms + _TINY)

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        queries, items = queries.float().double()[:, None], items.float()
        squares = (queries - items).square_().mul_(self.similarity.weight)
        return squares.sum(-1) + self.similarity.bias


class _InnerProduct:
    """The inner product itself; sizes are squared lengths of vectors."""

    def __init__(self, width: int) -> None:
        self.width = width

    def query_factors(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        queries = queries.float()
        return queries, queries.double().square().sum(1)

    gallery_factors = query_factors

    def error(self, query_sizes: Tensor, gallery_size: Tensor) -> Tensor:
        terms = (query_sizes * gallery_size).sqrt()
        return (self.width + 14) * (_UNIT * terms + _TINY)

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
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
    space = _InnerProduct(queries.shape[1])
    return exact_topk(space, queries, gallery, k, max_memory_bytes)


def distributed_search(
    similarity: PairSimilarity,
    queries: Tensor,
    shard: Tensor,
    k: int,
    max_memory: int = MAX_MEMORY,
    group: dist.ProcessGroup | None = None,
) -> TopK:
    """Search a gallery whose rows are spread over processes.

    To be called by all ranks with the same queries. The gallery is that of
    rank 0, followed by that of rank 1 and so on.

    Args:
        similarity (PairSimilarity): The same on all ranks.
        queries (Tensor): (Q, D), the same on all ranks.
        shard (Tensor): (G_rank, D), this rank's part; may be empty.
        k (int): How many items to find.
        max_memory (int): Bytes of working memory of each process.
        group (ProcessGroup, optional): Defaults to all processes; without a
            process group the shard is the whole gallery.

    Returns:
        TopK: (Q, min(k, sum of G_rank)), the same on all ranks and the same
        as one process finds. Indices count through all shards.

    Raises:
        RetrievalError: On all ranks if one of them cannot search, or if the
            queries differ.
    """
    if not dist.is_initialized():
        return similarity.search(queries, shard, k, max_memory)
    problem, size, digest, found, cause = '', len(shard), 0, None, None
    # an error must not keep this rank from the exchange: others wait there
    try:
        digest = _digest(similarity, queries, k)
        found = similarity.search(queries, shard, k, max_memory)
        found = TopK(*(part.cpu() for part in found))
    except Exception as error:
        problem, cause = f'{type(error).__name__}: {error}', error
    results = [None] * dist.get_world_size(group)
    dist.all_gather_object(results, (problem, size, digest, found), group)
    problems, sizes, digests, founds = zip(*results, strict=True)
    for rank, text in enumerate(problems):
        if text:
            raise RetrievalError(f'rank {rank}: {text}') from cause
    if len(set(digests)) > 1:
        raise RetrievalError(
            'the ranks search with different queries, weights or k; give '
            'every rank the same and only the gallery in parts'
        )
    scores = torch.cat([found.scores for found in founds], dim=1)
    starts = [sum(sizes[:rank]) for rank in range(len(sizes))]
    indices = torch.cat(
        [part.indices + at for part, at in zip(founds, starts, strict=True)],
        dim=1,
    )
    best = order(scores, indices, min(k, sum(sizes)))
    return TopK(*(part.to(queries.device) for part in best))


def _digest(similarity: PairSimilarity, queries: Tensor, k: int) -> int:
    digest = zlib.crc32(f'{k} {similarity.bias!r} {queries.shape}'.encode())
    for tensor in (similarity.weight, queries.detach().float()):
        digest = zlib.crc32(tensor.cpu().contiguous().numpy(), digest)
    return digest
