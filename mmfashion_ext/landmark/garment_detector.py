# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Garment detector in front of a landmark model: any detector of mmdet.

A model of this project (Match R-CNN) is built by its name with
:func:`mmfashion_ext.hub.build_inferencer`, a model of mmdet with mmdet's own
inferencer.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.apis import DetInferencer
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import nn

from ..errors import UserError
from ..evaluation.result_files import to_numpy
from ..formats.deepfashion2.constants import CATEGORIES, CLASS_NAMES
from ..hub import build_inferencer, config_path
from ..plugins import used_systems
from ..utils.box_selection import select_boxes
from ..utils.checkpoint import (
    CheckpointError,
    check_weights,
    checkpoint_meta,
    extract_state_dict,
    load_checkpoint_file,
)
from ..utils.config_checkpoints import check_model_config
from ..utils.host_scope import host_scope, read_config
from ..utils.weights import Partial, load_state


class CheckedDetInferencer(DetInferencer):
    """mmdet's inferencer with checked weights; nothing is unpickled.

    Args:
        **kwargs: Arguments of mmdet's ``DetInferencer``.

    Raises:
        UserError: No weights are published, or they are of another model.
        UnsafeCheckpointError: The checkpoint holds more than weights; those
            that mmdet publishes are checked too.
    """

    def _init_model(
        self, cfg: Config, weights: str | None, device: str = 'cpu'
    ) -> nn.Module:
        if weights is None:
            raise UserError(
                f'det_model {cfg.filename}: no weights are published for this '
                'config; pass a checkpoint file or URL as det_weights'
            )
        self._weights = weights
        content = load_checkpoint_file(weights)
        checkpoint = {
            'state_dict': extract_state_dict(content, weights),
            'meta': checkpoint_meta(content, weights),
        }
        model = MODELS.build(check_model_config(cfg.model))
        model.cfg = cfg
        self._load_weights_to_model(model, checkpoint, cfg)
        return model.to(device).eval()

    def _load_weights_to_model(
        self, model: nn.Module, checkpoint: dict, cfg: Config
    ) -> None:
        """Load weights; mmdet would ignore missing ones."""
        report = load_state(
            model,
            checkpoint['state_dict'],
            # published files hold more, such as a mask head that is not used
            Partial(unused=('',)),
        )
        if not report.fits:
            raise CheckpointError(
                f'det_weights {self._weights}: weights of another model than '
                f'det_model: {report}'
            )
        super()._load_weights_to_model(model, checkpoint, cfg)


def build_detector(
    model: str | Path,
    weights: str | Path | None = None,
    device: str | None = None,
) -> Any:
    """Build the inferencer of a detector; the default scope is not changed.

    Args:
        model (str or Path): Name of a model of this project or of mmdet, or
            path of a config file.
        weights (str or Path, optional): Checkpoint file or URL. None: the
            published ones.
        device (str, optional): None: CUDA where there is one.

    Returns:
        Inferencer: ``infer(image, return_datasamples=True)`` of an image
        (h, w, 3) uint8 BGR returns ``predictions``, a list of one data sample
        of mmdet.

    Raises:
        UserError: An unknown model, or no weights are published.
        CheckpointError: See ``utils.checkpoint``.
    """
    name = str(model)
    weights = None if weights is None else check_weights(str(weights))
    try:
        path = config_path(name)
    except UserError as error:
        return _build_mmdet(name, weights, device, unknown_here=error)
    cfg = read_config(path)
    if cfg.get('default_scope', 'mmdet') != 'mmdet':
        raise UserError(
            f'det_model {model}: expected a config of mmdet, got one of '
            f'{cfg.default_scope}'
        )
    if used_systems(Config({'model': cfg.model})):
        with host_scope('mmdet'):
            return build_inferencer(path, weights, device, show_progress=False)
    return _build_mmdet(path, weights, device)


def _build_mmdet(
    model: str,
    weights: str | None,
    device: str | None,
    unknown_here: UserError | None = None,
) -> CheckedDetInferencer:
    """Build a detector of mmdet by its name or config file."""
    with host_scope('mmdet'):
        try:
            return CheckedDetInferencer(
                model, weights, device, show_progress=False
            )
        except ValueError as error:
            if 'Cannot find model' not in str(error):
                raise
            raise UserError(
                f'det_model: {unknown_here}; nor does mmdet have such a model'
            ) from error


class GarmentDetector:
    """Detector of garments: boxes, scores and DeepFashion2's category ids.

    The n boxes of an image are (n, 4) xyxy px.

    Args:
        model (str or Path): See :func:`build_detector`.
        weights (str or Path, optional): See :func:`build_detector`.
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
