# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Models of the hub: built by name, with weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..plugins import SYSTEMS, require, require_package
from ..utils.config_errors import config_errors
from .catalog import config_path, leaf_configs, published_weights, root
from .shared import is_shared, merge_shared, open_shared

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config


def get_model(
    name: str,
    checkpoint: str | Path | None = None,
    *,
    pretrained: bool = False,
    device: 'str | torch.device | None' = None,
    **cfg_options: Any,
) -> 'torch.nn.Module':
    """Build a model, in evaluation mode.

    Args:
        name (str): Name of a model, path of a config file, or a shared model
            (``hf-hub:org/name``, ``local-dir:path``).
        checkpoint (str | Path, optional): File or URL of weights to load.
            Defaults to None: random weights, nothing is downloaded.
        pretrained (bool): Load the published weights. Defaults to False.
        device (str | torch.device, optional): Where to put the model.
            Defaults to None: the CPU.
        **cfg_options: Merged into the config, as the command line's
            ``--cfg-options``: ``model=dict(backbone=dict(depth=18))`` or
            ``**{'model.backbone.depth': 18}``.

    Returns:
        torch.nn.Module: The model; ``model.cfg`` is its config and
        ``model.dataset_meta`` the checkpoint's, where it has one.

    Raises:
        UserError: An unknown name or device, no published weights, or
            weights of another model.
        CheckpointError: See ``utils.checkpoint``.
    """
    if pretrained and checkpoint is None:
        checkpoint = published_weights(name)
    cfg = load_config(name)

    from mmengine.registry import MODELS

    from ..utils.config_checkpoints import check_model_config
    from ..utils.config_options import merge_options
    from ..utils.host_scope import host_scope

    merge_options(cfg, cfg_options, 'get_model')
    scope = cfg.get('default_scope')
    with config_errors(name), host_scope(scope):
        model = MODELS.build(check_model_config(cfg.model))
    model.cfg = cfg
    if checkpoint is not None:
        _load_weights(model, checkpoint)
    try:
        return model.to(device or 'cpu').eval()
    except (RuntimeError, AssertionError) as error:  # no such, or no CUDA
        raise UserError(
            f'device {str(device)!r} cannot be used '
            f"({str(error).splitlines()[0]}); take 'cpu', or 'cuda' where "
            'there is a GPU'
        ) from error


def load_model(
    model: 'str | Path | torch.nn.Module',
    weights: str | Path | None = None,
    device: 'str | torch.device | None' = None,
) -> 'torch.nn.Module':
    """Build a model for inference and load its weights, strictly.

    Args:
        model (str | Path | torch.nn.Module): Name of a model, path of a
            config file, or what :func:`get_model` built.
        weights (str | Path, optional): File or URL. Defaults to None: the
            published ones. Must be None for a model that is built already.
        device (str | torch.device, optional): Defaults to None: CUDA where
            there is one; a built model stays where it is.

    Returns:
        torch.nn.Module: In evaluation mode; ``model.cfg`` is its config.

    Raises:
        UserError: An unknown name or device, no published weights, or
            weights of another model.
        CheckpointError: See ``utils.checkpoint``.
    """
    import torch

    if isinstance(model, torch.nn.Module):
        if weights is not None:
            raise UserError(
                'weights were given with a model that is built already; pass '
                'its name instead, or load them by get_model(name, weights)'
            )
        if not hasattr(model, 'cfg'):
            raise UserError(
                f'the {type(model).__name__} has no config (model.cfg); build '
                'it by mmfashion_ext.get_model'
            )
        return (model if device is None else model.to(device)).eval()
    name = str(model)
    checkpoint = published_weights(name) if weights is None else weights
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return get_model(name, checkpoint, device=device)


def load_config(name: str) -> 'Config':
    """Return the config of a model, read; its system's hosts must be there.

    Args:
        name (str): Name of a model, or path of a config file.

    Raises:
        UserError: There is no such config, or it cannot be read.
        ImportError: A host is missing; the message says how to install it.
    """
    path, configs = Path(config_path(name)), root() / 'configs'
    # a missing host is named by us, not by MMEngine's `_base_` look-up
    if path.is_relative_to(configs):
        system = path.relative_to(configs).parts[0]
        if system in SYSTEMS:
            require(system)
    require_package('mmengine', f'the config {name}')
    from ..utils.host_scope import read_config

    cfg = read_config(path)
    if is_shared(name):
        paths = {path.stem: path for path in leaf_configs()}
        merge_shared(cfg, open_shared(name, paths))
    return cfg


def _load_weights(model: 'torch.nn.Module', checkpoint: str | Path) -> None:
    from ..utils.checkpoint import checkpoint_meta, load_weights

    content = load_weights(model, checkpoint, Path(model.cfg.filename).stem)
    meta = checkpoint_meta(content, checkpoint).get('dataset_meta')
    if meta is not None:
        model.dataset_meta = meta
