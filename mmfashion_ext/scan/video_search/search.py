# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Search an index of persons: rank its tracklets, draw them with times."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...utils.images import write_image
from ..ranking_sheet import draw_ranking
from .build import check_model
from .index_file import PersonIndex
from .model import Model
from .query import Query


def search_persons(
    queries: Sequence[Query],
    index: PersonIndex,
    model: Model,
    *,
    top: int = 10,
    other_videos: bool = False,
) -> list[dict]:
    """Rank the tracklets of an index by the person of each query.

    Args:
        queries (Sequence[Query]): See :func:`.query.resolve_query`.
        index (PersonIndex): With features (M, T, D).
        model (Model): That of the index.
        top (int): Matches of each query.
        other_videos (bool): A query of the index matches tracklets of other
            videos only.

    Returns:
        list[dict]: Of each query its ``query`` (name) and ``matches``, best
        first: ``name`` of the tracklet, ``score`` (0-1, the probability that
        it is the same person), ``video`` (path), ``start`` and ``end``
        (seconds), ``first_frame`` and ``last_frame`` (from 0), ``track`` and
        ``index``. A query of the index is not among its matches.

    Raises:
        UserError: The index is empty or of another model.
    """
    check_model(index, model.fingerprint, Path('the index'))
    if not index.tracklets:
        raise UserError('the index has no tracklets, nobody can be found')
    scores = model.infer.compare(
        [query.features for query in queries], index.features()
    )
    names = index.names()
    results = []
    for query, row in zip(queries, scores, strict=True):
        order = [
            number
            for number in np.argsort(-row, kind='stable').tolist()
            if _is_candidate(number, query, index, other_videos)
        ]
        matches = [
            _match(number, names[number], row[number], index)
            for number in order[:top]
        ]
        results.append({'query': query.features.name, 'matches': matches})
    return results


def draw_results(
    queries: Sequence[Query], results: Sequence[dict], index: PersonIndex
) -> np.ndarray:
    """Draw queries and their matches, with scores and times.

    Args:
        queries (Sequence[Query]): Q queries.
        results (Sequence[dict]): Of :func:`search_persons`.
        index (PersonIndex): With frames (h, w, 3) of each tracklet.

    Returns:
        np.ndarray: (H, W, 3) uint8 BGR, one ranking below the other.
    """
    features = index.features()
    sheets = [
        draw_ranking(
            query.features,
            [(features[m['index']], m['score']) for m in result['matches']],
        )
        for query, result in zip(queries, results, strict=True)
    ]
    width = max(sheet.shape[1] for sheet in sheets)
    padded = [
        np.pad(
            sheet,
            ((0, 0), (0, width - sheet.shape[1]), (0, 0)),
            constant_values=255,
        )
        for sheet in sheets
    ]
    return np.vstack(padded)


def write_results(
    path: str | Path,
    queries: Sequence[Query],
    results: Sequence[dict],
    index: PersonIndex,
) -> None:
    """Write the sheet (H, W, 3) of :func:`draw_results` to an image file."""
    write_image(path, draw_results(queries, results, index))


def _is_candidate(
    number: int, query: Query, index: PersonIndex, other_videos: bool
) -> bool:
    if query.own is None:
        return True
    if other_videos:
        own = index.tracklets[query.own].video
        return index.tracklets[number].video != own
    return number != query.own


def _match(number: int, name: str, score: float, index: PersonIndex) -> dict:
    tracklet = index.tracklets[number]
    start, end = index.times(tracklet)
    return {
        'name': name,
        'score': float(score),
        'video': index.videos[tracklet.video].path,
        'start': round(start, 3),
        'end': round(end, 3),
        'first_frame': int(tracklet.boxes[0, 0]),
        'last_frame': int(tracklet.boxes[-1, 0]),
        'track': tracklet.track,
        'index': number,
    }
