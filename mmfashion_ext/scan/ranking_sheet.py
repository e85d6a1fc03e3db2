# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Ranking sheet: frames of a query and of the best tracklets of a gallery."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..utils.image_grid import draw_sheet
from .inputs import TrackletFeatures

_HEIGHT, _GAP, _COLUMNS = 192, 10, 5  # px of a frame and between tracklets


def draw_ranking(
    query: TrackletFeatures, ranking: Sequence[tuple[TrackletFeatures, float]]
) -> np.ndarray:
    """Draw some frames of the query and of ranked tracklets.

    Args:
        query (TrackletFeatures): The query, drawn first.
        ranking (Sequence[tuple[TrackletFeatures, float]]): Tracklets of the
            gallery and their scores (0-1), best first.

    Returns:
        np.ndarray: (H, W, 3) uint8 BGR; the frames of a tracklet side by
        side, score and name below them, 5 tracklets a row.
    """
    strips = [_draw_frames(query), *(_draw_frames(t) for t, _ in ranking)]
    labels = [f'query: {_short(query)}']
    labels += [
        f'{score:.3f} {_short(tracklet)}' for tracklet, score in ranking
    ]
    return draw_sheet(
        strips,
        columns=min(_COLUMNS, len(strips)),
        cell=(max(strip.shape[1] for strip in strips), _HEIGHT),
        labels=labels,
        gap=_GAP,
    )


def _short(tracklet: TrackletFeatures) -> str:
    return Path(tracklet.name).name or tracklet.name


def _draw_frames(tracklet: TrackletFeatures) -> np.ndarray:
    """Return the frames of a tracklet side by side, (192, w, 3) uint8 BGR."""
    frames = []
    for frame in tracklet.frames:
        width = max(round(frame.shape[1] * _HEIGHT / frame.shape[0]), 1)
        frames.append(cv2.resize(frame, (width, _HEIGHT)))
    return np.hstack(frames)
