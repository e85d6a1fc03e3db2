# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Gallery index: features of gallery items that are extended and searched."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .approximate_search import ApproximateSearch, IndexKind
from .exact_topk import MAX_MEMORY, SPARE
from .gallery_file import (
    GalleryContent,
    check_fingerprint,
    read_gallery_file,
    write_gallery_file,
)
from .gallery_images import ImageRecord
from .pair_similarity import PairSimilarity
from .scoring import RetrievalError, TopK, check_features


class GalleryIndex:
    """Features of gallery items, with a description of each item.

    Args:
        similarity (PairSimilarity): How pairs are scored.
        fingerprint (str): Identifies the model that computed the features,
            for instance its config's name and a hash of the checkpoint.
        origin (dict[str, str], optional): Where that model can be found, for
            instance ``config`` and ``checkpoint``; only a hint.

    Attributes:
        items (list[dict]): N dicts of plain values (what JSON can hold), for
            instance an image's path, the box (xyxy, px), category and score.
        images (dict[str, ImageRecord]): Path -> what is known of each image,
            also of those without items; kept by the owner of the index.
    """

    def __init__(
        self,
        similarity: PairSimilarity,
        fingerprint: str,
        origin: dict[str, str] | None = None,
    ) -> None:
        self.similarity = similarity.to('cpu')
        self.fingerprint = fingerprint
        self.origin = dict(origin or {})
        self.items: list[dict] = []
        self.images: dict[str, ImageRecord] = {}
        self._blocks = [torch.empty(0, len(similarity.weight))]
        self._approximate: ApproximateSearch | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def features(self) -> Tensor:
        """Features (N, D) float32 on the CPU, in the order of ``items``."""
        if len(self._blocks) > 1:  # joined once, not at every addition
            self._blocks = [torch.cat(self._blocks)]
        return self._blocks[0]

    @property
    def approximate(self) -> ApproximateSearch | None:
        """Index that :meth:`build_approximate` built, or None."""
        return self._approximate

    def add(self, features: Tensor, items: Sequence[dict]) -> None:
        """Add items: all of them, or none if anything is wrong.

        Args:
            features (Tensor): (n, D) floating point, on any device; n may
                be 0.
            items (Sequence[dict]): n dicts that JSON can hold.

        Raises:
            RetrievalError: Features of another model, NaN or infinite ones,
                another number of items, items that cannot be saved.
        """
        check_features(features, len(self.similarity.weight), 'gallery')
        if len(features) != len(items):
            raise RetrievalError(
                f'got {len(features)} features and {len(items)} items; each '
                'item needs one row of features'
            )
        features = features.detach().to('cpu', torch.float32, copy=True)
        wrong = ~features.isfinite().all(dim=1)
        if wrong.any():
            row = int(wrong.nonzero()[0])
            raise RetrievalError(
                f'features of item {row}, {items[row]}, are NaN or infinite; '
                'the model diverged or was fed a broken image'
            )
        for row, item in enumerate(items):
            _check_item(row, item)
        self._blocks.append(features)
        self.items.extend(items)
        if self._approximate is not None:
            self._approximate.add(features)

    def remove(self, rows: Iterable[int]) -> None:
        """Remove items; an approximate index has to be built again.

        Args:
            rows (Iterable[int]): Indices into ``items``.

        Raises:
            RetrievalError: There is no such item; then none is removed.
        """
        removed = set(rows)
        if wrong := [row for row in removed if not 0 <= row < len(self)]:
            raise RetrievalError(
                f'cannot remove item {wrong[0]} of an index of {len(self)} '
                'items; give indices into items'
            )
        if not removed:
            return
        rest = [row for row in range(len(self)) if row not in removed]
        self._blocks = [self.features[rest]]
        self.items = [self.items[row] for row in rest]
        self._approximate = None

    def remove_images(self, paths: Iterable[str]) -> None:
        """Remove images with their records, items and features (N, D).

        Args:
            paths (Iterable[str]): ``image`` of the items, keys of ``images``.
        """
        gone = set(paths)
        self.remove(
            row
            for row, item in enumerate(self.items)
            if item.get('image') in gone
        )
        for path in gone:
            self.images.pop(path, None)

    def search(
        self,
        queries: Tensor,
        k: int,
        *,
        approximate: bool = False,
        max_memory: int = MAX_MEMORY,
    ) -> TopK:
        """Find the k most similar items of each query.

        Args:
            queries (Tensor): (Q, D), on the device to search on.
            k (int): How many items to find.
            approximate (bool): Search a part of the gallery only, see
                :meth:`build_approximate`. The scores of the items found, and
                their order, are still exact.
            max_memory (int): Bytes of working memory of an exact search.

        Returns:
            TopK: (Q, min(k, N)) logits, best first, and indices into
            ``items``. An approximate search that finds fewer items fills up
            with score -inf and index -1.

        Raises:
            RetrievalError: The index is empty, or the queries or k are
                wrong.
        """
        if not len(self):
            raise RetrievalError(
                'the gallery index is empty: add items before searching it'
            )
        if not approximate:
            return self.similarity.search(
                queries, self.features, k, max_memory
            )
        if self._approximate is None:
            raise RetrievalError(
                'the gallery index has no approximate index: call '
                "build_approximate('ivf') first"
            )
        if k < 1:
            raise RetrievalError(f'k must be at least 1, got {k}')
        check_features(queries, len(self.similarity.weight), 'query')
        k = min(k, len(self))
        # more than k: faiss sorts by float32 products, which round
        candidates = self._approximate.search(
            queries, min(k + SPARE, len(self))
        )
        return self.similarity.rank(queries, self.features, candidates, k)

    def build_approximate(
        self, kind: IndexKind = 'ivf', **options: Any
    ) -> None:
        """Build an approximate index of the features (N, D); it is not saved.

        Items added later are added to it. Needs faiss.

        Args:
            kind (str): ``'ivf'`` or ``'hnsw'``.
            **options: ``cells``, ``links``, ``effort`` and ``seed`` of
                :class:`~.approximate_search.ApproximateSearch`.

        Raises:
            RetrievalError: The index is empty, or an option is wrong.
            ImportError: faiss is not installed; says how to install it.
        """
        if not len(self):
            raise RetrievalError(
                'the gallery index is empty: add items before building on it'
            )
        self._approximate = ApproximateSearch(
            self.similarity, self.features, kind, **options
        )

    def save(self, path: str | Path) -> None:
        """Write features (N, D) and items, whole or not at all.

        Args:
            path (str | Path): The file; its folder is made if missing.
        """
        content = GalleryContent(
            self.similarity,
            self.fingerprint,
            self.origin,
            self.items,
            self.features,
            self.images,
        )
        write_gallery_file(path, content)

    def check_model(self, fingerprint: str, path: str | Path) -> None:
        """Check that the features (N, D) are those of a model.

        Args:
            fingerprint (str): The model's fingerprint.
            path (str | Path): The file of this index, for the message.

        Raises:
            RetrievalError: The index was built with another checkpoint.
        """
        check_fingerprint(path, self.fingerprint, fingerprint)

    @classmethod
    def load(
        cls, path: str | Path, fingerprint: str | None = None
    ) -> 'GalleryIndex':
        """Read an index.

        Args:
            path (str | Path): A file that :meth:`save` wrote.
            fingerprint (str, optional): Fingerprint of the model whose
                features will be searched for or added.

        Returns:
            GalleryIndex: The index, features (N, D) on the CPU.

        Raises:
            FileNotFoundError: No such file.
            RetrievalError: The file is not a gallery index, is damaged, or
                was built with another checkpoint.
        """
        content = read_gallery_file(path, fingerprint)
        index = cls(content.similarity, content.fingerprint, content.origin)
        index.items, index.images = content.items, content.images
        index._blocks = [content.features]
        return index


