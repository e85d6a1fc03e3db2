# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Models that people share: ``hf-hub:org/name`` and ``local-dir:path``.

A shared model is a folder, or a repository of Hugging Face, with
``config.json`` and ``model.safetensors``. The config cannot run code: it is
not an MMEngine config, whose ``type`` may name any function of Python, but the
name of a config of this package and options that change numbers and words in
it (:func:`check_options`). The weights are safetensors with the SHA-256 that
the config says.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError, did_you_mean
from ..formats.checks import Fields, require
from ..formats.rules import Choice, Text
from ..plugins import require_package
from ..utils.files import file_sha256, read_json
from ..utils.sources import check_regular_file

if TYPE_CHECKING:
    from mmengine.config import Config

HUGGING_FACE, LOCAL = 'hf-hub:', 'local-dir:'
CONFIG_FILE, WEIGHTS_FILE = 'config.json', 'model.safetensors'
FORMAT = 'mmfashion_ext.model/1'
#: Parts of a config that options may change.
SECTIONS = (
    'model',
    'test_dataloader.dataset.pipeline',
    'test_dataloader.dataset.metainfo',
)

_MAX_CONFIG = 10**6  # bytes
_REPOSITORY = re.compile(r'(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w./-]*))?')
_KEY = re.compile(r'[a-zA-Z0-9]\w*(\.[a-zA-Z0-9]\w*)*')
#: Arguments whose values are names of classes, or of files to be read.
_REFUSED = re.compile(
    r'(^|_)(type|checkpoint|ckpt|pretrained|weights?|file|path|root|dir|url'
    r'|prefix|backend|backend_args|imports)$'
)
_WORDS = re.compile(r'[\w .,+-]{0,100}')
_FIELDS: Fields = {
    'format': Choice((FORMAT,)),
    'model': Text('the name of a config'),
    'options': None,
    'sha256': Text('64 hexadecimal digits'),
}


@dataclass(frozen=True)
class SharedModel:
    """A shared model whose files were checked.

    Attributes:
        name (str): As it was given.
        base (str): Name of a config of this package.
        options (dict[str, Any]): Dotted key -> value.
        weights (Path): A safetensors file.
        said (dict[str, str]): Licence and training data, as its maker says.
    """

    name: str
    base: str
    options: dict[str, Any]
    weights: Path
    said: dict[str, str]


def is_shared(name: str) -> bool:
    """Return whether a name is that of a shared model."""
    return name.startswith((HUGGING_FACE, LOCAL))


def open_shared(name: str, known: Mapping[str, Path]) -> SharedModel:
    """Find the files of a shared model and check them.

    Args:
        name (str): ``hf-hub:org/name``, ``hf-hub:org/name@revision``, or
            ``local-dir:path``.
        known (Mapping[str, Path]): The configs of this package by name.

    Returns:
        SharedModel: Its options are yet to be checked, see
        :func:`merge_shared`.

    Raises:
        UserError: There is no such folder or repository, or its files are not
            those of a shared model.
        ImportError: ``huggingface_hub`` is not installed.
    """
    if name.startswith(HUGGING_FACE):
        folder = _download(name)
    else:
        folder = Path(name.removeprefix(LOCAL)).expanduser()
    for file in (folder / CONFIG_FILE, folder / WEIGHTS_FILE):
        try:
            check_regular_file(file)
        except UserError as error:
            raise UserError(
                f'{name}: {error}; expected a folder that '
                'mmfashion_ext.zoo.sharing wrote'
            ) from None
    config = folder / CONFIG_FILE
    if config.stat().st_size > _MAX_CONFIG:
        raise UserError(f'{config}: more than {_MAX_CONFIG} bytes')
    content = read_json(config, 'config')
    require(content, _FIELDS, f'{config}:')
    base, options = content['model'], content['options']
    if base not in known:
        raise UserError(
            f'{config}: this version of mmfashion_ext has no config '
            f'{base!r:.200}{did_you_mean(base, known)}; a newer one may have'
        )
    if not isinstance(options, dict):
        raise UserError(f'{config}: options: expected an object')
    weights = folder / WEIGHTS_FILE
    if (found := file_sha256(weights)) != content['sha256']:
        raise UserError(
            f'{weights}: SHA-256 {found}, expected {content["sha256"]:.64} as '
            f'{CONFIG_FILE} says; get the model again'
        )
    said = {
        key: content[key]
        for key in ('license', 'training_data')
        if isinstance(content.get(key), str)
    }
    return SharedModel(name, base, options, weights, said)


