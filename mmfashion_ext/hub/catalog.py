# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Catalogue of the models: their configs and metafile entries, by name."""

import difflib
from functools import cache
from pathlib import Path

from ..errors import UserError, describe
from ..plugins import is_installed, tool_command
from ..utils.downloads import (
    MIRROR,
    cached_download,
    is_downloaded,
    mirror_url,
)
from ..utils.files import file_sha256
from ..utils.sources import check_regular_file, is_url
from .shared import is_shared, open_shared

if is_installed('mmengine'):
    from mmengine.config.utils import MODULE2PACKAGE

    # MMEngine resolves `scope::config` for the scopes in this table only
    MODULE2PACKAGE.setdefault('mmfashion_ext', 'mmfashion_ext')

#: Levels of the aliases: how fast, and how exact, a model is.
LEVELS = ('lightweight', 'balanced', 'performance')
_SPELLINGS = {'try-on': 'tryon'}
_PACKAGE = Path(__file__).resolve().parents[1]


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
        name (str): A config's stem, an alias (see :func:`model_name`), a path
            below ``configs/`` such as ``'match_rcnn/NAME.py'``, or the path
            of any config file. Of a shared model (:mod:`.shared`): the config
            that it is based on.

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
    if is_shared(name):
        return str(paths[open_shared(name, paths).base])
    if name not in paths:
        name = model_name(name)
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
    from ..evaluation.metafile import read_metafiles

    metafiles = read_metafiles(root())
    return [entry for content in metafiles for entry in content['Models']]


def aliases() -> dict[str, str]:
    """Return the other names of models, as the metafiles list them.

    An alias is ``SYSTEM:LEVEL``, or ``TASK:LEVEL`` where a system has several
    kinds of models; LEVEL is one of :data:`LEVELS`.

    Returns:
        dict[str, str]: Alias -> name of a model.

    Raises:
        UserError: Two models have the same alias.
    """
    found: dict[str, str] = {}
    for entry in metafile_entries():
        for alias in entry.get('Aliases') or ():
            if alias in found:
                raise UserError(
                    f'the alias {alias!r} is given to {found[alias]} and to '
                    f'{entry["Name"]} in the metafiles; remove one'
                )
            found[alias] = entry['Name']
    return found


def model_name(name: str) -> str:
    """Return the name of a model for any name of it.

    Args:
        name (str): An alias, such as ``'match-rcnn:lightweight'``; before the
            colon ``_`` is as good as ``-``, and without the colon
            ``:balanced`` is added to what the aliases begin with. Anything
            else is returned as it is.

    Raises:
        UserError: No model has such an alias.
    """
    if is_shared(name):
        return name
    kind, colon, level = name.lower().replace('_', '-').partition(':')
    if colon and level not in LEVELS:
        return name
    known = aliases()
    alias = f'{_SPELLINGS.get(kind, kind)}:{level or "balanced"}'
    if alias in known:
        return known[alias]
    if not colon:
        return name
    raise UserError(
        f'no model is called {name!r}; the aliases are '
        f'{describe(sorted(known)) or "none so far"}, and '
        'mmfashion_ext.list_models() lists all names'
    )


def system_of(entry: dict) -> str:
    """Return the system of a metafile's entry: its folder of configs."""
    return Path(entry['Config']).parts[1]


def published_weights(name: str) -> str:
    """Return where a model's published weights are: a file or a URL.

    Weights that this package carries are checked here: their SHA-256 is the
    one of the metafile. A URL ends in ``#sha256=...`` where the metafile has
    one, by which :mod:`.downloads` checks what it downloads.

    Args:
        name (str): Name of a model.

    Returns:
        str: Path of an existing file, or a URL.

    Raises:
        UserError: None are published, or the file is missing or damaged.
    """
    if is_shared(name):
        paths = {path.stem: path for path in leaf_configs()}
        return str(open_shared(name, paths).weights)
    stem = Path(name).stem if name.endswith('.py') else name
    entries = {entry['Name']: entry for entry in metafile_entries()}
    if stem not in entries:
        stem = model_name(stem)
    if (entry := entries.get(stem)) and entry.get('Weights'):
        return locate_weights(entry)
    raise UserError(
        f'no weights are published for {stem}. Train it '
        f'({tool_command("train.py")} {config_path(name)}) and pass its '
        'checkpoint: weights= of an inferencer, checkpoint= of the functions, '
        '--weights of the tools'
    )


def fetch_weights(name: str) -> Path:
    """Return the file of a model's published weights; download it if needed.

    Args:
        name (str): Name of a model.

    Returns:
        Path: An existing file with the SHA-256 of the metafile.

    Raises:
        UserError: See :func:`published_weights`.
        DownloadError: It cannot be downloaded.
    """
    where = published_weights(name)
    return cached_download(where) if is_downloaded(where) else Path(where)


def locate_weights(entry: dict) -> str:
    """Return where the weights of a published entry are: a file or a URL.

    Args:
        entry (dict): ``Name``, ``Weights`` (a path below :func:`root`, or a
            URL) and ``Metadata`` with ``SHA-256``.

    Raises:
        UserError: The file is missing or damaged.
    """
    weights = entry['Weights']
    sha256 = entry['Metadata'].get('SHA-256')
    if is_url(weights):
        return f'{weights}#sha256={sha256}' if sha256 else weights
    file = root() / weights
    remedy = (
        'get the file again (git checkout, or pip install --force-reinstall '
        f'--no-deps mmfashion_ext), set {MIRROR} to a folder or URL that has '
        'it, or pass a checkpoint of your own'
    )
    if not file.exists() and (url := mirror_url(file.name)):
        return f'{url}#sha256={sha256}'
    try:
        check_regular_file(file)
    except UserError as error:
        raise UserError(
            f'published weights of {entry["Name"]}: {error}; {remedy}'
        ) from None
    if (found := file_sha256(file)) != sha256:
        raise UserError(
            f'{file}: the published weights of {entry["Name"]} are damaged: '
            f'SHA-256 {found}, expected {sha256}; {remedy}'
        )
    return str(file)
