# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Check the checkpoints that a config or a model names before a host reads.

MMEngine's loader falls back to the ordinary unpickler, which runs whatever
code a file holds. Hosts are not patched; they are given the paths of local
files that were read as data before.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.model import BaseModule, PretrainedInit
from torch import nn

from ..errors import UserError, did_you_mean
from .checkpoint import (
    CheckpointError,
    check_weights,
    extract_state_dict,
    load_checkpoint_file,
)
from .sources import is_url
from .tensor_file import is_tensor_file

#: Names of arguments whose values hosts load as checkpoints.
_KEYS = re.compile(
    r'(^|_)(checkpoint|ckpt|pretrained|weights?)(_path|_file)?$'
)
#: Endings of files that hold checkpoints whatever the argument is called.
_SUFFIXES = ('.pth', '.pt', '.ckpt', '.pth.tar', '.safetensors')
_SCHEME = 'mmfashion-safetensors://'
#: Least share of a module's numbers that a file for it has.
_LEAST_SHARE = 0.5


def checked_file(value: str) -> str:
    """Return the local file of what MMEngine would load, checked.

    Args:
        value (str): A file, a URL, or a name of MMEngine's schemes
            ``torchvision://``, ``open-mmlab://`` and ``mmcls://``.

    Returns:
        str: Path of a file that was read as data.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: It cannot be downloaded, or holds more than weights
            and plain values.
    """
    scheme, separator, name = value.partition('://')
    if not separator or scheme in ('http', 'https'):
        return str(check_weights(value))
    from mmengine.runner import checkpoint as host

    tables = {
        'torchvision': host.get_torchvision_models,
        'modelzoo': host.get_torchvision_models,
        'open-mmlab': host.get_external_models,
        'openmmlab': host.get_external_models,
        'mmcls': host.get_mmcls_models,
    }
    if scheme not in tables:
        return str(check_weights(value))  # says what to do
    if 'mmlab' in scheme:
        name = host.get_deprecated_model_names().get(name, name)
    urls = tables[scheme]()
    if not is_url(urls.get(name)):
        raise CheckpointError(
            f'{value}: MMEngine knows no such model{did_you_mean(name, urls)}'
        )
    return str(check_weights(urls[name]))


def check_model_config(model: Mapping[str, Any]) -> Any:
    """Check the checkpoints that are read while a model is built.

    Those of initialisers are read when a training starts: they are checked
    then, see :func:`check_initializers`, and classes of this package check
    theirs.

    Args:
        model (Mapping[str, Any]): Config of a model; not changed.

    Returns:
        Any: A copy that names local files in the place of URLs.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: See :func:`checked_file`.
    """
    model = deepcopy(model)
    for node in _dicts(model):
        if str(node.get('type')).startswith('mmfashion_ext.'):
            continue
        for key, value in node.items():
            if not isinstance(value, str) or not _names_a_file(key, value):
                continue
            if Path(value).is_file():
                check_weights(value)
            elif '://' in value and not _is_read_later(node, key):
                node[key] = checked_file(value)
    return model


def check_named_files(config: Mapping[str, Any]) -> None:
    """Check every file that a config names as a checkpoint, wherever it is.

    Args:
        config (Mapping[str, Any]): A whole config.

    Raises:
        CheckpointError: One holds more than weights and plain values.
    """
    checked = set()
    for node in _dicts(config):
        for key, value in node.items():
            if (
                isinstance(value, str)
                and value not in checked
                and _names_a_file(key, value)
                and Path(value).is_file()
            ):
                checked.add(value)
                check_weights(value)


def check_initializers(model: nn.Module) -> None:
    """Replace the checkpoints of a model's initialisers by checked files.

    Args:
        model (nn.Module): Its modules' ``init_cfg`` are changed in place,
            also where they are nested.

    Raises:
        UserError: A file is missing, or is of another network.
        CheckpointError: See :func:`checked_file`.
    """
    for name, module in model.named_modules():
        where = f'model.{name}' if name else 'model'
        init_cfg = getattr(module, 'init_cfg', None)
        if isinstance(init_cfg, dict | list | tuple):
            module.init_cfg = init_cfg = deepcopy(init_cfg)
            for node in _dicts(init_cfg):
                if isinstance(node.get('checkpoint'), str):
                    _check_initializer(node, f'{where}.init_cfg')
            _check_fit(module, init_cfg, f'{where}.init_cfg')
            _use_own_reader(init_cfg)
        for key, value in list(vars(module).items()):
            # arguments that older classes keep until init_weights
            if (
                isinstance(value, str)
                and _KEYS.search(key)
                and not type(module).__module__.startswith('mmfashion_ext.')
                and ('://' in value or Path(value).is_file())
            ):
                setattr(module, key, checked_file(value))


