# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Model hub: list, build and run models by name, the stem of their config.

A config of this package is inherited in one's own config in either way:

- ``_base_ = __import__('mmfashion_ext').config_path('NAME')``, with any train
  script, mmdet's own included;
- ``_base_ = 'mmfashion_ext::match_rcnn/NAME.py'`` where this module has been
  imported before the config is read (``tools/train.py`` does), and the
  package is installed (``pip install -e .`` will do).

Importing this module imports neither torch nor a host.
"""

import difflib
import fnmatch
import importlib
import inspect
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UserError
from .plugins import (
    SYSTEMS,
    is_installed,
    require,
    require_package,
    tool_command,
    used_systems,
)
from .utils.config_errors import config_errors

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config

if is_installed('mmengine'):
    from mmengine.config.utils import MODULE2PACKAGE

    # MMEngine resolves `scope::config` for the scopes in this table only
    MODULE2PACKAGE.setdefault('mmfashion_ext', 'mmfashion_ext')

_PACKAGE = Path(__file__).resolve().parent


@cache
def root() -> Path:
    """Return the folder of ``configs/`` and ``model-index.yml``.

    Returns:
        Path: The repository of a clone, else the installed package's
        ``.mim``, which holds a copy.
    """
    for path in (_PACKAGE.parent, _PACKAGE / '.mim'):
        if (path / 'model-index.yml').is_file():
            return path
    raise FileNotFoundError(
        f'no model-index.yml in {_PACKAGE.parent} nor in {_PACKAGE}/.mim: '
        'the installation is incomplete. Run in a clone: pip install -e . '
        'Without one: pip install --force-reinstall --no-deps mmfashion_ext'
    )


def config_path(name: str) -> str:
    """Return the file of a config.

    Args:
        name (str): A config's stem, a path below ``configs/`` such as
            ``'match_rcnn/NAME.py'``, or the path of any config file.

    Returns:
        str: Path of an existing file.

    Raises:
        UserError: There is no such config; the message lists close ones.
    """
    configs = root() / 'configs'
    if name.endswith('.py'):
        for path in (configs / name, Path(name).expanduser()):
            if path.is_file():
                return str(path)
    paths = {path.stem: path for path in leaf_configs()}
    if name in paths:
        return str(paths[name])
    stem = Path(name).stem if name.endswith('.py') else name
    close = difflib.get_close_matches(stem, paths, cutoff=0.5)
    raise UserError(
        f'no config {name!r}. '
        + (f'Did you mean {" or ".join(close)}? ' if close else '')
        + 'mmfashion_ext.list_models() lists all names'
    )


def leaf_configs() -> list[Path]:
    """Return every config of a model, i.e. outside the ``_base_`` folders."""
    paths = (root() / 'configs').rglob('*.py')
    return sorted(path for path in paths if '_base_' not in path.parts)


def metafile_entries() -> list[dict]:
    """Return the ``Models`` of all metafiles, in the order of the index.

    Raises:
        UserError: A metafile cannot be read, or has not the form of one.
    """
    from .evaluation.metafile import read_metafiles

    metafiles = read_metafiles(root())
    return [entry for content in metafiles for entry in content['Models']]


def list_models(
    pattern: str | None = None, task: str | None = None
) -> list[str]:
    """Return the names of the models, from the metafiles.

    Args:
        pattern (str, optional): Part of the name, or a shell pattern such as
            ``'match-rcnn*synthetic*'``. Defaults to None: all.
        task (str, optional): Part of a task's name in any case, e.g.
            ``'landmark'``. Defaults to None: all.

    Returns:
        list[str]: Names, sorted.

    Raises:
        UserError: No model has such a task.
    """
    entries = metafile_entries()
    tasks = {name for entry in entries for name in entry['Metadata']['Tasks']}
    if task is not None:
        chosen = {name for name in tasks if task.lower() in name.lower()}
        if not chosen:
            raise UserError(
                f'no task {task!r}: must be part of one of {sorted(tasks)}'
            )
        entries = [e for e in entries if chosen & {*e['Metadata']['Tasks']}]
    names = sorted(entry['Name'] for entry in entries)
    if pattern is None:
        return names
    if not any(char in pattern for char in '*?['):
        pattern = f'*{pattern}*'
    return fnmatch.filter(names, pattern)


def published_weights(name: str) -> str:
    """Return the URL of a model's published weights.

    Args:
        name (str): Name of a model.

    Raises:
        UserError: None are published.
    """
    stem = Path(name).stem if name.endswith('.py') else name
    for entry in metafile_entries():
        if entry['Name'] == stem and entry.get('Weights'):
            return entry['Weights']
    raise UserError(
        f'no weights are published for {stem}. Train it '
        f'({tool_command("train.py")} {config_path(name)}) and pass its '
        'checkpoint: weights= of an inferencer, checkpoint= of the functions, '
        '--weights of the tools'
    )


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
        name (str): Name of a model, or path of a config file.
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
    cfg = _load_config(name)

    from mmengine.registry import MODELS

    from .utils.config_checkpoints import check_model_config
    from .utils.config_options import merge_options
    from .utils.host_scope import host_scope

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
        *inputs: What the inferencer is called with: images for Match R-CNN
            and landmarks; a query and a gallery for SCAN; a person, a cloth
            and perhaps the cloth's mask for try-on.
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


def _load_config(name: str) -> 'Config':
    path, configs = Path(config_path(name)), root() / 'configs'
    # a missing host is named by us, not by MMEngine's `_base_` look-up
    if path.is_relative_to(configs):
        system = path.relative_to(configs).parts[0]
        if system in SYSTEMS:
            require(system)
    require_package('mmengine', f'the config {name}')
    from .utils.host_scope import read_config

    return read_config(path)


def _load_weights(model: 'torch.nn.Module', checkpoint: str | Path) -> None:
    from .utils.checkpoint import checkpoint_meta, load_weights

    content = load_weights(model, checkpoint, Path(model.cfg.filename).stem)
    meta = checkpoint_meta(content, checkpoint).get('dataset_meta')
    if meta is not None:
        model.dataset_meta = meta


def inferencer_class(model: 'str | torch.nn.Module') -> type:
    """Return the inferencer of the system whose types a model's config names.

    The model may be a host's own, with a dataset of ours.

    Args:
        model (str | torch.nn.Module): Name of a model, path of a config file,
            or what :func:`get_model` built.

    Raises:
        UserError: The config names no system with an inferencer.
    """
    cfg = _load_config(model) if isinstance(model, str) else model.cfg
    from mmengine.config import Config

    parts = {key: cfg.get(key) for key in ('model', 'test_dataloader')}
    for system in used_systems(Config(parts)):
        package = importlib.import_module(f'mmfashion_ext.{system}')
        for name in package.__all__:
            if name.endswith('Inferencer'):
                return getattr(package, name)
    raise UserError(
        f"{cfg.filename}: the model names no 'mmfashion_ext.' type of a "
        'system with an inferencer, nor does test_dataloader. Use the '
        "inferencer of the model's host"
    )
