# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Catalogue of the models: their configs and metafile entries, by name."""

import difflib
import fnmatch
from functools import cache
from pathlib import Path

from ..errors import UserError
from ..plugins import is_installed, tool_command
from ..utils.files import file_sha256
from ..utils.sources import check_regular_file, is_url

if is_installed('mmengine'):
    from mmengine.config.utils import MODULE2PACKAGE

    # MMEngine resolves `scope::config` for the scopes in this table only
    MODULE2PACKAGE.setdefault('mmfashion_ext', 'mmfashion_ext')

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
    from ..evaluation.metafile import read_metafiles

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
    stem = Path(name).stem if name.endswith('.py') else name
    for entry in metafile_entries():
        if entry['Name'] == stem and entry.get('Weights'):
            return _locate(entry)
    raise UserError(
        f'no weights are published for {stem}. Train it '
        f'({tool_command("train.py")} {config_path(name)}) and pass its '
        'checkpoint: weights= of an inferencer, checkpoint= of the functions, '
        '--weights of the tools'
    )


def _locate(entry: dict) -> str:
    weights = entry['Weights']
    sha256 = entry['Metadata'].get('SHA-256')
    if is_url(weights):
        return f'{weights}#sha256={sha256}' if sha256 else weights
    file = root() / weights
    remedy = (
        'get the file again (git checkout, or pip install --force-reinstall '
        '--no-deps mmfashion_ext), or pass a checkpoint of your own'
    )
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
