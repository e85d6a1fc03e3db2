# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Publish a model: a small, safe checkpoint and its entry in the metafile."""

import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import hub
from .errors import UserError
from .evaluation.metafile import METAFILE, update_entry
from .utils.checkpoint import (
    CheckpointError,
    checkpoint_meta,
    extract_state_dict,
    load_checkpoint_file,
    load_strictly,
    load_weights,
)
from .utils.files import atomic_write, file_sha256
from .utils.tensor_file import SUFFIX, write_tensor_file

#: What a file of the zoo keeps of a training's ``meta``; the config and the
#: versions, which name folders and machines, stay out.
_ZOO_META = ('dataset_meta', 'epoch', 'iter')


def check_date(day: str) -> None:
    """Check the date of a published file.

    Args:
        day (str): ``YYYYMMDD``.

    Raises:
        UserError: There is no such day, or it is written in another way.
    """
    try:
        right = f'{datetime.strptime(day, "%Y%m%d"):%Y%m%d}' == day
    except ValueError:
        right = False
    if not right:
        raise UserError(
            f'date {day!r}: expected a day as YYYYMMDD, e.g. 20260131'
        )


def publish_checkpoint(
    source: Path,
    name: str,
    out_dir: Path,
    day: str,
    *,
    model: nn.Module | None = None,
    trust: bool = False,
) -> Path:
    """Write the published form of a checkpoint.

    Keeps the weights (the averaged ones where there was an EMA) and the plain
    values of ``meta``; drops optimizer, schedulers and logs. The same weights
    give the same file, and so the same name.

    Args:
        source (Path): A training checkpoint, or any file of weights.
        name (str): The config's name.
        out_dir (Path): Created if missing.
        day (str): ``YYYYMMDD``.
        model (nn.Module, optional): The model of that name, which the weights
            must fit to the last key. Defaults to None: not checked.
        trust (bool): Unpickle the source, which runs whatever code it holds.
            Defaults to False.

    Returns:
        Path: ``out_dir/NAME_DAY-SHA8.pth``, which loads with
        ``torch.load(weights_only=True)``.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: The source is not a checkpoint, holds objects and
            ``trust`` is not set, or weights of another model.
        UserError: ``day`` is not a date.
    """
    check_date(day)
    weights, meta = _read(source, name, model, trust)
    published = {'meta': to_plain(meta), 'state_dict': weights}
    with atomic_write(out_dir / f'{name}.pth') as temporary:
        with temporary.open('wb') as file:
            # through a file object: by path, torch writes the file's name
            # into the archive, and the same weights get another hash
            torch.save(published, file)
        torch.load(temporary, map_location='cpu', weights_only=True)
        sha8 = file_sha256(temporary)[:8]
    target = out_dir / f'{name}_{day}-{sha8}.pth'
    (out_dir / f'{name}.pth').replace(target)
    return target


def publish_to_zoo(
    source: Path,
    name: str,
    folder: Path,
    *,
    model: nn.Module,
    half: bool = True,
    trust: bool = False,
) -> Path:
    """Write the weights of a model as a file of the zoo, and read them back.

    The averaged weights where there was an EMA; of ``meta`` the classes and
    the like (``dataset_meta``), epoch and iteration. The same weights give
    the same file, and so the same name.

    Args:
        source (Path): A training checkpoint, or any file of weights.
        name (str): The config's name.
        folder (Path): Created if missing; ``weights/`` of the repository.
        model (nn.Module): The model of that name, which the weights must fit
            to the last key; it gets those that were written.
        half (bool): Matrices (m, n) and filters as float16, see
            :func:`~.utils.tensor_file.write_tensor_file`. Defaults to True.
        trust (bool): See :func:`publish_checkpoint`.

    Returns:
        Path: ``folder/NAME-SHA8.safetensors``.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: See :func:`publish_checkpoint`.
    """
    weights, meta = _read(source, name, model, trust)
    meta = {k: to_plain(meta[k]) for k in _ZOO_META if meta.get(k) is not None}
    return write_zoo_file(weights, meta, name, folder, model=model, half=half)


