# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Compare all tracklets of two lists block by block, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from ..evaluation.tracklets import aggregate_tracklets

#: Clips of a block, on either side: 16 MiB of distances.
BLOCK_CLIPS = 2048


Block = TypeVar('Block')


def split_tracklets(counts: Sequence[int], limit: int) -> Iterator[slice]:
    """Yield slices of as many tracklets as have ``limit`` clips, or of one.

    Args:
        counts (Sequence[int]): (Q,) number of clips of each tracklet.
        limit (int): Most clips of a slice.
    """
    start = total = 0
    for number, count in enumerate(counts):
        if number > start and total + count > limit:
            yield slice(start, number)
            start, total = number, 0
        total += count
    if start < len(counts):
        yield slice(start, len(counts))


class JoinedBlocks(Generic[Block]):
    """Blocks of clips (m, T, D) that are joined each time they are used.

    Args:
        join (callable): Returns the clips of a slice of tracklets.
        slices (Iterable[slice]): Of all tracklets.
    """

    def __init__(
        self, join: Callable[[slice], Block], slices: Iterable[slice]
    ) -> None:
        self.join, self.slices = join, [*slices]

    def __iter__(self) -> Iterator[Block]:
        return map(self.join, self.slices)


def compare_blocks(
    query: Sequence[int],
    gallery: Sequence[int],
    distances: Callable[[slice, slice], np.ndarray],
    *,
    percentile: float,
    limit: int = BLOCK_CLIPS,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Compute the similarity of all tracklets.

    Args:
        query (Sequence[int]): (Q,) number of clips of each query.
        gallery (Sequence[int]): (G,) number of clips of each tracklet.
        distances (callable): Returns the distances (m, n), 0-1, of the clips
            of some queries and some tracklets of the gallery.
        percentile (float): See :func:`aggregate_tracklets`.
        limit (int): Clips of a block, on either side.
        out (np.ndarray, optional): (Q, G) float64 for the result, such as a
            memory-mapped file. Defaults to None: a new array.

    Returns:
        np.ndarray: (Q, G) float64 probability of the same person, 0-1; each
        is that of a comparison of all at once.
    """
    if out is None:
        out = np.empty((len(query), len(gallery)))
    columns = [*split_tracklets(gallery, limit)]
    for rows in split_tracklets(query, limit):
        for cols in columns:
            out[rows, cols] = 1 - aggregate_tracklets(
                distances(rows, cols), query[rows], gallery[cols], percentile
            )
    return out
