# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Approximate search of a gallery with faiss: IVF or HNSW.

A pair similarity is an inner product of augmented vectors (see
:mod:`.pair_similarity`), which faiss can search. But faiss builds its
indexes on distances between *gallery items*, and the last entry of the
augmented vectors, a weighted square, dominates these distances. Two changes
keep the inner product and make the distances useful:

- features are multiplied by ``sqrt(|w|)`` on both sides and the weights
  become -1, 0 or 1, so that a feature counts in distances as much as in
  scores;
- the last entry is divided by a large number in the gallery and multiplied by
  it in the queries, so that it hardly counts in distances.

IVF: k-means makes the cells, and a search visits those with the largest inner
products with their centres, which are the mean scores of their items. HNSW:
one more entry in the gallery pads all vectors to the same length, so that the
nearest ones are those with the largest inner product (a query has 0 there).
"""

from types import ModuleType
from typing import Literal

import torch
from torch import Tensor

from .pair_similarity import PairSimilarity
from .scoring import RetrievalError, check_features

IndexKind = Literal['ivf', 'hnsw']

_BLOCK = 65536  # items embedded at a time
_PER_CELL = 64  # items k-means sees for each cell


class ApproximateSearch:
    """A faiss index of gallery features.

    Args:
        similarity (PairSimilarity): How pairs are scored.
        features (Tensor): (G, D), at least one.
        kind (str): ``'ivf'``, cells of which a search visits the best ones,
            or ``'hnsw'``, a graph: slower to build, fewer items visited.
        cells (int, optional): Cells of IVF; by default 4 sqrt(G), fewer if a
            cell would hold less than 39 items.
        links (int): Links per item in HNSW.
        effort (int, optional): Cells that a search visits (IVF), or
            candidates that it holds (HNSW); more is slower and finds more.
            Default 32 (IVF) or 64 (HNSW).
        seed (int): Seed of k-means.

    Raises:
        ImportError: faiss is not installed.
        RetrievalError: An unknown kind, a number out of range, or features
            of another shape.
    """

    def __init__(
        self,
        similarity: PairSimilarity,
        features: Tensor,
        kind: IndexKind,
        *,
        cells: int | None = None,
        links: int = 32,
        effort: int | None = None,
        seed: int = 0,
    ) -> None:
        if kind not in ('ivf', 'hnsw'):
            raise RetrievalError(f"kind must be 'ivf' or 'hnsw', got {kind!r}")
        self.kind = kind
        self._faiss = import_faiss()
        check_features(features, len(similarity.weight), 'gallery')
        weight = similarity.weight.cpu()
        self._scale = weight.abs().sqrt()
        self._signs = PairSimilarity(weight.sign(), 0.0)
        self._center = features.mean(0).cpu() * self._scale
        self._stretch = 1.0
        sample = _sample(features, 10000, seed)
        deviation = self._embed_gallery(sample)[:, -1].std(correction=0)
        self._stretch = max(10 * float(deviation), 1.0)
        if kind == 'ivf':
            self._build_cells(features, cells, seed)
        else:
            lengths = [
                float(self._embed_gallery(block).norm(dim=1).max())
                for block in features.split(_BLOCK)
            ]
            self._length = 1.1 * max(lengths)  # room for items added later
            width = len(weight) + 3
            self._index = self._faiss.IndexHNSWFlat(width, links)
        self.effort = (
            (32 if kind == 'ivf' else 64) if effort is None else effort
        )
        self.add(features)

    def __len__(self) -> int:
        return self._index.ntotal

    @property
    def effort(self) -> int:
        """Cells that a search visits (IVF) or candidates it holds (HNSW)."""
        if self.kind == 'ivf':
            return self._index.nprobe
        return self._index.hnsw.efSearch

    @effort.setter
    def effort(self, value: int) -> None:
        if value < 1:
            raise RetrievalError(f'effort must be at least 1, got {value}')
        if self.kind == 'ivf':
            self._index.nprobe = value
        else:
            self._index.hnsw.efSearch = value

    def add(self, features: Tensor) -> None:
        """Append items.

        Args:
            features (Tensor): (N, D) floating point, on any device.
        """
        self._use_threads()
        for start in range(0, len(features), _BLOCK):
            block = features[start : start + _BLOCK]
            vectors = self._embed_gallery(block)
            if self.kind == 'hnsw':
                squares = vectors.square().sum(1, keepdim=True)
                padding = (self._length**2 - squares).clamp(min=0).sqrt()
                self._index.add(torch.cat((vectors, padding), dim=1).numpy())
            else:
                from faiss.contrib.ivf_tools import add_preassigned

                vectors = vectors.numpy()
                cells = self._centers.search(vectors, 1)[1][:, 0].copy()
                add_preassigned(self._index, vectors, cells)

    def search(self, queries: Tensor, count: int) -> Tensor:
        """Find items that are likely among the best.

        Args:
            queries (Tensor): (Q, D) floating point.
            count (int): How many to find.

        Returns:
            Tensor: (Q, count) int64 indices into the gallery, on the queries'
            device, best first up to rounding; -1 where no more were found.
        """
        self._use_threads()
        vectors = self._embed_queries(queries)
        if self.kind == 'hnsw':
            vectors = torch.nn.functional.pad(vectors, (0, 1))
        indices = self._index.search(vectors.numpy(), count)[1]
        return torch.from_numpy(indices).to(queries.device)

    def _embed_gallery(self, features: Tensor) -> Tensor:
        features = features.detach().cpu().float() * self._scale
        vectors = self._signs.augment_gallery(features, self._center)
        vectors[:, -1] /= self._stretch
        return vectors

    def _embed_queries(self, queries: Tensor) -> Tensor:
        queries = queries.detach().cpu().float() * self._scale
        vectors = self._signs.augment_queries(queries, self._center)
        vectors[:, -2] = 0  # the same for all items
        vectors[:, -1] *= self._stretch
        return vectors

    def _build_cells(
        self, features: Tensor, cells: int | None, seed: int
    ) -> None:
        """Make the cells by distances; a search ranks them by products."""
        faiss, num = self._faiss, len(features)
        if cells is None:
            cells = max(min(int(4 * num**0.5), num // 39), 1)
        if not 1 <= cells <= num:
            raise RetrievalError(
                f'cells must be 1 to {num}, the number of items, got {cells}'
            )
        width = len(self._scale) + 2
        kmeans = faiss.Kmeans(
            width,
            cells,
            niter=10,
            seed=seed,
            min_points_per_centroid=1,
            max_points_per_centroid=_PER_CELL,
        )
        self._use_threads()
        sample = self._embed_gallery(
            _sample(features, _PER_CELL * cells, seed)
        )
        kmeans.train(sample.numpy())
        self._centers = kmeans.index
        quantizer = faiss.IndexFlatIP(width)
        quantizer.add(kmeans.centroids)
        self._index = faiss.IndexIVFFlat(
            quantizer, width, cells, faiss.METRIC_INNER_PRODUCT
        )

    def _use_threads(self) -> None:
        # faiss has an OpenMP library of its own; torch's setting is for both
        self._faiss.omp_set_num_threads(torch.get_num_threads())


def _sample(features: Tensor, count: int, seed: int) -> Tensor:
    if len(features) <= count:
        return features
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(features), generator=generator)[:count]
    return features[chosen]


def import_faiss() -> ModuleType:
    """Return faiss; an ImportError says how to install it."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            f'approximate search needs faiss ({error}): '
            "pip install 'mmfashion_ext[retrieval]'"
        ) from error
    return faiss