def write_zoo_file(
    weights: Mapping[str, Tensor],
    meta: dict[str, Any],
    name: str,
    folder: Path,
    *,
    model: nn.Module,
    half: bool = True,
) -> Path:
    """Write weights as a file of the zoo, and read them back.

    Args:
        weights (Mapping[str, Tensor]): Those of ``model``, to the last key.
        meta (dict): What JSON can hold.
        name (str): Of the file.
        folder (Path): Created if missing.
        model (nn.Module): Gets the weights that were written.
        half (bool): See :func:`publish_to_zoo`.

    Returns:
        Path: ``folder/NAME-SHA8.safetensors``.
    """
    with tempfile.TemporaryDirectory(prefix='publish_') as temporary:
        file = Path(temporary, f'{name}{SUFFIX}')
        write_tensor_file(file, weights, meta, half=half)
        load_weights(model, file, name)
        target = folder / f'{name}-{file_sha256(file)[:8]}{SUFFIX}'
        with atomic_write(target) as partial:
            shutil.copyfile(file, partial)
    return target


def zoo_metadata(file: Path, model: nn.Module) -> dict[str, Any]:
    """Return what a metafile says of a file of the zoo.

    Args:
        file (Path): What :func:`publish_to_zoo` wrote.
        model (nn.Module): The model of its weights.

    Returns:
        dict: ``SHA-256``, ``File Size (MB)`` and ``Parameters (M)``; of
        1,000,000 bytes and parameters.
    """
    parameters = sum(value.numel() for value in model.parameters())
    return {
        'SHA-256': file_sha256(file),
        'File Size (MB)': round(file.stat().st_size / 1e6, 2),
        'Parameters (M)': round(parameters / 1e6, 2),
    }


def _read(
    source: Path, name: str, model: nn.Module | None, trust: bool
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return weights, which fit the model, and ``meta`` of a checkpoint."""
    content = _load_trusted(source) if trust else load_checkpoint_file(source)
    weights = extract_state_dict(content, source)
    if model is not None:
        load_strictly(model, weights, source, name)
    meta = checkpoint_meta(content, source) if 'state_dict' in content else {}
    return weights, meta


def _load_trusted(source: Path) -> Any:
    try:
        return torch.load(source, map_location='cpu', weights_only=False)
    except OSError:
        raise
    except Exception as error:  # unpickling runs any code
        raise CheckpointError(
            f'{source} cannot be unpickled as a checkpoint '
            f'({type(error).__name__}: {error}); check the file'
        ) from error


def to_plain(value: Any) -> Any:
    """Return a value in plain Python types.

    Args:
        value: Anything. Arrays become lists, sets sorted lists, keys of
            dicts text.

    Returns:
        Any: None, bool, int, float, str, and lists and dicts of these; None
        in the place of what has no plain form.
    """
    if type(value) in (type(None), bool, int, float, str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): to_plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple | set):
        items = sorted(value, key=str) if isinstance(value, set) else value
        return [to_plain(item) for item in items]
    return None


def find_metafile(name: str) -> Path:
    """Return the metafile of a model: the nearest one above its config.

    Args:
        name (str): Name of the model, or path of its config.

    Raises:
        UserError: No such config, or no metafile above it.
    """
    config = Path(hub.config_path(name)).resolve()
    for folder in config.parents:
        if (folder / METAFILE).is_file():
            return folder / METAFILE
        if folder == hub.root():
            break
    raise UserError(f'no {METAFILE} in any folder above {config}')


def update_metafile(
    name: str,
    metrics: dict[str, float] | None,
    url: str | None,
    metadata: dict[str, Any] | None = None,
    **options: Any,
) -> Path:
    """Write numbers and the weights' address into a model's entry.

    Args:
        name (str): Name of the model, or path of its config.
        metrics (dict[str, float], optional): What ``tools/test.py --out``
            wrote, see :func:`~.evaluation.metafile.build_results`.
        url (str, optional): Where the weights can be downloaded, or their
            path below the folder of ``model-index.yml``.
        metadata (dict, optional): Goes into ``Metadata``.
        **options: ``dataset`` and ``aliases``, see
            :func:`~.evaluation.metafile.update_entry`.

    Returns:
        Path: The metafile.

    Raises:
        UserError: No metafile has an entry of this model, or the metrics
            cannot be used.
    """
    path = find_metafile(name)
    stem = Path(hub.config_path(name)).stem
    update_entry(path, stem, metrics, url, metadata, **options)
    return path
