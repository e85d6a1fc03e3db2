# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A gallery of clothes that can be extended, saved and searched.

The file is one safetensors file, which is data only: reading it runs no code.
Its tensors are ``features`` (N, D) float32, ``weight`` (D,) float32 and
``items``, the UTF-8 bytes of a JSON list (safetensors' own metadata is too
small for a million items). The metadata holds the format, the bias, the
model's fingerprint and a checksum.
"""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..utils.files import atomic_write
from .approximate_search import ApproximateSearch, Kind
from .exact_topk import MAX_MEMORY, SPARE, RetrievalError, TopK, check_features
from .pair_similarity import PairSimilarity

_FORMAT = 'mmfashion_ext.gallery_index/1'
_TENSORS = ('features', 'weight', 'items')


class GalleryIndex:
    """Features of gallery items, and what is known of each item.

    Args:
        similarity (PairSimilarity): How pairs are scored.
        fingerprint (str): Tells the model that made the features, for
            instance its config's name and a hash of the checkpoint.
        origin (dict[str, str], optional): Where that model is to be found,
            for instance ``config`` and ``checkpoint``; kept as a hint only.

    Attributes:
        items (list[dict]): N dicts of plain values (what JSON can hold), for
            instance an image's path, the box (xyxy, px), category and score.
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
        self._blocks = [torch.empty(0, len(similarity.weight))]
        self._approximate: ApproximateSearch | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def features(self) -> Tensor:
        """(N, D) float32 on the CPU, in the order of ``items``."""
        if len(self._blocks) > 1:  # joined once, not at every addition
            self._blocks = [torch.cat(self._blocks)]
        return self._blocks[0]

    @property
    def approximate(self) -> ApproximateSearch | None:
        """What :meth:`build_approximate` built."""
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
            approximate (bool): Look at a part of the gallery only, see
                :meth:`build_approximate`. The scores of what is found, and
                its order, are still exact.
            max_memory (int): Bytes of working memory of an exact search.

        Returns:
            TopK: (Q, min(k, N)) logits, best first, and positions in
            ``items``. An approximate search that finds less fills up with
            score -inf and index -1.

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
                "nothing approximate was built: call build_approximate('ivf')"
                ' first'
            )
        if k < 1:
            raise RetrievalError(f'k must be at least 1, got {k}')
        check_features(queries, len(self.similarity.weight), 'query')
        k = min(k, len(self))
        # some more than wanted: faiss orders by float32 products
        candidates = self._approximate.search(
            queries, min(k + SPARE, len(self))
        )
        return self.similarity.rank(queries, self.features, candidates, k)

    def build_approximate(self, kind: Kind = 'ivf', **options: Any) -> None:
        """Build what an approximate search needs; it is not saved.

        Items added later are added to it. Needs faiss.

        Args:
            kind (str): ``'ivf'`` or ``'hnsw'``.
            **options: Of :class:`ApproximateSearch`: ``cells``, ``links``,
                ``effort``, ``seed``.

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
        """Write the index, whole or not at all.

        Args:
            path (str | Path): The file; its folder is made if missing.
        """
        text = json.dumps(self.items, allow_nan=False, separators=(',', ':'))
        tensors = {
            'features': self.features,
            'weight': self.similarity.weight.contiguous(),
            'items': torch.frombuffer(
                bytearray(text.encode()), dtype=torch.uint8
            ),
        }
        metadata = {
            'format': _FORMAT,
            'fingerprint': self.fingerprint,
            'origin': json.dumps(self.origin),
            'bias': repr(self.similarity.bias),
        }
        metadata['crc32'] = _checksum(tensors, metadata)
        with atomic_write(path) as temporary:
            save_file(tensors, temporary, metadata)

    def check_model(self, fingerprint: str, path: str | Path) -> None:
        """Refuse the features of another model.

        Args:
            fingerprint (str): The model's.
            path (str | Path): The file of this index, for the message.

        Raises:
            RetrievalError: The index was built with another checkpoint.
        """
        _check_model(path, self.fingerprint, fingerprint)

    @classmethod
    def load(
        cls, path: str | Path, fingerprint: str | None = None
    ) -> 'GalleryIndex':
        """Read an index.

        Args:
            path (str | Path): A file that :meth:`save` wrote.
            fingerprint (str, optional): That of the model whose features are
                to be searched for or added.

        Returns:
            GalleryIndex: The index.

        Raises:
            FileNotFoundError: No such file.
            RetrievalError: The file is no index, is damaged, or was built
                with another checkpoint.
        """
        if not Path(path).exists():
            raise FileNotFoundError(f'gallery index not found: {path}')
        try:
            with safe_open(str(path), framework='pt') as file:
                metadata = file.metadata() or {}
                if metadata.get('format') != _FORMAT:
                    found = metadata.get('format', 'none')
                    raise RetrievalError(
                        f'{path}: is no gallery index: its format is {found}, '
                        f'expected {_FORMAT}; build the index again'
                    )
                if fingerprint is not None:  # before many features are read
                    _check_model(path, metadata['fingerprint'], fingerprint)
                tensors = {name: file.get_tensor(name) for name in _TENSORS}
            if metadata.pop('crc32') != _checksum(tensors, metadata):
                raise ValueError('its checksum is wrong')
            similarity = PairSimilarity(
                tensors['weight'].clone(), float(metadata['bias'])
            )
            index = cls(
                similarity,
                metadata['fingerprint'],
                json.loads(metadata['origin']),
            )
            index.items = json.loads(tensors['items'].numpy().tobytes())
            # copied: safetensors maps the file, which others may overwrite
            index._blocks = [tensors['features'].clone()]
        except RetrievalError:
            raise
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            reason = (str(error).splitlines() or [repr(error)])[0]
            raise RetrievalError(
                f'{path}: cannot be read as a gallery index ({reason}); copy '
                'it again, or build the index again'
            ) from error
        return index


def recall(found: TopK, exact: TopK) -> float:
    """The share of the best items that were found.

    Args:
        found (TopK): (Q, k) of an approximate search.
        exact (TopK): (Q, k) of an exact search with the same queries.

    Returns:
        float: 0-1. Which of several equal items are found does not matter.
    """
    good = found.scores >= exact.scores[:, -1:]
    return float(good.double().mean())


def measure_recall(
    index: GalleryIndex,
    queries: Tensor,
    k: int = 20,
    max_memory: int = MAX_MEMORY,
) -> float:
    """Measure what an approximate search misses.

    Args:
        index (GalleryIndex): With something approximate built.
        queries (Tensor): (Q, D), at least one; typical ones.
        k (int): How many items to find.
        max_memory (int): Bytes of working memory of the exact search.

    Returns:
        float: Share of the exact k best that the approximate search finds,
        0-1.
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


def _check_model(path: str | Path, found: str, expected: str) -> None:
    if found != expected:
        raise RetrievalError(
            f'{path}: was built with another checkpoint: its features are of '
            f'{found}, the model is {expected}; use that model, or build the '
            'index again with this one'
        )


def _checksum(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    value = zlib.crc32(json.dumps(metadata, sort_keys=True).encode())
    for name in _TENSORS:
        value = zlib.crc32(tensors[name].numpy(), value)
    return f'{value:08x}'
