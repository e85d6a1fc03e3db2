# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Distance matrices in files, and metrics of several splits in a table."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from .reid import ReIDDistances, ReIDError

#: Arrays of a distance matrix file.
ARRAYS = tuple(field.name for field in fields(ReIDDistances))


def load_distances(path: str | Path) -> ReIDDistances:
    """Read a distance matrix, as data: no object in it is unpickled.

    Args:
        path (str | Path): ``.npz`` file with ``distmat`` (Q, G), ``q_pids``
            and ``q_camids`` (Q,), ``g_pids`` and ``g_camids`` (G,).

    Returns:
        ReIDDistances: Checked.

    Raises:
        FileNotFoundError: No such file.
        ReIDError: It is no such file, or its arrays do not fit.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'distance matrix not found: {path}')
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in ARRAYS if name not in file]
            arrays = {name: file[name] for name in ARRAYS if name in file}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, TypeError):
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


def summarize(results: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The metrics of one split, or mean and deviation of several.

    Args:
        results (Sequence[Mapping[str, float]]): Metrics of each split.

    Returns:
        dict[str, float]: Those of the only split; or of several: the mean
        under the metric's name, the standard deviation over the splits
        (their root mean square from the mean) under ``{name}_std``, and
        ``splits``, how many.
    """
    if len(results) == 1:
        return dict(results[0])
    summary = {}
    for name in results[0]:
        values = [result[name] for result in results]
        summary[name] = float(np.mean(values))
        summary[f'{name}_std'] = float(np.std(values))
    return {**summary, 'splits': len(results)}


def format_metrics(results: Mapping[str, Mapping[str, float]]) -> str:
    """The metrics as text: a row for each split and CMC, mean and deviation.

    Args:
        results (Mapping[str, Mapping[str, float]]): Name of a split -> its
            metrics, ``{variant}/CMC-{k}`` and ``mAP``.

    Returns:
        str: The table; ``mAP`` stands in the first row of a split.
    """
    names = list(next(iter(results.values())))
    rows = {split: dict(result) for split, result in results.items()}
    if len(rows) > 1:
        values = np.array([list(row.values()) for row in rows.values()])
        rows['mean'] = dict(zip(names, values.mean(axis=0), strict=True))
        rows['std'] = dict(zip(names, values.std(axis=0), strict=True))
    cmcs = [name.split('/') for name in names if '/' in name]
    variants = list(dict.fromkeys(variant for variant, _ in cmcs))
    ranks = list(dict.fromkeys(rank for _, rank in cmcs))
    table = Table('split', 'variant', box=box.SIMPLE_HEAD)
    for column in (*ranks, 'mAP'):
        table.add_column(column, justify='right')
    for split, row in rows.items():
        for variant in variants:
            cells = [f'{row[f"{variant}/{rank}"]:.3f}' for rank in ranks]
            first = variant == variants[0]
            name, average = (split, f'{row["mAP"]:.3f}') if first else ('', '')
            table.add_row(name, variant, *cells, average)
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().splitlines()
    return '\n'.join(line.rstrip() for line in lines if line.strip())
