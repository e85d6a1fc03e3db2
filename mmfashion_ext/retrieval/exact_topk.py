# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Exact top-k search: the k best gallery items of each query, block by block.

Scores are written as a matrix product of *factors*, which is fast but rounds
to float32 in an order that depends on the shapes of the blocks. So the
product only selects. With ``e`` a proven bound on its rounding error, no item
whose product is more than ``2 e`` below the k-th best product can be among
the k best. The few that remain are scored again in float64 by the plain
formula, rounded to float32, and sorted by score, equal scores by index. The
result is that of sorting all pairs: it depends neither on the size of the
blocks nor on the device, and a gallery in parts gives the same. Working
memory is bounded.

Gallery blocks are the outer loop, so that a gallery in main memory travels
to the queries' device once. Within a block the best items are found in two
steps: the best chunks of 64 columns by their maxima, then the best items of
these chunks. The k best items lie in the k best chunks, so this is exact too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from .scoring import RetrievalError, Space, TopK, sort_topk

#: Bytes of working memory of a search unless told otherwise.
MAX_MEMORY = 256 * 2**20

CHUNK = 64  # columns whose maximum is kept
SPARE = 8  # candidates beyond k, for near-ties around rank k
# More rows gain nothing, and the scores of a step should stay in the cache.
_ROWS, _STEP, _CACHE = 512, 1024, 4 * 2**20
# Squared lengths beyond this may overflow float32 in the product.
_LARGEST = 1e37


