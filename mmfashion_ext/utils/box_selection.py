# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Select the boxes of a detector whose landmarks are to be found."""

from collections.abc import Sequence

import numpy as np


def select_boxes(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    bbox_thr: float,
    nms_thr: float,
    keep_labels: Sequence[int] | None = None,
) -> np.ndarray:
    """Select confident boxes with area, by non-maximum suppression per label.

    Unlike in mmpose's inferencer, which compares the boxes of all labels, a
    jacket does not remove the shirt below it.

    Args:
        boxes (np.ndarray): (n, 4) xyxy px.
        scores (np.ndarray): (n,) 0-1.
        labels (np.ndarray): (n,) int.
        bbox_thr (float): Score that a box must exceed.
        nms_thr (float): Highest IoU of two boxes of one label.
        keep_labels (Sequence[int], optional): Labels to keep. None: all.

    Returns:
        np.ndarray: (m,) int indices of the selected boxes, highest scores
        first.
    """
    candidates = (scores > bbox_thr) & (boxes[:, 2:] > boxes[:, :2]).all(1)
    if keep_labels is not None:
        candidates &= np.isin(labels, keep_labels)
    selected: list[int] = []
    for label in np.unique(labels[candidates]):
        (indices,) = np.nonzero(candidates & (labels == label))
        kept = _suppress(boxes[indices], scores[indices], nms_thr)
        selected += indices[kept].tolist()
    return np.array(sorted(selected, key=lambda i: -scores[i]), int)


def _suppress(
    boxes: np.ndarray, scores: np.ndarray, threshold: float
) -> list[int]:
    """Return the indices that mmpose keeps: boxes include their last pixel."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    areas = sides[:, 0] * sides[:, 1]
    order = scores.argsort()[::-1]
    kept = []
    while len(order):
        first, order = order[0], order[1:]
        kept.append(int(first))
        corner = np.maximum(boxes[first, :2], boxes[order, :2])
        overlap = np.minimum(boxes[first, 2:], boxes[order, 2:]) - corner + 1
        inside = np.prod(np.maximum(overlap, 0), axis=1)
        union = areas[first] + areas[order] - inside
        order = order[inside / union <= threshold]
    return kept
