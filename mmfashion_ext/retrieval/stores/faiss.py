# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""faiss store: an index file of faiss, searched by inner products."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...utils.files import atomic_write
from ..approximate_search import import_faiss
from ..pair_similarity import PairSimilarity
from ..scoring import RetrievalError
from .base import VectorStore, disk_bytes


class FaissStore(VectorStore):
    """Vectors (N, D) in an index file of faiss.

    Args:
        location (str | Path): The file; made by the first change.
        similarity (PairSimilarity): How pairs are scored.
        factory (str): Index of faiss that keeps vectors as they are and needs
            no training: ``'Flat'`` is exact, ``'HNSW32'`` approximate (nothing
            can be removed from it).

    Raises:
        ImportError: faiss is not installed.
        RetrievalError: The file is not such a store, or of another width.
    """

    kind = 'faiss'

    def __init__(
        self,
        location: str | Path,
        similarity: PairSimilarity,
        factory: str = 'Flat',
    ) -> None:
        super().__init__(location, similarity)
        self._faiss = import_faiss()
        self.factory = factory
        path = Path(location)
        self._index = self._read() if path.exists() else self._new()

    def _new(self) -> Any:
        faiss, dim = self._faiss, self.width + 2
        base = faiss.index_factory(
            dim, self.factory, faiss.METRIC_INNER_PRODUCT
        )
        index = faiss.IndexIDMap2(base)
        base.this.disown()
        index.own_fields = True
        return index

    def _read(self) -> Any:
        try:
            index = self._faiss.read_index(str(self.location))
        except RuntimeError as error:
            raise RetrievalError(
                f'{self.location}: cannot be read as an index of faiss '
                f'({str(error).splitlines()[0][:200]}); build it again'
            ) from error
        if index.d != self.width + 2 or not hasattr(index, 'id_map'):
            raise RetrievalError(
                f'{self.location}: an index of {index.d} numbers, expected '
                f'{self.width} + 2; it is of another model'
            )
        return index

    def __len__(self) -> int:
        return self._index.ntotal

    def ids(self) -> Tensor:
        """Return the names (N,) int64."""
        found = self._faiss.vector_to_array(self._index.id_map)
        return torch.from_numpy(found.copy())

    def _write(self, vectors: Tensor, ids: Tensor) -> None:
        index = self._faiss.clone_index(self._index)
        known = ids[torch.isin(ids, self.ids())]
        if len(known):
            self._remove_from(index, known)
        products = self.similarity.augment_gallery(vectors)
        index.add_with_ids(products.numpy(), ids.numpy())
        self._save(index)

    def _delete(self, ids: Tensor) -> None:
        index = self._faiss.clone_index(self._index)
        self._remove_from(index, ids)
        self._save(index)

    def _remove_from(self, index: Any, ids: Tensor) -> None:
        try:
            index.remove_ids(ids.numpy())
        except RuntimeError as error:
            raise RetrievalError(
                f'{self.location}: nothing can be removed from an index '
                f"{self.factory!r} of faiss; use 'Flat', or build it again"
            ) from error

    def _save(self, index: Any) -> None:
        """Write the file whole, then change what is searched."""
        with atomic_write(self.location) as temporary:
            self._faiss.write_index(index, str(temporary))
        self._index = index

    def _candidates(
        self, queries: Tensor, count: int
    ) -> tuple[Tensor, Tensor]:
        index = self._index
        products = self.similarity.augment_queries(queries).numpy()
        # faiss has an OpenMP library of its own
        self._faiss.omp_set_num_threads(torch.get_num_threads())
        _, ids, found = index.search_and_reconstruct(products, count)
        vectors = torch.from_numpy(np.ascontiguousarray(found))
        return torch.from_numpy(ids), vectors[..., : self.width]

    def _bytes(self) -> int:
        return disk_bytes(self.location)