@cache  # one revision for a process, of both files
def _download(name: str) -> Path:
    match = _REPOSITORY.fullmatch(name.removeprefix(HUGGING_FACE))
    if match is None:
        raise UserError(
            f'{name!r}: expected {HUGGING_FACE}ORGANISATION/NAME, perhaps '
            'with @REVISION'
        )
    require_package('huggingface_hub', name)
    import huggingface_hub

    try:
        folder = huggingface_hub.snapshot_download(
            repo_id=match[1],
            revision=match[2],
            allow_patterns=[CONFIG_FILE, WEIGHTS_FILE],
        )
    except Exception as error:  # those of any of its HTTP libraries
        reason = ' '.join(str(error).split())[:300]
        raise UserError(
            f'{name}: cannot be downloaded ({reason}). Check the name and the '
            'connection; a private model needs a token (hf auth login)'
        ) from None
    return Path(folder)


def merge_shared(cfg: 'Config', shared: SharedModel) -> None:
    """Merge the options of a shared model into its config, once checked.

    Args:
        cfg (Config): The config of ``shared.base``; changed in place.
        shared (SharedModel): See :func:`open_shared`.

    Raises:
        UserError: See :func:`check_options`.
    """
    check_options(cfg, shared.options, shared.name)
    cfg.merge_from_dict(dict(shared.options), allow_list_keys=True)


def check_options(
    cfg: 'Config', options: Mapping[str, Any], where: str
) -> None:
    """Check that options change numbers and words of a config, no more.

    A key must be in the config already, below one of :data:`SECTIONS`, and
    may not be the argument of a class or a file. A value is a number, a truth
    value, None, a word, or a list of these such as (w, h), as what it
    replaces is.

    Args:
        cfg (Config): The config, of this package.
        options (Mapping[str, Any]): Dotted key -> value, from a stranger.
        where (str): Where they are from, for the message.

    Raises:
        UserError: One of them is refused.
    """
    for key, value in options.items():
        at = f'{where}: option {str(key)[:100]!r}'
        below = [key.startswith(f'{section}.') for section in SECTIONS]
        if not _KEY.fullmatch(key) or not any(below):
            raise UserError(
                f'{at}: expected a key below {", ".join(SECTIONS)}'
            )
        old = _look_up(cfg, key.split('.'), at)
        refused = any(_REFUSED.search(part) for part in key.split('.'))
        if refused and not (_is_number(old) and _is_number(value)):
            raise UserError(
                f'{at}: names a class or a file, which a shared model may not '
                'choose'
            )
        _check_value(old, value, at)


def _look_up(node: Any, parts: list[str], at: str) -> Any:
    for part in parts:
        if isinstance(node, list | tuple):
            index = int(part) if part.isdecimal() else len(node)
            if index >= len(node):
                raise UserError(f'{at}: the config has no such item')
            node = node[index]
        elif hasattr(node, 'keys') and part in node:
            node = node[part]
        else:
            raise UserError(f'{at}: the config has no such key')
    return node


def _check_value(old: Any, value: Any, at: str) -> None:
    kinds = [_kind(old), _kind(value)]
    if 'other' in kinds or (kinds[0] != kinds[1] and 'None' not in kinds):
        raise UserError(
            f'{at}: {value!r:.60} in the place of {old!r:.60}, expected a '
            'number, a truth value, a word, or a list of these, as before'
        )


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return type(value).__name__.removesuffix('Type')
    if _is_number(value):
        return 'number'
    if isinstance(value, str):
        return 'word' if _WORDS.fullmatch(value) else 'other'
    if isinstance(value, list | tuple):
        plain = all(_kind(member) != 'other' for member in value)
        return 'list' if plain else 'other'
    return 'other'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
