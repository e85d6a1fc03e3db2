# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Re-identification offline: distance matrix files, and tables of metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar
from zipfile import ZipFile

import numpy as np
from rich import box
from rich.table import Table

from ..errors import UserError
from ..formats.archives import unpacked_limit
from ..formats.rules import as_numbers, show
from ..utils.sources import check_regular_file
from .reid import DRAWS, ReIDDistances, ReIDError, evaluate_reid
from .tables import render_tables

#: Arrays of a distance matrix file.
ARRAYS = tuple(field.name for field in fields(ReIDDistances))

_Value = TypeVar('_Value')


def load_distances(path: str | Path) -> ReIDDistances:
    """Read a distance matrix, as data: no object in it is unpickled.

    Args:
        path (str | Path): ``.npz`` file with ``distmat`` (Q, G), ``q_pids``
            and ``q_camids`` (Q,), ``g_pids`` and ``g_camids`` (G,).

    Returns:
        ReIDDistances: Checked.

    Raises:
        FileNotFoundError: No such file.
        ReIDError: The file has another form, or its arrays do not fit.
        UserError: It is not a regular file, or unpacks to much more than its
            size.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f'distance matrix not found: {path}')
    check_regular_file(Path(path))
    try:
        _check_size(Path(path))
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in ARRAYS if name not in file]
            arrays = {name: file[name] for name in ARRAYS if name in file}
    except UserError:
        raise
    # NumPy, zipfile and zlib raise errors of a dozen classes on damaged files
    except Exception:
        raise ReIDError(
            f'{path} cannot be read as an .npz file of plain arrays. Write '
            'it again with numpy.savez and the keywords '
            f'{", ".join(ARRAYS)}'
        ) from None
    if missing:
        raise ReIDError(
            f'{path} lacks {", ".join(missing)}; expected the arrays '
            f'{", ".join(ARRAYS)}, found '
            f'{", ".join(arrays) or "none of them"}'
        )
    try:
        return ReIDDistances(**arrays)
    except ReIDError as error:
        raise ReIDError(f'{path}: {error}') from None


def _check_size(path: Path) -> None:
    """Check that the arrays of an .npz file are not a decompression bomb.

    Raises:
        UserError: They are.
    """
    with ZipFile(path) as archive:
        size = sum(info.file_size for info in archive.infolist())
    packed = path.stat().st_size
    if size > unpacked_limit(packed):
        raise UserError(
            f'{path} has {packed:,} bytes and unpacks to {size:,}, more than '
            f'the {unpacked_limit(packed):,} that are read; write it again '
            'with numpy.savez'
        )


def evaluate_file(
    path: str | Path, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, float]:
    """Compute CMC and mAP of a distance matrix file.

    Args:
        path (str | Path): File of (Q, G) distances, see
            :func:`load_distances`.
        draws (int): Galleries drawn for ``cuhk03``.
        seed (int): Seed of these draws.

    Returns:
        dict[str, float]: See :func:`~.reid.evaluate_reid`, 0-1.

    Raises:
        FileNotFoundError: No such file.
        ReIDError: The file cannot be evaluated; names it.
    """
    distances = load_distances(path)
    try:
        return evaluate_reid(distances, draws=draws, seed=seed)
    except ReIDError as error:
        raise ReIDError(f'{path}: {error}') from None


def shorten_paths(results: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return results under their files' names instead of paths.

    Args:
        results (Mapping[str, Any]): Path -> anything.

    Returns:
        dict[str, Any]: File name -> the same; paths stay if two files in
        several folders have one name.
    """
    shortened = {Path(path).name: value for path, value in results.items()}
    return shortened if len(shortened) == len(results) else dict(results)


def summarize(results: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Compute mean and standard deviation of the metrics of several splits.

    Args:
        results (Sequence[Mapping[str, float]]): Metrics of each split, at
            least one.

    Returns:
        dict[str, float]: Of one split its metrics; of several the mean under
        the metric's name, the standard deviation over the splits (their root
        mean square from the mean) under ``{name}_std``, and ``splits``, how
        many.

    Raises:
        ReIDError: The splits have different metrics.
    """
    names = _metric_names(results)
    if len(results) == 1:
        return dict(results[0])
    summary = {}
    for name in names:
        values = [result[name] for result in results]
        summary[name] = float(np.mean(values))
        summary[f'{name}_std'] = float(np.std(values))
    return {**summary, 'splits': len(results)}


def format_metrics(results: Mapping[str, Mapping[str, float]]) -> str:
    """Format metrics as text: a row per split and CMC, mean and deviation.

    Args:
        results (Mapping[str, Mapping[str, float]]): Name of a split -> its
            metrics, ``{variant}/CMC-{k}`` and ``mAP``, 0-1.

    Returns:
        str: The table; ``mAP`` is in the first row of a split, ``-`` where a
        metric was not computed.

    Raises:
        ReIDError: The splits have different metrics.
    """
    names = _metric_names(list(results.values()))
    rows = {split: dict(result) for split, result in results.items()}
    if len(rows) > 1:
        values = np.array([[row[n] for n in names] for row in rows.values()])
        rows['mean'] = dict(zip(names, values.mean(axis=0), strict=True))
        rows['std'] = dict(zip(names, values.std(axis=0), strict=True))
    cmcs = [name.split('/') for name in names if '/CMC-' in name]
    variants = list(dict.fromkeys(variant for variant, _ in cmcs))
    ranks = list(dict.fromkeys(rank for _, rank in cmcs))
    table = Table('split', 'variant', box=box.SIMPLE_HEAD)
    for column in (*ranks, 'mAP'):
        table.add_column(column, justify='right')
    for split, row in rows.items():
        mean_ap = _cell(row.get('mAP'))
        for variant in variants:
            cells = [_cell(row.get(f'{variant}/{rank}')) for rank in ranks]
            if variant == variants[0]:
                table.add_row(split, variant, *cells, mean_ap)
            else:
                table.add_row('', variant, *cells, '')
    return render_tables(table, width=120)


def _metric_names(results: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the metrics; all splits must have the same, with numbers."""
    names = list(results[0])
    for number, result in enumerate(results):
        if different := set(result) ^ set(names):
            raise ReIDError(
                f'result {number} and result 0 differ in the metrics '
                f'{show(sorted(different))}; evaluate all splits in '
                'the same way'
            )
        for name, value in result.items():
            values = as_numbers(value)
            if values is None or values.ndim or not np.isfinite(values):
                raise ReIDError(
                    f'result {number} has {show(value)} for {name}, expected '
                    'a finite number; evaluate the split again'
                )
    return names


def _cell(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'
