# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Detectors of mmdet in front of a landmark model."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmdet.apis import DetInferencer
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.evaluation.functional import nms
from torch import nn

from ..errors import UserError
from ..formats.deepfashion2.constants import CATEGORIES
from ..hub import config_path
from ..match_rcnn import ClothesInferencer
from ..plugins import used_systems
from ..utils.checkpoint import check_weights


class CheckedDetInferencer(DetInferencer):
    """mmdet's inferencer; no weights are unpickled, published ones included.

    Args:
        **kwargs: Those of mmdet's ``DetInferencer``.
    """

    def _init_model(
        self, cfg: Config, weights: str | None, device: str = 'cpu'
    ) -> nn.Module:
        return super()._init_model(cfg, check_weights(weights), device)


def build_detector(
    model: str,
    weights: str | Path | None = None,
    device: str | None = None,
) -> DetInferencer:
    """A detector by any of its names; the default scope stays as it is.

    Args:
        model (str): Name of a model of this zoo or of mmdet, or path of a
            config file.
        weights (str or Path, optional): Checkpoint file or URL. None: those
            that mmdet publishes for a model of its own, else random ones.
        device (str, optional): None: CUDA where there is one.

    Returns:
        DetInferencer: ``ClothesInferencer`` for our models.

    Raises:
        UserError: There is no such model.
    """
    weights = check_weights(weights)
    detector: type[DetInferencer] = CheckedDetInferencer
    try:
        model = config_path(model)
    except UserError as error:
        not_ours = error  # may be a name of mmdet's
    else:
        cfg = Config.fromfile(model)
        if cfg.get('default_scope', 'mmdet') != 'mmdet':
            raise UserError(
                f'det_model {model}: expected a config of mmdet, got one of '
                f'{cfg.default_scope}'
            )
        if used_systems(Config({'model': cfg.model})):
            detector = ClothesInferencer
    with DefaultScope.overwrite_default_scope('mmdet'):
        try:
            return detector(model, weights, device, show_progress=False)
        except ValueError as error:
            if 'Cannot find model' not in str(error):
                raise
            raise UserError(
                f'det_model: {not_ours}; nor does mmdet have such a model'
            ) from error


class GarmentDetector:
    """Boxes and categories of the clothes in a picture.

    Args:
        model (str): See :func:`build_detector`.
        weights (str or Path, optional): See :func:`build_detector`.
        keep_labels (int | Sequence[int], optional): Labels that are clothes.
            None: all.
        device (str, optional): None: CUDA where there is one.

    Attributes:
        infer (DetInferencer): What detects.
        category_ids (np.ndarray): Category id of each label, see
            :func:`category_ids`.
    """

    def __init__(
        self,
        model: str,
        weights: str | Path | None = None,
        keep_labels: int | Sequence[int] | None = None,
        device: str | None = None,
    ) -> None:
        self.infer = build_detector(model, weights, device)
        classes = self.infer.model.dataset_meta['classes']
        self.category_ids = category_ids(classes)
        if isinstance(keep_labels, int):
            keep_labels = [keep_labels]
        self.keep_labels = keep_labels

    def __call__(
        self, image: np.ndarray, bbox_thr: float, nms_thr: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Detect.

        Args:
            image (np.ndarray): (h, w, 3) BGR uint8.
            bbox_thr (float): See :func:`select_boxes`.
            nms_thr (float): See :func:`select_boxes`.

        Returns:
            tuple[np.ndarray, np.ndarray, np.ndarray]: Boxes (n, 4) xyxy px,
            highest scores first, scores (n,) 0-1, category ids (n,), 0 where
            not known.
        """
        (found,) = self.infer(image, return_datasamples=True)['predictions']
        found = found.pred_instances.cpu().numpy()
        boxes, scores, labels = found.bboxes, found.scores, found.labels
        kept = select_boxes(
            boxes, scores, labels, bbox_thr, nms_thr, self.keep_labels
        )
        return boxes[kept], scores[kept], self.category_ids[labels[kept]]


def category_ids(classes: Sequence[str]) -> np.ndarray:
    """DeepFashion2's category ids of a detector's labels.

    Args:
        classes (Sequence[str]): Names of the labels, e.g. ``'vest_dress'`` or
            the raw annotations' ``'short sleeve top'``, in any case.

    Returns:
        np.ndarray: (len(classes),) int, 1..13; all 0 (not known) if any name
        is not one of DeepFashion2's, because then the others may mean other
        clothes too.
    """
    known = {
        _plain(name): category.id
        for category in CATEGORIES
        for name in (category.name, category.raw_name)
    }
    ids = np.array([known.get(_plain(name), 0) for name in classes], int)
    return ids if ids.all() else np.zeros_like(ids)


def select_boxes(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    bbox_thr: float,
    nms_thr: float,
    keep_labels: Sequence[int] | None = None,
) -> np.ndarray:
    """The detections worth a look: confident, with area, none twice.

    Unlike mmpose's inferencer, which compares the boxes of all labels, a
    jacket does not remove the shirt below it.

    Args:
        boxes (np.ndarray): (n, 4) xyxy px.
        scores (np.ndarray): (n,) 0-1.
        labels (np.ndarray): (n,) int.
        bbox_thr (float): Lowest score, itself excluded.
        nms_thr (float): Highest IoU of two boxes of one label.
        keep_labels (Sequence[int], optional): Labels to keep. None: all.

    Returns:
        np.ndarray: Indices of the boxes to keep, highest scores first.
    """
    kept = (scores > bbox_thr) & (boxes[:, 2:] > boxes[:, :2]).all(1)
    if keep_labels is not None:
        kept &= np.isin(labels, keep_labels)
    chosen: list[int] = []
    for label in np.unique(labels[kept]):
        (own,) = np.nonzero(kept & (labels == label))
        scored = np.column_stack((boxes[own], scores[own]))
        chosen += own[nms(scored, nms_thr)].tolist()
    return np.array(sorted(chosen, key=lambda i: -scores[i]), int)


def _plain(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r'[\W_]+', ' ', name).strip().lower()
