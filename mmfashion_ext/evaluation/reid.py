# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Metrics of person re-identification: CMC and mean average precision.

A query is compared with every gallery item. Items of the query's person from
the query's camera are excluded; the other items of that person are its
*matches*, all items of other people are *wrong*. A query without a match is
skipped. No metric needs a ranking of the whole gallery: each match has a
*position*, the number of wrong items ranked before it, and one sort of the
wrong distances gives all positions.

- ``allshots``: each of a query's k matches counts 1/k, at its position.
- ``market1501``: only the first match counts, at its position.
- ``cuhk03``: all items of the query's camera are excluded, then one item of
  each person is drawn; the query counts at the position of its match. Mean of
  several draws.
- ``mAP``: mean over the queries of scikit-learn's (>= 0.19)
  ``average_precision_score`` with minus the distance as score.

Items of equal distance rank in the order of the gallery for the CMC, so that
a number never depends on the sorting algorithm; average precision counts them
as one step, as scikit-learn does.

Symbols: Q queries, G gallery items. All metrics are in 0-1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import UserError

#: Ranks of the CMC that are reported.
TOPK = (1, 5, 10, 20)
#: Length of a CMC curve.
DEPTH = 100
#: Number of galleries drawn for ``cuhk03``.
DRAWS = 10

Variant = Literal['allshots', 'cuhk03', 'market1501']
VARIANTS: tuple[Variant, ...] = ('allshots', 'cuhk03', 'market1501')

_BLOCK = 2**22  # numbers of an intermediate array


class ReIDError(UserError, ValueError):
    """A distance matrix that cannot be evaluated."""


@dataclass(frozen=True, eq=False)
class ReIDDistances:
    """Distances of queries and gallery items, with persons and cameras.

    Attributes:
        distmat (np.ndarray): (Q, G) float32 or float64; smaller means more
            alike. Integers are converted.
        q_pids (np.ndarray): (Q,) int64, person of each query.
        g_pids (np.ndarray): (G,) int64, person of each gallery item.
        q_camids (np.ndarray): (Q,) int64, camera of each query.
        g_camids (np.ndarray): (G,) int64, camera of each gallery item.

    Raises:
        ReIDError: Shapes do not fit, a value is not finite, or an id is not
            an integer.
    """

    distmat: np.ndarray
    q_pids: np.ndarray
    g_pids: np.ndarray
    q_camids: np.ndarray
    g_camids: np.ndarray

    def __post_init__(self) -> None:
        distmat = np.asarray(self.distmat)
        if distmat.ndim != 2 or distmat.dtype.kind not in 'fiu':
            raise ReIDError(
                'distmat must be a matrix of numbers, (queries, gallery), '
                f'got {distmat.dtype} of shape {distmat.shape}'
            )
        if distmat.dtype not in (np.float32, np.float64):
            distmat = distmat.astype(np.float64)
        if not (finite := np.isfinite(distmat)).all():
            q, g = np.argwhere(~finite)[0]
            raise ReIDError(
                f'distmat has {(~finite).sum()} values that are not finite, '
                f'the first at query {q}, gallery item {g}: {distmat[q, g]}. '
                'Look for a damaged item or a model that diverged'
            )
        object.__setattr__(self, 'distmat', distmat)
        for axis, side in enumerate('qg'):
            for name in (f'{side}_pids', f'{side}_camids'):
                ids = np.asarray(getattr(self, name))
                if ids.shape != (distmat.shape[axis],):
                    raise ReIDError(
                        f'{name} must have one entry for each '
                        f'{("row", "column")[axis]} of distmat '
                        f'{distmat.shape}, got shape {ids.shape}'
                    )
                if len(ids) and ids.dtype.kind not in 'iu':
                    raise ReIDError(
                        f'{name} must be integers, got {ids.dtype}'
                    )
                object.__setattr__(self, name, ids.astype(np.int64))


