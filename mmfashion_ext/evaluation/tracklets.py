# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Aggregation of clip distances to distances of tracklets."""

from collections.abc import Iterator, Sequence

import numpy as np

from .reid import ReIDError

_BLOCK = 2**22  # numbers of an intermediate array


def aggregate_tracklets(
    distances: np.ndarray,
    query_clips: Sequence[int] | np.ndarray,
    gallery_clips: Sequence[int] | np.ndarray,
    percentile: float = 10,
) -> np.ndarray:
    """Compute distances of tracklets from those of their clips.

    A pair of tracklets has one distance per pair of clips. The tracklets'
    distance is the mean of those that do not exceed their percentile (found
    by linear interpolation), ties included: of n different ones, for the
    tenth percentile, the ceil(n / 10) smallest.

    Args:
        distances (np.ndarray): (M, N) distances of clips, tracklet after
            tracklet.
        query_clips (Sequence[int] | np.ndarray): (Q,) number of clips of each
            query tracklet, 1 or more; they sum to M.
        gallery_clips (Sequence[int] | np.ndarray): (G,) number of clips of
            each gallery tracklet, 1 or more; they sum to N.
        percentile (float): 0-100; SCAN uses 10.

    Returns:
        np.ndarray: (Q, G) float64; means in the type of ``distances``.

    Raises:
        ReIDError: The counts do not fit, or a distance is not a number.
    """
    distances = np.asarray(distances)
    if np.isnan(distances).any():
        raise ReIDError(
            f'{np.isnan(distances).sum()} of {distances.size} distances of '
            'clips are not a number: the model diverged, or a clip is '
            'damaged; use another checkpoint, or check the clips'
        )
    counts = [np.asarray(c, int) for c in (query_clips, gallery_clips)]
    for axis, (side, number) in enumerate(
        zip(('query', 'gallery'), counts, strict=True)
    ):
        if number.sum() != distances.shape[axis] or (number < 1).any():
            raise ReIDError(
                f'{side} tracklets must have 1 clip or more and '
                f'{distances.shape[axis]} together, got {number.sum()}, the '
                f'shortest {number.min(initial=0)}'
            )
    result = np.empty([len(number) for number in counts])
    for rows, row_clips in _equally_long(counts[0]):
        for cols, col_clips in _equally_long(counts[1]):
            size = row_clips.shape[1] * col_clips.shape[1]
            step = max(_BLOCK // (size * len(cols)), 1)
            for start in range(0, len(rows), step):
                part = slice(start, start + step)
                blocks = distances[
                    row_clips[part, None, :, None], col_clips[None, :, None]
                ].reshape(-1, size)
                result[np.ix_(rows[part], cols)] = _mean_of_lowest(
                    blocks, percentile
                ).reshape(-1, len(cols))
    return result


def _equally_long(
    counts: np.ndarray,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield tracklets (n,) of one length, and (n, q) indices of clips."""
    starts = counts.cumsum() - counts
    for count in np.unique(counts):
        tracklets = np.flatnonzero(counts == count)
        yield tracklets, starts[tracklets, None] + np.arange(count)


def _mean_of_lowest(blocks: np.ndarray, percentile: float) -> np.ndarray:
    """Compute (n,) means of rows (n, size) up to their percentile."""
    limit = np.percentile(blocks, percentile, axis=1, keepdims=True)
    lowest = blocks <= limit
    counts = lowest.sum(axis=1)
    means = np.empty(len(blocks), blocks.dtype)
    # one rectangle per number of entries: NumPy then adds in the order in
    # which it adds a single row, and the means are the same to the last bit
    for count in np.unique(counts):
        rows = counts == count
        values = blocks[rows][lowest[rows]]
        means[rows] = values.reshape(-1, count).mean(axis=1)
    return means
