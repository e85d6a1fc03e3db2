# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Anchors, box decoding and NMS in NumPy, as mmdet and mmcv compute them.

Everything is float32, in the order of their operations, so that the same boxes
are kept.
"""

import numpy as np

#: Largest change of a side's logarithm that is decoded, as in mmdet.
_MAX_RATIO = abs(np.log(np.float32(16 / 1000)))


def grid_anchors(
    base: np.ndarray, stride: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """Return the anchors of a feature map, row by row.

    Args:
        base (np.ndarray): (A, 4) float32 xyxy px, anchors of the first cell.
        stride (tuple[int, int]): (w, h) px of a cell.
        size (tuple[int, int]): (h, w) cells of the map.

    Returns:
        np.ndarray: (h * w * A, 4) float32 xyxy px.
    """
    x = np.arange(size[1], dtype=np.float32) * np.float32(stride[0])
    y = np.arange(size[0], dtype=np.float32) * np.float32(stride[1])
    xx, yy = np.meshgrid(x, y)
    shifts = np.stack((xx, yy, xx, yy), axis=-1).reshape(-1, 1, 4)
    return (base[None] + shifts).reshape(-1, 4)


def decode_deltas(
    boxes: np.ndarray,
    deltas: np.ndarray,
    means: list[float],
    stds: list[float],
    size: tuple[int, int],
) -> np.ndarray:
    """Move boxes by predicted deltas and clip them to the image.

    Args:
        boxes (np.ndarray): (..., 4) float32 xyxy px.
        deltas (np.ndarray): (..., 4) float32, normalised.
        means (list[float]): Means (4,) that they were normalised with.
        stds (list[float]): Standard deviations (4,).
        size (tuple[int, int]): (h, w) px of the image.

    Returns:
        np.ndarray: (..., 4) float32 xyxy px.
    """
    deltas = deltas * np.array(stds, np.float32)
    deltas = deltas + np.array(means, np.float32)
    center = (boxes[..., :2] + boxes[..., 2:]) * np.float32(0.5)
    sides = boxes[..., 2:] - boxes[..., :2]
    center = center + sides * deltas[..., :2]
    ratio = np.clip(deltas[..., 2:], -_MAX_RATIO, _MAX_RATIO)
    half = sides * np.exp(ratio) * np.float32(0.5)
    limit = np.array(size[::-1], np.float32)
    return np.concatenate(
        (
            np.clip(center - half, 0, limit),
            np.clip(center + half, 0, limit),
        ),
        axis=-1,
    )


def non_maximum_suppression(
    boxes: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    iou_threshold: float,
    limit: int = -1,
) -> np.ndarray:
    """Return the boxes that no better one of their group overlaps.

    Args:
        boxes (np.ndarray): (n, 4) float32 xyxy px.
        scores (np.ndarray): (n,) float32.
        groups (np.ndarray): (n,) integers; only boxes of one group suppress
            each other.
        iou_threshold (float): IoU, 0-1, above which the worse one is left
            out.
        limit (int): Largest number of boxes. Defaults to -1: no limit.

    Returns:
        np.ndarray: (m,) int64, indices, best first.
    """
    if not len(boxes):
        return np.zeros(0, np.int64)
    # mmcv moves the groups apart, which rounds the boxes
    offset = groups.astype(np.float32) * (boxes.max() + np.float32(1))
    order = np.argsort(-scores, kind='stable')
    moved = (boxes + offset[:, None])[order]
    areas = (moved[:, 2] - moved[:, 0]) * (moved[:, 3] - moved[:, 1])
    kept: list[int] = []
    index: np.ndarray = np.arange(len(order))
    while len(index) and len(kept) != limit:
        first, index = index[0], index[1:]
        kept.append(int(order[first]))
        rest = moved[index]
        corner = np.maximum(moved[first, :2], rest[:, :2])
        sides = np.minimum(moved[first, 2:], rest[:, 2:]) - corner
        overlap = np.prod(np.maximum(sides, 0), axis=1)
        union = areas[first] + areas[index] - overlap
        with np.errstate(divide='ignore', invalid='ignore'):
            index = index[~(overlap / union > np.float32(iou_threshold))]
    return np.array(kept, np.int64)


def propose(
    outputs: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    size: tuple[int, int],
    rpn: dict,
) -> np.ndarray:
    """Return the proposals of a region proposal network.

    Args:
        outputs (list[tuple]): Of each level the anchors (n, 4) float32 xyxy
            px, their scores (n,) 0-1 and box deltas (n, 4).
        size (tuple[int, int]): (h, w) px of the image, without padding.
        rpn (dict): ``rpn`` of ``model.json``.

    Returns:
        np.ndarray: (m, 4) float32 xyxy px, best first.
    """
    boxes, scores, levels = [], [], []
    for level, (anchors, score, deltas) in enumerate(outputs):
        if 0 < rpn['nms_pre'] < len(score):
            best = np.argsort(-score, kind='stable')[: rpn['nms_pre']]
            anchors, score, deltas = anchors[best], score[best], deltas[best]
        boxes.append(
            decode_deltas(anchors, deltas, rpn['means'], rpn['stds'], size)
        )
        scores.append(score)
        levels.append(np.full(len(score), level))
    all_boxes, all_scores, all_levels = map(
        np.concatenate, (boxes, scores, levels)
    )
    if rpn['min_bbox_size'] >= 0:
        sides = all_boxes[:, 2:] - all_boxes[:, :2]
        large = (sides > rpn['min_bbox_size']).all(axis=1)
        all_boxes, all_scores = all_boxes[large], all_scores[large]
        all_levels = all_levels[large]
    kept = non_maximum_suppression(
        all_boxes,
        all_scores,
        all_levels,
        rpn['iou_threshold'],
        rpn['max_per_img'],
    )
    return all_boxes[kept]


def select(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, rcnn: dict
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the detections among the boxes of all proposals and groups.

    Args:
        boxes (np.ndarray): (R, G or 1, 4) float32 xyxy px.
        scores (np.ndarray): (R, G) 0-1 of the groups of categories.
        labels (np.ndarray): (R, G) int64, the likeliest of each group.
        rcnn (dict): ``rcnn`` of ``model.json``.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Boxes (N, 4) float32,
        scores (N,) float32 and labels (N,) int64, best first.
    """
    proposal, group = np.nonzero(scores > np.float32(rcnn['score_thr']))
    chosen = np.broadcast_to(boxes, (*scores.shape, 4))[proposal, group]
    score = scores[proposal, group]
    kept = non_maximum_suppression(
        chosen, score, group, rcnn['iou_threshold'], rcnn['max_per_img']
    )
    return chosen[kept], score[kept], labels[proposal, group][kept]