@dataclass(frozen=True, eq=False)
class Matches:
    """All n matches in (Q, G) distances, by query and gallery index.

    Attributes:
        query (np.ndarray): (n,) int, index of the query, ascending.
        item (np.ndarray): (n,) int, index of the gallery item.
        position (np.ndarray): (n,) int, number of wrong items ranked before
            the match.
        precision (np.ndarray): (n,) float64, fraction of matches among the
            items that are not farther than the match, 0-1.
    """

    query: np.ndarray
    item: np.ndarray
    position: np.ndarray
    precision: np.ndarray


def evaluate_reid(
    distances: ReIDDistances,
    *,
    variants: Sequence[Variant] = VARIANTS,
    topk: Sequence[int] = TOPK,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """Compute CMC and mAP under their public names.

    Args:
        distances (ReIDDistances): (Q, G) distances.
        variants (Sequence[str]): Variants of the CMC.
        topk (Sequence[int]): Ranks, from 1.
        draws (int): Galleries drawn for ``cuhk03``.
        seed (int): Seed of these draws.

    Returns:
        dict[str, float]: ``{variant}/CMC-{k}`` and ``mAP``, 0-1, means over
        the ``query_num`` queries that have a match; ``miss_num`` queries have
        none and are skipped.

    Raises:
        ReIDError: No query has a match.
    """
    matches = find_matches(distances)
    metrics: dict[str, float] = {}
    for variant in variants:
        if variant == 'cuhk03':
            curve = single_shot_cmc(
                distances, matches, max(topk), draws=draws, seed=seed
            )
        else:
            curve = cmc(matches, variant, max(topk))
        metrics |= {f'{variant}/CMC-{k}': float(curve[k - 1]) for k in topk}
    metrics['mAP'] = mean_average_precision(matches)
    metrics['query_num'] = len(np.unique(matches.query))
    metrics['miss_num'] = len(distances.q_pids) - metrics['query_num']
    return metrics


def find_matches(distances: ReIDDistances) -> Matches:
    """Find every match and its position.

    Args:
        distances (ReIDDistances): (Q, G) distances.

    Returns:
        Matches: At least one match.

    Raises:
        ReIDError: No query has a match.
    """
    by_person = np.argsort(distances.g_pids, kind='stable')
    ordered = distances.g_pids[by_person]
    starts = np.searchsorted(ordered, distances.q_pids, 'left')
    stops = np.searchsorted(ordered, distances.q_pids, 'right')
    parts = []
    for q, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        same = by_person[start:stop]
        items = same[distances.g_camids[same] != distances.q_camids[q]]
        if len(items):
            row = distances.distmat[q]
            parts.append(
                (np.full(len(items), q), items, *_rank(row, same, items))
            )
    if not parts:
        raise ReIDError(
            f'none of the {len(distances.q_pids)} queries has a match: a '
            'gallery item of the same person from another camera. Check '
            'q_pids, g_pids, q_camids and g_camids'
        )
    return Matches(
        *(np.concatenate(part) for part in zip(*parts, strict=True))
    )


def _rank(
    row: np.ndarray, same: np.ndarray, items: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute position and precision (k,) of the matches of one query.

    Args:
        row (np.ndarray): (G,) distances of the query.
        same (np.ndarray): (m,) gallery items of the query's person.
        items (np.ndarray): (k,) those of them that are matches.
    """
    distance = row[items]
    wrong = row.copy()
    wrong[same] = np.inf
    ranked = np.sort(wrong)
    position = np.searchsorted(ranked, distance, 'left')
    wrong_up_to = np.searchsorted(ranked, distance, 'right')
    for i in np.flatnonzero(wrong_up_to > position):  # ties
        position[i] += np.count_nonzero(wrong[: items[i]] == distance[i])
    right_up_to = np.searchsorted(np.sort(distance), distance, 'right')
    return position, right_up_to / (right_up_to + wrong_up_to)


def cmc(
    matches: Matches,
    variant: Literal['allshots', 'market1501'] = 'allshots',
    depth: int = DEPTH,
) -> np.ndarray:
    """Compute the cumulative matching characteristic.

    Args:
        matches (Matches): Matches of all queries, of (Q, G) distances.
        variant (str): See the module.
        depth (int): Length of the curve; may exceed the gallery.

    Returns:
        np.ndarray: (depth,) float64; entry k - 1 is the fraction of queries
        with a match within the first k items, 0-1.
    """
    _, starts, counts = np.unique(
        matches.query, return_index=True, return_counts=True
    )
    if variant == 'market1501':
        position = np.minimum.reduceat(matches.position, starts)
        return _curve(position, np.ones(len(starts)), len(starts), depth)
    weights = np.repeat(1 / counts, counts)
    return _curve(matches.position, weights, len(starts), depth)


def mean_average_precision(matches: Matches) -> float:
    """Compute mAP: mean over queries of their matches' mean precision, 0-1.

    Args:
        matches (Matches): Matches of all queries, of (Q, G) distances.
    """
    _, starts, counts = np.unique(
        matches.query, return_index=True, return_counts=True
    )
    return float(np.mean(np.add.reduceat(matches.precision, starts) / counts))


def single_shot_cmc(
    distances: ReIDDistances,
    matches: Matches,
    depth: int = DEPTH,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> np.ndarray:
    """Compute the CMC of ``cuhk03``: galleries of one drawn item per person.

    The numbers drawn, uniform in 0-1, are used camera by camera in ascending
    order of the query's camera, and there by query, draw and person
    (ascending); the item is the ``floor(number * items)``-th of the person's
    items from other cameras. If every person has one item, none is drawn.

    Args:
        distances (ReIDDistances): (Q, G) distances.
        matches (Matches): Matches of all queries.
        depth (int): Length of the curve.
        draws (int): Galleries drawn for each query.
        seed (int): Seed of ``numpy.random.default_rng``.

    Returns:
        np.ndarray: (depth,) float64, 0-1.
    """
    rng = np.random.default_rng(seed)
    queries = np.unique(matches.query)
    positions = [
        _single_shot_positions(
            distances, queries[cameras == camera], draws, rng
        )
        for cameras in [distances.q_camids[queries]]
        for camera in np.unique(cameras)
    ]
    weights = [np.full(p.size, 1 / p.shape[1]) for p in positions]
    position = np.concatenate([p.ravel() for p in positions])
    return _curve(position, np.concatenate(weights), len(queries), depth)


def _single_shot_positions(
    distances: ReIDDistances,
    queries: np.ndarray,
    draws: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Positions (queries of one camera, draws) of the match."""
    others = distances.g_camids != distances.q_camids[queries[0]]
    items = np.argsort(distances.g_pids, kind='stable')
    items = items[others[items]]
    people, starts, counts = np.unique(
        distances.g_pids[items], return_index=True, return_counts=True
    )
    query_people = np.searchsorted(people, distances.q_pids[queries])
    if counts.max() == 1:
        draws = 1
    step = max(_BLOCK // (draws * len(people)), 1)
    positions = np.empty((len(queries), draws), int)
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        shape = len(queries[part]), draws, len(people)
        if counts.max() == 1:
            drawn = np.broadcast_to(items, shape)
        else:
            drawn = items[starts + (rng.random(shape) * counts).astype(int)]
        distance = distances.distmat[queries[part, None, None], drawn]
        match = query_people[part, None, None]
        match_distance = np.take_along_axis(distance, match, 2)
        earlier = drawn < np.take_along_axis(drawn, match, 2)
        nearer = distance < match_distance
        tied = distance == match_distance
        positions[part] = (nearer | (tied & earlier)).sum(axis=2)
    return positions


def _curve(
    position: np.ndarray, weights: np.ndarray, queries: int, depth: int
) -> np.ndarray:
    """Curve (depth,) of matches at positions (n,) with weights (n,)."""
    inside = position < depth
    hits = np.bincount(position[inside], weights[inside], minlength=depth)
    return hits.cumsum() / queries
