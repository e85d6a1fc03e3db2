# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Exact store: all vectors in memory, one file, searched in bounded memory.

It is what the other stores are compared with.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...utils.files import atomic_write
from ..pair_similarity import PairSimilarity
from ..scoring import RetrievalError
from .base import VectorStore, disk_bytes


class ExactStore(VectorStore):
    """Vectors (N, D) in one safetensors file, searched exactly.

    Args:
        location (str | Path): The file; made by the first change.
        similarity (PairSimilarity): How pairs are scored.

    Raises:
        RetrievalError: The file is not such a store, or of another width.
    """

    kind = 'exact'

    def __init__(
        self, location: str | Path, similarity: PairSimilarity
    ) -> None:
        super().__init__(location, similarity)
        # one object, so that a search sees names and vectors of one state
        self._state = (
            torch.empty(0, dtype=torch.long),
            torch.empty(0, self.width),
        )
        if Path(location).exists():
            self._state = self._read()

    def _read(self) -> tuple[Tensor, Tensor]:
        try:
            found = load_file(self.location)
            ids, vectors = found['ids'], found['vectors']
        except (SafetensorError, OSError, KeyError) as error:
            raise RetrievalError(
                f'{self.location}: cannot be read as a vector store '
                f'({str(error).splitlines()[0]}); build it again'
            ) from error
        if vectors.shape != (len(ids), self.width):
            raise RetrievalError(
                f'{self.location}: holds vectors {tuple(vectors.shape)}, '
                f'expected (N, {self.width}); it is of another model'
            )
        # copied: the file is mapped, and may be overwritten
        return ids.clone(), vectors.clone()

    def __len__(self) -> int:
        return len(self._state[0])

    def ids(self) -> Tensor:
        """Return the names (N,) int64."""
        return self._state[0]

    def _write(self, vectors: Tensor, ids: Tensor) -> None:
        old_ids, old = self._state
        kept = ~torch.isin(old_ids, ids)
        self._save(
            torch.cat((old_ids[kept], ids)), torch.cat((old[kept], vectors))
        )

    def _delete(self, ids: Tensor) -> None:
        old_ids, old = self._state
        kept = ~torch.isin(old_ids, ids)
        self._save(old_ids[kept], old[kept])

    def _save(self, ids: Tensor, vectors: Tensor) -> None:
        """Write the file whole, then change what is searched."""
        order = ids.argsort()  # equal scores are ordered by name
        ids, vectors = ids[order], vectors[order]
        with atomic_write(self.location) as temporary:
            save_file({'ids': ids, 'vectors': vectors}, temporary)
        self._state = (ids, vectors)

    def _candidates(
        self, queries: Tensor, count: int
    ) -> tuple[Tensor, Tensor]:
        ids, vectors = self._state
        rows = self.similarity.search(queries, vectors, count).indices
        return ids[rows], vectors[rows]

    def _bytes(self) -> int:
        return disk_bytes(self.location)
