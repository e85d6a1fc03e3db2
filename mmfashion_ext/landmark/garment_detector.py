# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Garment detector in front of a landmark model: any detector of mmdet."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..evaluation.result_files import to_numpy
from ..formats.deepfashion2.constants import CATEGORIES, CLASS_NAMES
from ..hub.mmdet_detector import build_detector
from ..utils.box_selection import select_boxes


class GarmentDetector:
    """Detector of garments: boxes, scores and DeepFashion2's category ids.

    The n boxes of an image are (n, 4) xyxy px.

    Args:
        model (str or Path): See :func:`.build_detector`.
        weights (str or Path, optional): See :func:`.build_detector`.
        keep_labels (int | Sequence[int], optional): Labels that are clothes.
            None: all.
        device (str, optional): None: CUDA where there is one.

    Attributes:
        infer: Inferencer of the detector.
        category_ids (np.ndarray): Category id of each label, see
            :func:`category_ids`.
    """

    def __init__(
        self,
        model: str | Path,
        weights: str | Path | None = None,
        keep_labels: int | Sequence[int] | None = None,
        device: str | None = None,
    ) -> None:
        self.infer = build_detector(model, weights, device)
        # models of this project have DeepFashion2's categories
        meta = getattr(self.infer.model, 'dataset_meta', None) or {}
        self.category_ids = category_ids(meta.get('classes', CLASS_NAMES))
        if isinstance(keep_labels, int):
            keep_labels = [keep_labels]
        self.keep_labels = keep_labels

    def __call__(
        self, image: np.ndarray, bbox_thr: float, nms_thr: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Detect the garments of an image.

        Args:
            image (np.ndarray): (h, w, 3) uint8 BGR.
            bbox_thr (float): See :func:`select_boxes`.
            nms_thr (float): See :func:`select_boxes`.

        Returns:
            tuple[np.ndarray, np.ndarray, np.ndarray]: Boxes (n, 4) xyxy px,
            highest scores first, scores (n,) 0-1, category ids (n,) 1..13, 0
            where not known.
        """
        (sample,) = self.infer(image, return_datasamples=True)['predictions']
        pred = sample.pred_instances
        boxes, scores = to_numpy(pred.bboxes), to_numpy(pred.scores)
        labels = to_numpy(pred.labels)
        selected = select_boxes(
            boxes, scores, labels, bbox_thr, nms_thr, self.keep_labels
        )
        return (
            boxes[selected],
            scores[selected],
            self.category_ids[labels[selected]],
        )


def category_ids(classes: Sequence[str]) -> np.ndarray:
    """Return DeepFashion2's category ids of a detector's labels.

    Args:
        classes (Sequence[str]): Names of the labels, e.g. ``'vest_dress'`` or
            the raw annotations' ``'short sleeve top'``, in any case.

    Returns:
        np.ndarray: (len(classes),) int, 1..13. All are 0 (not known) if any
        name is not one of DeepFashion2's, because then equal names may mean
        other clothes too.
    """
    known = {
        _normalise(name): category.id
        for category in CATEGORIES
        for name in (category.name, category.raw_name)
    }
    ids = np.array([known.get(_normalise(name), 0) for name in classes], int)
    return ids if ids.all() else np.zeros_like(ids)


def _normalise(name: str) -> str:
    """Return a name in lower case and without punctuation."""
    return re.sub(r'[\W_]+', ' ', name).strip().lower()
