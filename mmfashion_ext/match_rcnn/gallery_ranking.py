# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Ranking of a gallery's items, by one similarity or by two.

An index of a model that has an embedding beside its match network holds both
vectors of each item, one after the other. Its similarity is the embedding's
cosine, with weights of 0 for the rest; what orders the best of it anew, the
match network's similarity, stands in its ``origin``.
"""

import json
from dataclasses import dataclass

import torch
from torch import Tensor

from ..formats.checks import Fields, require
from ..formats.rules import Integer, Number
from ..retrieval.gallery_index import GalleryIndex
from ..retrieval.pair_similarity import PairSimilarity
from ..retrieval.scoring import RetrievalError, TopK

_FIELDS: Fields = {'k': Integer(1), 'bias': Number(), 'weight': None}


@dataclass(frozen=True, eq=False)
class Reranking:
    """A second similarity, and of how many items it decides the order.

    Attributes:
        similarity (PairSimilarity): Of vectors (D,) of the whole index.
        k (int): Items of each query that it orders anew, at least.
    """

    similarity: PairSimilarity
    k: int

    def to_text(self) -> str:
        """Return it as the JSON that an index's origin holds."""
        return json.dumps(
            {
                'k': self.k,
                'bias': self.similarity.bias,
                'weight': self.similarity.weight.tolist(),
            }
        )

    @classmethod
    def from_text(cls, text: object, width: int) -> 'Reranking':
        """Read it from the origin of an index, which may come from anywhere.

        Args:
            text (object): What :meth:`to_text` wrote.
            width (int): D.

        Raises:
            RetrievalError: It is something else.
        """
        try:
            content = json.loads(str(text))
        except (ValueError, RecursionError):
            content = None
        require(content, _FIELDS, 'rerank of the index', '', RetrievalError)
        weight = content['weight']
        if (
            not isinstance(weight, list)
            or len(weight) != width
            or not all(isinstance(v, int | float) for v in weight)
        ):
            raise RetrievalError(
                f'rerank of the index: weight must be {width} numbers; build '
                'the index again'
            )
        similarity = PairSimilarity(
            torch.tensor(weight, dtype=torch.float32), content['bias']
        )
        return cls(similarity, content['k'])


def join_similarities(
    first: PairSimilarity, second: PairSimilarity, k: int
) -> tuple[PairSimilarity, Reranking]:
    """Return the similarities of vectors (D1 + D2,) that are joined.

    Args:
        first (PairSimilarity): Of the first D1 numbers; searches.
        second (PairSimilarity): Of the others; orders the best k anew.
        k (int): How many.

    Returns:
        tuple[PairSimilarity, Reranking]: Each ignores the other's numbers.
    """
    zeros = [torch.zeros_like(one.weight) for one in (first, second)]
    return (
        PairSimilarity(torch.cat((first.weight, zeros[1])), first.bias),
        Reranking(
            PairSimilarity(torch.cat((zeros[0], second.weight)), second.bias),
            k,
        ),
    )


def rank_items(index: GalleryIndex, queries: Tensor, depth: int) -> TopK:
    """Find the best items of an index, as its model ranks them.

    Args:
        index (GalleryIndex): The index.
        queries (Tensor): (Q, D).
        depth (int): Items to find.

    Returns:
        TopK: (Q, n), n at least ``depth`` or all; ``scores`` are 0-1: the
        probability that it is the same garment or, where the index's scores
        are cosines, these, 0 where they are negative.

    Raises:
        RetrievalError: The queries, or what the index says, are wrong.
    """
    text = index.origin.get('rerank')
    if text is None:
        found = index.search(queries, depth)
        if index.origin.get('score') == 'cosine':
            return TopK(found.scores.clamp(0, 1), found.indices)
        return TopK(found.scores.sigmoid(), found.indices)
    second = Reranking.from_text(text, len(index.similarity.weight))
    candidates = index.search(queries, max(depth, second.k)).indices
    found = second.similarity.rank(
        queries, index.features, candidates, candidates.shape[1]
    )
    return TopK(found.scores.sigmoid(), found.indices)
