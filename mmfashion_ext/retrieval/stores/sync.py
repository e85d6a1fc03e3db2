# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Vector stores of a gallery: opened by name, and brought to its index.

The gallery index stays what is known of the images; a store is a second copy
of its vectors, which searches them. The name of a vector in the store is a
hash of what it is of, so what differs between both is found by their names.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError
from ..exact_topk import SPARE
from ..gallery_index import GalleryIndex
from ..pair_similarity import PairSimilarity
from ..scoring import RetrievalError, TopK, sort_topk
from .base import VectorStore

#: Store -> ending of its file or folder beside an index.
STORES = {'exact': '.vectors', 'faiss': '.faiss', 'milvus': '.milvus.db'}
_BLOCK = 65536  # vectors added together


def open_store(
    kind: str,
    location: str | Path,
    similarity: PairSimilarity,
    **options: Any,
) -> VectorStore:
    """Open a store, which is made if missing.

    Args:
        kind (str): ``'exact'``, ``'faiss'`` or ``'milvus'``.
        location (str | Path): File or folder, or the URL of a server.
        similarity (PairSimilarity): How pairs of vectors (D,) are scored.
        **options: Of the engine.

    Raises:
        UserError: Another kind, or the engine cannot open the location.
        ImportError: The engine is not installed.
    """
    if kind == 'exact':
        from .exact import ExactStore

        return ExactStore(location, similarity, **options)
    if kind == 'faiss':
        from .faiss import FaissStore

        return FaissStore(location, similarity, **options)
    if kind == 'milvus':
        from .milvus import MilvusStore

        return MilvusStore(location, similarity, **options)
    raise UserError(f'store {kind!r}: expected one of {", ".join(STORES)}')


def store_location(index_path: str | Path, kind: str) -> Path:
    """Return where the store of an index is: beside it.

    Raises:
        UserError: There is no such kind.
    """
    if kind not in STORES:
        raise UserError(f'store {kind!r}: expected one of {", ".join(STORES)}')
    return Path(f'{index_path}{STORES[kind]}')


def vector_names(index: GalleryIndex) -> list[int]:
    """Return the name of each vector of an index, 63 bits.

    It is a hash of the item and its features (D,), so an image that is read
    again and gives the same keeps it, and another gets another.
    """
    features = index.features.numpy()
    names = []
    for item, row in zip(index.items, features, strict=True):
        text = json.dumps(item, sort_keys=True).encode()
        digest = hashlib.sha256(text + row.tobytes()).digest()
        names.append(int.from_bytes(digest[:8], 'big') >> 1)
    return names


def sync_store(index: GalleryIndex, store: VectorStore) -> tuple[int, int]:
    """Bring a store to what an index holds.

    An interrupted call is finished by the next one.

    Args:
        index (GalleryIndex): What the vectors (N, D) are to be.
        store (VectorStore): Changed.

    Returns:
        tuple[int, int]: How many vectors were added and removed.
    """
    names = vector_names(index)
    rows = {name: row for row, name in enumerate(names)}
    there = set(store.ids().tolist())
    gone = sorted(there - rows.keys())
    if gone:
        store.remove(gone)
    new = [name for name in rows if name not in there]
    features = index.features
    for start in range(0, len(new), _BLOCK):
        part = new[start : start + _BLOCK]
        store.add(features[[rows[name] for name in part]], part)
    return len(new), len(gone)


class StoredGallery(GalleryIndex):
    """Gallery index whose vectors (N, D) a store searches.

    Args:
        index (GalleryIndex): The index; not copied.
        store (VectorStore): With the same vectors.

    Raises:
        RetrievalError: They differ.
    """

    def __init__(self, index: GalleryIndex, store: VectorStore) -> None:
        super().__init__(index.similarity, index.fingerprint, index.origin)
        self.items, self.images = index.items, index.images
        self._blocks = [index.features]
        self.store = store
        self._rows = {
            name: row for row, name in enumerate(vector_names(index))
        }
        if len(store) != len(self._rows):
            raise RetrievalError(
                f'{store.location}: holds {len(store)} vectors, the index '
                f'{len(self._rows)}; update the index with the same --store'
            )

    def search(self, queries: Tensor, k: int, **options: Any) -> TopK:
        """Find the k most similar items of each query, in the store.

        Args:
            queries (Tensor): (Q, D).
            k (int): How many to find.
            **options: Not used.

        Returns:
            TopK: (Q, min(k, N)) logits, best first, and indices into
            ``items``; -1 where an approximate engine found fewer.

        Raises:
            RetrievalError: The store holds a vector that the index lacks.
        """
        # equal scores are ordered by name there, by row here
        found = self.store.search(queries, k + SPARE)
        try:
            rows = [
                [self._rows[name] if name >= 0 else -1 for name in row]
                for row in found.indices.tolist()
            ]
        except KeyError as error:
            raise RetrievalError(
                f'{self.store.location}: holds the vector {error}, which the '
                'index lacks; update the index with the same --store'
            ) from None
        indices = torch.tensor(rows, dtype=torch.long)
        return sort_topk(found.scores, indices.reshape(found.scores.shape), k)
