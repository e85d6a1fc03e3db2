# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Suppression of duplicates across categories: one garment, one box."""

import numpy as np

#: Boxes of any two categories that overlap more (IoU) are one garment. A
#: jacket and the shirt below it overlap less.
DUPLICATE_IOU = 0.7


def distinct_items(
    boxes: np.ndarray, scores: np.ndarray, iou_thr: float | None
) -> np.ndarray:
    """Return the items that are not a better one's duplicate.

    A detector suppresses boxes within each category, so a dress may come as
    a short sleeved, a vest and a sling dress.

    Args:
        boxes (np.ndarray): (n, 4) xyxy px.
        scores (np.ndarray): (n,).
        iou_thr (float, optional): Overlap (IoU, 0-1) above which the item of
            the lower score is left out. None: all items are kept.

    Returns:
        np.ndarray: (m,) int64, indices in increasing order.
    """
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    if iou_thr is None:
        return np.arange(len(boxes))
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    kept: list[int] = []
    for i in np.argsort(-np.asarray(scores), kind='stable').tolist():
        first = np.maximum(boxes[i, :2], boxes[kept, :2])
        last = np.minimum(boxes[i, 2:], boxes[kept, 2:])
        overlap = np.prod(np.maximum(last - first, 0), axis=1)
        union = areas[i] + areas[kept] - overlap
        if not (overlap > iou_thr * union).any():
            kept.append(i)
    return np.array(sorted(kept), np.int64)