def _check_initializer(node: dict, where: str) -> None:
    """Replace the file of one initialiser."""
    value = node['checkpoint']
    try:
        node['checkpoint'] = checked_file(value)
    except FileNotFoundError:
        raise UserError(
            f'{where}.checkpoint: {value!r} is not a file; the training '
            f'starts from it. Give another one by --cfg-options '
            f'{where}.checkpoint=PATH, or start from random weights by '
            f'{where}=None'
        ) from None
    if value.startswith('mmcls://'):  # weights of a classifier's backbone
        node['prefix'] = 'backbone.' + (node.get('prefix') or '')


def _use_own_reader(init_cfg: Any) -> None:
    """Have safetensors files read by us: MMEngine's loader cannot."""
    from mmengine.runner.checkpoint import CheckpointLoader

    for node in _dicts(init_cfg):
        path = node.get('checkpoint')
        if isinstance(path, str) and is_tensor_file(path):
            if _SCHEME not in CheckpointLoader._schemes:
                CheckpointLoader.register_scheme(_SCHEME, _read_own)
            node['checkpoint'] = _SCHEME + path


def _read_own(filename: str, map_location: Any = None) -> dict:
    return load_checkpoint_file(filename.removeprefix(_SCHEME), map_location)


def _check_fit(module: nn.Module, init_cfg: Any, where: str) -> None:
    """Refuse weights of another network, which MMEngine would leave out.

    Raises:
        UserError: Hardly a weight fits.
    """
    converts = (
        getattr(type(module), 'init_weights', None)
        is not BaseModule.init_weights
        or module._load_state_dict_pre_hooks
    )
    nodes = init_cfg if isinstance(init_cfg, list | tuple) else [init_cfg]
    for node in nodes:
        if converts or not is_pretrained(node):
            continue
        path, prefix = node['checkpoint'], node.get('prefix') or ''
        prefix = f'{prefix.rstrip(".")}.' if prefix else ''
        content = load_checkpoint_file(path, mmap=True)
        weights = extract_state_dict(content, path)
        expected = module.state_dict()
        fitting = [
            value.numel()
            for name, value in expected.items()
            if prefix + name in weights
            and weights[prefix + name].shape == value.shape
        ]
        share = sum(fitting) / max(
            sum(v.numel() for v in expected.values()), 1
        )
        if share < _LEAST_SHARE:
            raise UserError(
                f'{where}.checkpoint: {path} has {len(fitting)} of the '
                f'{len(expected)} weights of {type(module).__name__}'
                f'{f" below {prefix}" if prefix else ""} ({share:.0%} of its '
                'numbers): it is of another network. Pass the weights of '
                'this one'
            )
        if share < 1:
            print_log(
                f'{where}: {share:.0%} of {type(module).__name__} from {path}',
                logger='current',
            )


def is_pretrained(node: Any) -> bool:
    """Return whether an initialiser's config is of MMEngine's pretrained."""
    if not isinstance(node, dict) or not isinstance(
        node.get('checkpoint'), str
    ):
        return False
    kind = node.get('type')
    if isinstance(kind, type):
        return issubclass(kind, PretrainedInit)
    return str(kind).rpartition('.')[2] in ('Pretrained', 'PretrainedInit')


def _is_read_later(node: dict, key: str) -> bool:
    """Return whether a checkpoint is read by ``init_weights``."""
    return key == 'pretrained' or is_pretrained(node)


def _names_a_file(key: object, value: str) -> bool:
    return bool(
        _KEYS.search(str(key)) or value.lower().endswith(_SUFFIXES)
    ) and not value.startswith('\n')


def _dicts(node: Any) -> Iterator[dict]:
    """Yield all dicts of a config, those that are nested too."""
    if isinstance(node, Mapping):
        yield node  # type: ignore[misc]
        node = list(node.values())
    if isinstance(node, list | tuple):
        for child in node:
            yield from _dicts(child)
