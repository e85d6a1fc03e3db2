# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Command line and report of the benchmarks."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmfashion_ext.utils.files import write_json


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with ``--out`` that keeps the text's line breaks."""
    result = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument('--out', type=Path, help='also write a JSON file')
    return result


def show(
    title: str,
    result: Mapping[str, float],
    args: argparse.Namespace,
    **settings: object,
) -> None:
    """Print a table; write it with all settings if ``args.out`` says so."""
    table = Table('', 'value', title=title)
    for name, value in result.items():
        table.add_row(name, f'{value:.4g}')
    Console().print(table)
    if args.out:
        options = {k: v for k, v in vars(args).items() if k != 'out'}
        write_json(args.out, {**result, **options, **settings})
