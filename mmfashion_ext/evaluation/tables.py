# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Metrics as text: overall, by category, and the subset table of the paper."""

import io

from rich import box
from rich.console import Console
from rich.table import Table

from ..formats.deepfashion2.constants import ATTRIBUTES
from .consumer_to_shop import TOPK
from .tasks import SUBSET_METRICS

_RETRIEVAL_COLUMNS = (*(f'top-{k}' for k in TOPK), 'query_num', 'miss_num')


def format_tables(metrics: dict[str, dict[str, float]]) -> str:
    """Format AP and AR as text: overall, and, if given, by part of the data.

    Args:
        metrics (dict[str, dict[str, float]]): Title of a column (for
            instance the task) -> output of :func:`~.coco_eval.evaluate`,
            0-1.

    Returns:
        str: A table of the overall metrics, one of the categories' AP and
        one of the subsets; ``-`` where a metric does not exist or has no
        ground truth.
    """
    names = list(dict.fromkeys(name for m in metrics.values() for name in m))
    overall = [name for name in names if '/' not in name]
    tables = [_table('overall', overall, overall, metrics)]
    rows = [name for name in names if name.startswith('AP/')]
    if rows:
        labels = [name.removeprefix('AP/') for name in rows]
        tables.append(_table('category AP', rows, labels, metrics))
    if any('=' in name for name in names):
        tables.append(_subset_table(metrics))
    return render_tables(*tables)


def format_errors(metrics: dict[str, float]) -> str:
    """Format landmark errors as text: a row for all and for each group.

    Args:
        metrics (dict[str, float]): Output of
            :func:`~.keypoint_errors.mean_errors`; ``EPE`` in px, the others
            0-1.

    Returns:
        str: The table, ``-`` where there is nothing to measure.
    """
    names = [name for name in metrics if '/' not in name]
    table = Table('landmarks', box=box.SIMPLE_HEAD)
    for name in names:
        unit = ' (px)' if name == 'EPE' else ''
        table.add_column(name + unit, justify='right')
    groups = dict.fromkeys(name.partition('/')[1:] for name in metrics)
    for separator, group in groups:
        values = (metrics[name + separator + group] for name in names)
        table.add_row(group or 'all', *(_number(v, 4) for v in values))
    return render_tables(table)


def format_retrieval(metrics: dict[str, float]) -> str:
    """Format consumer-to-shop accuracy as text: a row per part of queries.

    Args:
        metrics (dict[str, float]): Output of
            :func:`~.consumer_to_shop.evaluate_retrieval` with the official
            ``topk``: top-k in 0-1, counts as integers.

    Returns:
        str: The table, ``-`` for parts without queries.
    """
    rows: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        part, _, metric = name.rpartition('/')
        if metric not in _RETRIEVAL_COLUMNS:
            # top-1/vest, while subsets are scale=small/top-1
            part, metric = metric, part
        rows.setdefault(part or 'all', {})[metric] = value
    table = Table('queries', box=box.SIMPLE_HEAD)
    for column in _RETRIEVAL_COLUMNS:
        table.add_column(column, justify='right')
    for part, row in rows.items():
        values = (row[column] for column in _RETRIEVAL_COLUMNS)
        table.add_row(
            part,
            *(str(v) if isinstance(v, int) else _number(v) for v in values),
        )
    return render_tables(table, width=120)


def render_tables(*tables: Table, width: int = 160) -> str:
    """Return tables as plain text without empty lines.

    Args:
        tables (Table): Tables of ``rich``.
        width (int): Largest width in characters.

    Returns:
        str: The lines, without blanks at their ends.
    """
    console = Console(file=io.StringIO(), width=width)
    console.print(*tables, sep='\n')
    lines = console.file.getvalue().splitlines()
    return '\n'.join(line.rstrip() for line in lines if line.strip())


def _number(value: float | None, digits: int = 3) -> str:
    return '-' if value is None or value < 0 else f'{value:.{digits}f}'


def _table(
    title: str,
    rows: list[str],
    labels: list[str],
    metrics: dict[str, dict[str, float]],
) -> Table:
    table = Table(title, box=box.SIMPLE_HEAD)
    for column in metrics:
        table.add_column(column, justify='right')
    for row, label in zip(rows, labels, strict=True):
        table.add_row(label, *(_number(m.get(row)) for m in metrics.values()))
    return table


def _subset_table(metrics: dict[str, dict[str, float]]) -> Table:
    """The table of the paper: a column for each value of each attribute."""
    table = Table('\nsubset', box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    subsets = []
    for attribute, values in ATTRIBUTES.items():
        title = attribute
        for value in values.values():
            table.add_column(f'{title}\n{value}', justify='right')
            title = ''
            subsets.append(f'{attribute}={value}/')
    table.add_column('\noverall', justify='right')
    for column, m in metrics.items():
        for name in SUBSET_METRICS:
            table.add_row(
                f'{column} {name}',
                *(_number(m.get(subset + name)) for subset in (*subsets, '')),
            )
    return table