def recall(found: TopK, exact: TopK) -> float:
    """Compute the fraction of the best items that were found.

    Args:
        found (TopK): (Q, k) of an approximate search.
        exact (TopK): (Q, k) of an exact search with the same queries.

    Returns:
        float: 0-1. Which of several equal items are found does not matter.
    """
    among_best = found.scores >= exact.scores[:, -1:]
    return float(among_best.double().mean())


def measure_recall(
    index: GalleryIndex,
    queries: Tensor,
    k: int = 20,
    max_memory: int = MAX_MEMORY,
) -> float:
    """Measure the recall of an approximate search.

    Args:
        index (GalleryIndex): With an approximate index.
        queries (Tensor): (Q, D), at least one; typical ones.
        k (int): How many items to find.
        max_memory (int): Bytes of working memory of the exact search.

    Returns:
        float: Fraction of the exact k best that the approximate search
        finds, 0-1.

    Raises:
        RetrievalError: No queries, or no approximate index.
    """
    if not len(queries):
        raise RetrievalError('recall needs at least one query')
    found = index.search(queries, k, approximate=True)
    return recall(found, index.search(queries, k, max_memory=max_memory))


def _check_item(row: int, item: dict) -> None:
    if not isinstance(item, dict):
        raise RetrievalError(
            f'item {row} must be a dict, got {type(item).__name__}'
        )
    try:
        json.dumps(item, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RetrievalError(
            f'item {row} cannot be saved as JSON ({error}); use plain '
            'numbers, strings and lists'
        ) from None
