# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Predictions as detections of supervision, to be drawn, tracked, counted."""

from typing import Any

import numpy as np

from ...errors import UserError
from ...plugins import require_package
from ..run_lengths import decode_mask


def to_supervision(prediction: dict) -> Any:
    """Return a prediction of an image as ``supervision.Detections``.

    Args:
        prediction (dict): Of the inferencers of Match R-CNN and landmarks, or
            of ``predictions/NAME.json``: ``bboxes`` (N, 4) xyxy px, ``scores``
            (N,) 0-1; if there are any ``labels`` (N,), ``categories`` and
            ``masks``, (N, h, w) bool or COCO RLE; ``tracks`` (N,) int.

    Returns:
        supervision.Detections: ``xyxy``, ``confidence``, ``class_id`` (the
        labels), ``mask`` (N, h, w) bool, ``tracker_id`` and
        ``data['class_name']``, as far as they are known.

    Raises:
        UserError: It is not such a prediction.
        ImportError: supervision is not installed.
    """
    if 'bboxes' not in prediction or 'scores' not in prediction:
        raise UserError(
            'to_supervision: expected a prediction with bboxes and scores, '
            f'got the keys {", ".join(map(str, prediction)) or "none"}; pass '
            "one entry of result['predictions']"
        )
    require_package('supervision', 'to_supervision')
    import supervision

    boxes = np.asarray(prediction['bboxes'], np.float32).reshape(-1, 4)
    names = prediction.get('categories')
    if not len(boxes):
        return supervision.Detections.empty()
    return supervision.Detections(
        xyxy=boxes,
        mask=_masks(prediction.get('masks')),
        confidence=np.asarray(prediction['scores'], np.float32),
        class_id=_integers(prediction.get('labels')),
        tracker_id=_integers(prediction.get('tracks')),
        data={'class_name': np.array(names)} if names is not None else {},
    )


def _integers(values: Any) -> np.ndarray | None:
    return None if values is None else np.asarray(values, int)


def _masks(masks: Any) -> np.ndarray | None:
    """Return (N, h, w) bool, of COCO RLE too; None without masks."""
    if masks is None:
        return None
    found = [decode_mask(m) if isinstance(m, dict) else m for m in masks]
    return np.asarray(found, bool)
