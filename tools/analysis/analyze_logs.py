# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Read the logs of trainings: losses and metrics, time, curves.

A log is the file ``vis_data/scalars.json`` that MMEngine writes in each run;
of a work dir the newest one is read.

Examples:
    python tools/analysis/analyze_logs.py work_dirs/a
    python tools/analysis/analyze_logs.py work_dirs/a work_dirs/b \
        --keys loss bbox/AP --out curves.png
"""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from mmfashion_ext.errors import UserError, did_you_mean
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import make_folder

#: Fields of a line that are not measured.
_PLACE = ('step', 'iter', 'epoch')


class Series(NamedTuple):
    """Values of a field over the training: both (N,)."""

    steps: list[int]
    values: list[float]


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'logs',
        nargs='+',
        type=Path,
        metavar='LOG',
        help='work dir of a training, or its scalars.json',
    )
    parser.add_argument(
        '--keys',
        nargs='+',
        metavar='KEY',
        help='fields to show and draw, e.g. loss lr bbox/AP (default: all)',
    )
    parser.add_argument(
        '--out', type=Path, metavar='PNG', help='draw the curves into a file'
    )
    return parser.parse_args()


def find_log(path: Path) -> Path:
    """Return the log of a work dir, the newest one.

    Raises:
        UserError: There is none.
    """
    if path.is_file():
        return path
    found = [*path.glob('vis_data/scalars.json')]
    found += path.glob('*/vis_data/scalars.json')
    if not found:
        raise UserError(
            f'{path}: expected a scalars.json, or a work dir with '
            'TIMESTAMP/vis_data/scalars.json, which a training writes after '
            'its first 50 steps'
        )
    return max(found, key=lambda file: file.stat().st_mtime)


def read_log(path: Path) -> dict[str, Series]:
    """Read a log: field -> its values.

    Raises:
        UserError: A line is not a JSON object.
    """
    fields: dict[str, Series] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise UserError(
                f'{path}:{number}: expected a JSON object, got {line:.40}'
            )
        step = entry.get('iter', entry.get('step', number))
        for key, value in entry.items():
            if key not in _PLACE and isinstance(value, int | float):
                series = fields.setdefault(key, Series([], []))
                series.steps.append(step)
                series.values.append(float(value))
    return fields


def chosen(fields: dict[str, Series], keys: list[str] | None) -> list[str]:
    """Return the fields to show.

    Raises:
        UserError: The log does not have one of ``keys``.
    """
    for key in keys or ():
        if key not in fields:
            raise UserError(
                f'--keys {key}: the log has no such field, it has '
                f'{", ".join(fields)}{did_you_mean(key, fields)}'
            )
    return keys or [*fields]


def rows(fields: dict[str, Series], keys: list[str]) -> Iterator[list[str]]:
    """Yield a row for each field: number, first, last, lowest, highest."""
    for key in keys:
        steps, values = fields[key]
        finite = [v for v in values if math.isfinite(v)] or [math.nan]
        low, high = min(finite), max(finite)
        at = steps[values.index(high)] if high in values else 0
        yield [
            key,
            str(len(values)),
            *(f'{value:.4g}' for value in (values[0], values[-1], low)),
            f'{high:.4g} ({at})',
        ]


def draw(logs: dict[str, dict[str, Series]], keys: list[str] | None) -> object:
    """Draw a panel for each field, a line for each log."""
    from matplotlib.figure import Figure

    names = keys or [
        *dict.fromkeys(key for fields in logs.values() for key in fields)
    ]
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure((5 * columns, 3 * lines), layout='constrained')
    for place, key in enumerate(names, 1):
        axes = figure.add_subplot(lines, columns, place)
        axes.set_title(key)
        for name, fields in logs.items():
            if key in fields:
                mark = '.' if len(fields[key].steps) < 40 else ''
                axes.plot(*fields[key], marker=mark, label=name)
        axes.grid(alpha=0.3)
        if len(logs) > 1:
            axes.legend(fontsize='small')
    return figure


def main() -> None:
    """Print a table for each log, and draw."""
    args = parse_args()
    logs = {str(path): read_log(find_log(path)) for path in args.logs}
    for name, fields in logs.items():
        table = Table('field', title=name)
        for title in ('values', 'first', 'last', 'lowest', 'highest (step)'):
            table.add_column(title, justify='right')
        for row in rows(fields, chosen(fields, args.keys)):
            table.add_row(*row)
        Console().print(table)
        if 'time' in fields:
            seconds = fields['time'].values
            print(f'{sum(seconds) / len(seconds):.4g} s a step on average')
    if args.out:
        make_folder(args.out.parent)
        draw(logs, args.keys).savefig(args.out)
        print(f'wrote {args.out}')


if __name__ == '__main__':
    run_tool(main)
