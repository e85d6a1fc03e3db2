# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Inferencers of the hub: the one of the system that a model belongs to."""

import importlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..plugins import used_systems
from .catalog import published_weights
from .models import load_config

if TYPE_CHECKING:
    import torch


def build_inferencer(
    name: 'str | Path | torch.nn.Module',
    weights: str | Path | None = None,
    device: str | None = None,
    **kwargs: Any,
) -> Any:
    """Build the inferencer of the system that a model belongs to.

    Args:
        name (str | Path | torch.nn.Module): See :func:`load_model`.
        weights (str | Path, optional): See :func:`load_model`.
        device (str, optional): See :func:`load_model`.
        **kwargs: Of the inferencer's constructor.

    Returns:
        Inferencer: A subclass of :class:`mmfashion_ext.inferencer.Inferencer`.

    Raises:
        UserError: See :func:`load_model`, or no system of this package has
            such a model.
    """
    model = str(name) if isinstance(name, str | Path) else name
    inferencer = inferencer_class(model)
    if weights is None and isinstance(model, str):
        weights = published_weights(model)
    return inferencer(model, weights, device, **kwargs)


def inference_model(
    name: 'str | Path | torch.nn.Module',
    *inputs: Any,
    checkpoint: str | Path | None = None,
    device: str | None = None,
    **kwargs: Any,
) -> dict:
    """Run a model once with the inferencer of its system.

    To run it more than once, build the inferencer once instead
    (:func:`build_inferencer`): the weights are loaded at each call.

    Args:
        name (str | Path | torch.nn.Module): See :func:`load_model`.
        *inputs: What the inferencer is called with: images, as files or
            (h, w, 3) uint8 BGR, for Match R-CNN and landmarks; a query and a
            gallery for SCAN; a person, a cloth and perhaps the cloth's mask
            for try-on.
        checkpoint (str | Path, optional): File or URL of weights.
            Defaults to None: the published ones.
        device (str, optional): Defaults to None: CUDA where there is one.
        **kwargs: Of the inferencer's constructor or call, by name.

    Returns:
        dict: ``predictions``, one for each input, and ``skipped``.

    Raises:
        UserError: See :func:`load_model`; no inputs, or the only one cannot
            be used.
    """
    model = str(name) if isinstance(name, str | Path) else name
    constructor = inspect.signature(inferencer_class(model)).parameters
    options = {key: kwargs.pop(key) for key in [*kwargs] if key in constructor}
    if not inputs:
        raise UserError(f'{name}: expected one input or more after the name')
    options.setdefault('show_progress', False)
    infer = build_inferencer(model, checkpoint, device, **options)
    return infer(*inputs, **kwargs)


def inferencer_class(model: 'str | torch.nn.Module') -> type:
    """Return the inferencer of the system whose types a model's config names.

    The model may be a host's own, with a dataset of ours.

    Args:
        model (str | torch.nn.Module): Name of a model, path of a config file,
            or what :func:`get_model` built.

    Raises:
        UserError: The config names no system with an inferencer.
    """
    cfg = load_config(model) if isinstance(model, str) else model.cfg
    from mmengine.config import Config

    # the dataset first: a network may borrow a backbone of another system
    systems = [
        system
        for part in ('test_dataloader', 'model')
        for system in used_systems(Config({part: cfg.get(part)}))
    ]
    for system in systems:
        package = importlib.import_module(f'mmfashion_ext.{system}')
        for name in package.__all__:
            if name.endswith('Inferencer'):
                return getattr(package, name)
    raise UserError(
        f"{cfg.filename}: the model names no 'mmfashion_ext.' type of a "
        'system with an inferencer, nor does test_dataloader. Use the '
        "inferencer of the model's host"
    )
