# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Interface of the vector stores: add, remove, search, info.

A pair similarity of vectors (D,) is an inner product of D + 2 numbers (see
:mod:`~mmfashion_ext.retrieval.pair_similarity`), so an engine that searches by
inner products finds the best items of the match network exactly. An engine
rounds to float32: it returns some candidates more than are asked for, whose
scores are computed again in float64 from their vectors, which it returns too.
So all stores give the same items in the same order.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from ..exact_topk import SPARE, exact_scores
from ..pair_similarity import PairSimilarity
from ..scoring import RetrievalError, TopK, check_features, sort_topk


class VectorStore(ABC):
    """Vectors (D,) with integer names, kept on disk and searched.

    Changes are on disk when ``add`` and ``remove`` return. Several threads may
    search at once; one process at a time changes a store.

    Args:
        location (str | Path): Where it is, see the engine.
        similarity (PairSimilarity): How pairs are scored.

    Attributes:
        kind (str): Name of the engine.
    """

    kind: str

    def __init__(
        self, location: str | Path, similarity: PairSimilarity
    ) -> None:
        self.location = location
        self.similarity = similarity.to('cpu')

    @property
    def width(self) -> int:
        """Numbers of a vector, D."""
        return len(self.similarity.weight)

    def add(self, vectors: Tensor, ids: Sequence[int]) -> None:
        """Add vectors, or replace those whose names are there: all or none.

        Args:
            vectors (Tensor): (n, D) floating point; n may be 0.
            ids (Sequence[int]): n different names, int64, at least 0.

        Raises:
            RetrievalError: Wrong shapes, NaN or infinite vectors, names that
                are repeated or out of range.
        """
        check_features(vectors, self.width, 'gallery')
        if len(vectors) != len(ids):
            raise RetrievalError(
                f'got {len(vectors)} vectors and {len(ids)} names; each '
                'vector needs one name'
            )
        names = _check_ids(ids)
        vectors = vectors.detach().to('cpu', torch.float32)
        wrong = ~vectors.isfinite().all(dim=1)
        if wrong.any():
            raise RetrievalError(
                f'the vector {int(names[wrong][0])} is NaN or infinite; the '
                'model diverged or was fed a broken image'
            )
        if len(names):
            self._write(vectors, names)

    def remove(self, ids: Sequence[int]) -> int:
        """Remove vectors.

        Args:
            ids (Sequence[int]): Names; unknown ones are ignored.

        Returns:
            int: How many were there.
        """
        names = _check_ids(sorted(set(ids)))
        if not len(names):
            return 0
        before = len(self)
        self._delete(names)
        return before - len(self)

    def search(self, queries: Tensor, k: int) -> TopK:
        """Find the k most similar vectors of each query.

        Args:
            queries (Tensor): (Q, D) floating point.
            k (int): How many to find, at least 1.

        Returns:
            TopK: (Q, min(k, N)) on the CPU: logits in float64 rounded to
            float32, best first, equal ones by name; ``indices`` are names.

        Raises:
            RetrievalError: Wrong shapes, NaN or infinite queries, k < 1.
        """
        check_features(queries, self.width, 'query')
        queries = queries.detach().to('cpu', torch.float32)
        if k < 1:
            raise RetrievalError(f'k must be at least 1, got {k}')
        if not queries.isfinite().all():
            raise RetrievalError('query features are NaN or infinite')
        if not len(queries):
            empty = torch.empty(0, min(k, len(self)))
            return TopK(empty, empty.long())
        # more than k: engines sort by float32 products, which round
        ids, vectors = self._candidates(queries, k + SPARE)
        space = self.similarity.space()
        flat = torch.arange(ids.numel()).reshape(ids.shape)
        scores = exact_scores(space, queries, vectors.flatten(0, 1), flat)
        scores[ids < 0] = -torch.inf
        found = int((ids >= 0).sum(dim=1).max()) if ids.numel() else 0
        return sort_topk(scores, ids, min(k, found))

    def info(self) -> dict[str, Any]:
        """Describe the store.

        Returns:
            dict: ``kind``, ``location``, ``items``, ``width`` (D), ``bytes``
            on disk, -1 where it is not known.
        """
        return {
            'kind': self.kind,
            'location': str(self.location),
            'items': len(self),
            'width': self.width,
            'bytes': self._bytes(),
        }

    def __enter__(self) -> 'VectorStore':
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:  # noqa: B027 (most have nothing to close)
        """Let go of files and connections."""

    @abstractmethod
    def __len__(self) -> int:
        """Return how many vectors there are."""

    @abstractmethod
    def ids(self) -> Tensor:
        """Return the names (N,) int64 of all vectors, in any order."""

    @abstractmethod
    def _write(self, vectors: Tensor, ids: Tensor) -> None:
        """Add or replace (n, D) float32 of names (n,), which are checked."""

    @abstractmethod
    def _delete(self, ids: Tensor) -> None:
        """Remove names (n,); those that are not there are ignored."""

    @abstractmethod
    def _candidates(
        self, queries: Tensor, count: int
    ) -> tuple[Tensor, Tensor]:
        """Return names (Q, c), -1 for none, and vectors (Q, c, D).

        c is ``count``, or less if there are fewer vectors.
        """

    @abstractmethod
    def _bytes(self) -> int:
        """Return the size on disk."""


def disk_bytes(path: str | Path) -> int:
    """Return the bytes of a file, or of all files in a folder; 0 for none."""
    path = Path(path)
    files = path.rglob('*') if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _check_ids(ids: Sequence[int]) -> Tensor:
    """Return names (n,) int64."""
    values = [int(value) for value in ids]
    wrong = [value for value in values if not 0 <= value < 2**63]
    if wrong:
        raise RetrievalError(
            f'names must be from 0 to 2^63 - 1, got {wrong[0]}'
        )
    if len(set(values)) < len(values):
        raise RetrievalError('a name is repeated; names must be different')
    return torch.tensor(values, dtype=torch.long)