def exact_scores(
    space: Space,
    queries: Tensor,
    gallery: Tensor,
    indices: Tensor,
    max_memory: int = _CACHE,
) -> Tensor:
    """Compute the scores of chosen pairs by the plain formula in float64.

    Args:
        space (Space): How to score.
        queries (Tensor): (Q, D).
        gallery (Tensor): (G, D), on any device.
        indices (Tensor): (Q, c) int64 indices into the gallery.
        max_memory (int): Bytes of working memory.

    Returns:
        Tensor: (Q, c) float32, on the queries' device.
    """
    num, width = indices.shape
    scores = torch.empty(num, width, device=queries.device)
    # of each pair: the item, the difference and its square in float64
    pairs = max(max_memory // (24 * queries.shape[1]), 1)
    cols = max(min(width, pairs), 1)
    rows = max(pairs // cols, 1)
    for i in range(0, num, rows):
        for j in range(0, width, cols):
            chosen = indices[i : i + rows, j : j + cols].to(gallery.device)
            items = gallery[chosen].to(queries.device)
            scores[i : i + rows, j : j + cols] = space.exact(
                queries[i : i + rows], items
            )
    return scores


def exact_topk(
    space: Space, queries: Tensor, gallery: Tensor, k: int, max_memory: int
) -> TopK:
    """Find the k best gallery items of each query.

    Args:
        space (Space): How to score.
        queries (Tensor): (Q, D) floating point; Q may be 0.
        gallery (Tensor): (G, D) floating point, on any device; G may be 0,
            which gives k = 0 columns.
        k (int): How many items to find, at least 1.
        max_memory (int): Bytes of working memory, without the arguments, the
            result and k + 8 candidates per query. Blocks are at least 1
            query by 64 items.

    Returns:
        TopK: On the queries' device.

    Raises:
        RetrievalError: Wrong shapes, NaN, infinite or huge features, k < 1.
    """
    if k < 1:
        raise RetrievalError(f'k must be at least 1, got {k}')
    k = min(k, len(gallery))
    if not (len(queries) and k):
        scores = torch.empty(len(queries), k, device=queries.device)
        return TopK(scores, torch.empty_like(scores, dtype=torch.long))
    with torch.no_grad(), _full_precision():
        return _Search(space, queries, gallery, k, max_memory).run()


def block_sizes(
    max_memory: int, num_queries: int, num_items: int, width: int, pool: int
) -> tuple[int, int]:
    """Compute the size of a block of scores (Q, G) that fits the memory.

    Args:
        max_memory (int): Bytes.
        num_queries (int): Q.
        num_items (int): G.
        width (int): Columns of the factors.
        pool (int): Candidates per query.

    Returns:
        tuple[int, int]: Queries, at least 1, and items, a multiple of
        ``CHUNK``.
    """
    # A quarter for the factors of the items; where these are short, fewer
    # items leave room for enough rows to make products efficient.
    cols = max_memory // (16 * max(width, 128))
    cols = min(cols, num_items + CHUNK - 1) // CHUNK * CHUNK
    cols = max(cols, CHUNK)
    candidates = min(CHUNK * pool, cols)
    # scores and maxima; candidates copied and sorted; merging; factors
    per_row = 4 * cols + cols // 16 + 24 * candidates + 64 * pool + 24 * width
    rows = (max_memory * 3 // 4 - 4 * width * cols) // per_row
    return max(min(rows, _ROWS, num_queries), 1), cols


class _Search:
    """One search, with its buffers; the module's docstring tells how.

    Args:
        space (Space): How to score.
        queries (Tensor): (Q, D).
        gallery (Tensor): (G, D).
        k (int): How many items to find, 1 to G.
        max_memory (int): Bytes of working memory.
    """

    def __init__(
        self,
        space: Space,
        queries: Tensor,
        gallery: Tensor,
        k: int,
        max_memory: int,
    ) -> None:
        self.space, self.queries, self.gallery = space, queries, gallery
        self.k, self.pool = k, min(k + SPARE, len(gallery))
        self.rows, cols = block_sizes(
            max_memory, len(queries), len(gallery), space.width, self.pool
        )
        device = queries.device
        self.step, self.limit = cols, max_memory // 4
        if device.type == 'cpu':
            self.step, self.limit = min(_STEP, cols), min(self.limit, _CACHE)
        self.factors = torch.empty(cols, space.width, device=device)
        self.scores = torch.empty(self.rows, cols, device=device)

    def run(self) -> TopK:
        scores, indices, errors = self._scan()
        # Rounded down: no item that may reach rank k is below the floor.
        floors = (scores[:, self.k - 1].double() - 2 * errors).float()
        floors = torch.nextafter(floors, torch.full_like(floors, -torch.inf))
        inside = scores >= floors[:, None]
        best = TopK(scores[:, : self.k], indices[:, : self.k])
        for row in range(0, len(scores), self.rows):
            rows = slice(row, row + self.rows)
            width = max(int(inside[rows].sum(1).max()), self.k)
            self._write(best, rows, self._rank(rows, indices[rows, :width]))
        crowded = inside[:, -1].nonzero()[:, 0]
        if self.pool < len(self.gallery) and len(crowded):
            for rows in crowded.split(self.rows):
                self._write(best, rows, self._rescan(rows, floors[rows]))
        return TopK(*(part.contiguous() for part in best))

    @staticmethod
    def _write(best: TopK, rows: slice | Tensor, found: TopK) -> None:
        best.scores[rows], best.indices[rows] = found

    def _rank(self, rows: slice | Tensor, candidates: Tensor) -> TopK:
        scores = exact_scores(
            self.space,
            self.queries[rows],
            self.gallery,
            candidates,
            self.limit,
        )
        return sort_topk(scores, candidates, self.k)

    def _scan(self) -> tuple[Tensor, Tensor, Tensor]:
        """Best products (Q, pool), their indices, bounds (Q,) on errors."""
        num, device = len(self.queries), self.queries.device
        scores = torch.full((num, self.pool), -torch.inf, device=device)
        indices = torch.zeros(num, self.pool, dtype=torch.long, device=device)
        query_sizes = torch.empty(num, dtype=torch.float64, device=device)
        gallery_size = torch.zeros((), dtype=torch.float64, device=device)
        for start, factors, largest in self._gallery_blocks():
            gallery_size = torch.maximum(gallery_size, largest)
            for row in range(0, num, self.rows):
                rows = slice(row, row + self.rows)
                left, sizes = self.space.query_factors(self.queries[rows])
                _check_finite(sizes, 'query', row)
                query_sizes[rows] = sizes
                block = self._best_products(left, factors)
                merged = torch.cat((scores[rows], block.scores), dim=1)
                merged_indices = torch.cat(
                    (indices[rows], block.indices + start), dim=1
                )
                scores[rows], columns = merged.topk(self.pool)
                indices[rows] = merged_indices.gather(1, columns)
        return scores, indices, self.space.error(query_sizes, gallery_size)

    def _gallery_blocks(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Start, factors (n, width) and largest size of each block."""
        for start in range(0, len(self.gallery), len(self.factors)):
            block = self.gallery[start : start + len(self.factors)]
            largest = []
            # in steps, since making factors takes several times their memory
            for i in range(0, len(block), self.step):
                part = block[i : i + self.step].to(self.factors.device)
                factors, sizes = self.space.gallery_factors(part)
                _check_finite(sizes, 'gallery', start + i)
                self.factors[i : i + len(part)] = factors
                largest.append(sizes.max())
            yield start, self.factors[: len(block)], torch.stack(largest).max()

    def _products(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (m, n) and maxima over chunks, padded to whole chunks."""
        num, end = len(left), len(right)
        padded = -(-end // CHUNK) * CHUNK
        scores = self.scores[:num, :padded]
        scores[:, end:] = -torch.inf
        maxima = scores.new_empty(num, padded // CHUNK)
        for i in range(0, end, self.step):
            j = min(i + self.step, padded)
            torch.mm(left, right[i:j].T, out=scores[:, i : min(j, end)])
            # at once, while the scores are in the cache
            torch.amax(
                scores[:, i:j].unflatten(1, (-1, CHUNK)),
                dim=2,
                out=maxima[:, i // CHUNK : j // CHUNK],
            )
        return scores, maxima

    def _best_products(self, left: Tensor, right: Tensor) -> TopK:
        """The ``pool`` best of a block (fewer if it is smaller), unordered."""
        scores, maxima = self._products(left, right)
        count = min(self.pool, len(right))
        if maxima.shape[1] <= count:
            return TopK(*scores.topk(count, sorted=False))
        chunks = maxima.topk(count, sorted=False).indices
        per_row = self.scores.shape[1] // CHUNK
        rows = torch.arange(len(left), device=left.device)[:, None] * per_row
        candidates = self.scores.view(-1, CHUNK)[(rows + chunks).flatten()]
        values, offsets = candidates.view(len(left), -1).topk(
            count, sorted=False
        )
        columns = chunks.gather(1, offsets // CHUNK) * CHUNK + offsets % CHUNK
        return TopK(values, columns)

    def _rescan(self, rows: Tensor, floors: Tensor) -> TopK:
        """Score every item exactly that may be among the k best.

        For queries with more such items than the pool holds: many equal or
        nearly equal scores around rank k.
        """
        left, _ = self.space.query_factors(self.queries[rows])
        empty = TopK(floors.new_empty(1, 0), rows.new_empty(1, 0))
        best = [empty] * len(rows)
        for start, factors, _ in self._gallery_blocks():
            scores, _ = self._products(left, factors)
            for i in range(len(rows)):
                candidates = (scores[i] >= floors[i]).nonzero().T + start
                exact = exact_scores(
                    self.space,
                    self.queries[rows[i : i + 1]],
                    self.gallery,
                    candidates,
                    self.limit,
                )
                best[i] = sort_topk(
                    torch.cat((best[i].scores, exact), dim=1),
                    torch.cat((best[i].indices, candidates), dim=1),
                    self.k,
                )
        return TopK(*(torch.cat(parts) for parts in zip(*best, strict=True)))


def _check_finite(sizes: Tensor, name: str, start: int) -> None:
    wrong = ~(sizes < _LARGEST)  # NaN compares as false
    if wrong.any():
        row = start + int(wrong.nonzero()[0])
        raise RetrievalError(
            f'{name} features of row {row} are NaN, infinite or too large '
            'for float32; the model diverged or was fed broken images'
        )


@contextmanager
def _full_precision() -> Iterator[None]:
    """Compute products in real float32, as the bound on errors requires.

    Users switch TF32 or bfloat16 on for training.
    """
    cuda = torch.backends.cuda.matmul
    if hasattr(cuda, 'fp32_precision'):  # torch >= 2.9
        backends = (cuda, torch.backends.mkldnn.matmul)
        previous = [backend.fp32_precision for backend in backends]
        for backend in backends:
            backend.fp32_precision = 'ieee'
        try:
            yield
        finally:
            for backend, precision in zip(backends, previous, strict=True):
                backend.fp32_precision = precision
    else:
        previous = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision('highest')
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(previous)
