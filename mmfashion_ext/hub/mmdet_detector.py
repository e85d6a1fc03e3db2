# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Detector by name: any model of mmdet or of this project, checked weights.

A model of this project (Match R-CNN) is built by its name with
:func:`mmfashion_ext.hub.build_inferencer`, a model of mmdet with mmdet's own
inferencer. This module imports mmdet.
"""

from pathlib import Path
from typing import Any

from mmdet.apis import DetInferencer
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import nn

from ..errors import UserError
from ..plugins import used_systems
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
from .catalog import config_path
from .inference import build_inferencer


class CheckedDetInferencer(DetInferencer):
    """mmdet's inferencer with checked weights; nothing is unpickled.

    Args:
        **kwargs (Any): Arguments of mmdet's ``DetInferencer``.

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
                f'detector {cfg.filename}: no weights are published for this '
                'config; pass a checkpoint file or URL as det_weights '
                '(--det-weights, --detector-weights)'
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
                f'the detector: {report}'
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
            f'detector {model}: expected a config of mmdet, got one of '
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
                f'detector: {unknown_here}; nor does mmdet have such a model'
            ) from error
