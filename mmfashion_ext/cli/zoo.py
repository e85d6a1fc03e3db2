# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Commands of the zoo: ``models``, ``info``, ``download``, ``cache``."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from . import options
from .completion import complete_models
from .groups import Group

name_argument = click.argument(
    'name', metavar='NAME', shell_complete=complete_models
)


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion models --published',
        'mmfashion models match-rcnn --task landmark',
        'mmfashion models "*synthetic*" --json',
    ],
)
@click.argument('pattern', required=False)
@click.option(
    '--task', metavar='TEXT', help="Part of a task's name, e.g. landmark."
)
@click.option(
    '--system', metavar='NAME', help='match-rcnn, landmark, scan or tryon.'
)
@click.option(
    '--published', is_flag=True, help='Models with published weights only.'
)
@options.as_json
def models(
    pattern: str | None,
    task: str | None,
    system: str | None,
    published: bool,
    as_json: bool,
) -> None:
    """List the models: those with weights first.

    PATTERN is part of the name, or a shell pattern in quotes. The columns are
    published weights, their size, one metric (0 to 1), and the name with its
    aliases.
    """
    from ..errors import UserError
    from .output import print_json

    rows = list(model_rows(pattern, task, system, published))
    if as_json:
        print_json(rows)
        return
    if not rows:
        raise UserError(
            'no model has '
            + ' and '.join(
                part
                for part in (
                    f'{pattern!r} in its name' if pattern else '',
                    f'a task with {task!r}' if task else '',
                    f'the system {system}' if system else '',
                    'published weights' if published else '',
                )
                if part
            )
            + '; mmfashion models lists all'
        )
    for line in describe_rows(rows):
        click.echo(line)


def model_rows(
    pattern: str | None = None,
    task: str | None = None,
    system: str | None = None,
    published: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield what is listed of each model, those with weights first.

    Args:
        pattern (str, optional): Part of the name, or a shell pattern.
        task (str, optional): Part of a task's name.
        system (str, optional): A system such as ``'match_rcnn'``.
        published (bool): Models with published weights only.

    Yields:
        dict: ``name``, ``system``, ``tasks``, ``dataset``, ``metric`` (name
        and value 0-1, or None), ``size`` (MB or None), ``weights`` (bool),
        ``aliases``.
    """
    from ..hub import list_models, metafile_entries
    from ..hub.catalog import system_of

    only = True if published else None
    listed = {*list_models(pattern, task, system=system, pretrained=only)}
    entries = [e for e in metafile_entries() if e['Name'] in listed]
    for entry in sorted(entries, key=lambda e: not e.get('Weights')):
        metadata = entry['Metadata']
        yield {
            'name': entry['Name'],
            'system': system_of(entry),
            'tasks': metadata['Tasks'],
            'dataset': metadata['Dataset'],
            'metric': main_metric(entry),
            'size': metadata.get('File Size (MB)'),
            'weights': bool(entry.get('Weights')),
            'aliases': list(entry.get('Aliases') or ()),
        }


def main_metric(entry: dict) -> tuple[str, float] | None:
    """Return the first metric of an entry's first result, 0-1, if it has one.

    Args:
        entry (dict): Of a metafile.
    """
    for result in entry.get('Results') or ():
        for name, value in result['Metrics'].items():
            return name, value
    return None


def describe_rows(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a list of models, below each task the models.

    Args:
        rows (list[dict]): See :func:`model_rows`.
    """
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_task.setdefault(', '.join(row['tasks']), []).append(row)
    metrics = {}
    for row in rows:
        if row['metric']:
            name, value = row['metric']
            metrics[row['name']] = f'{name.rpartition("/")[2]} {value:.3f}'
    width = max(map(len, [*metrics.values(), 'metric']))
    yield f'{"weights":<8}{"MB":>5}  {"metric":<{width}}  name'
    for task, group in by_task.items():
        yield ''
        yield task
        for row in group:
            size = '-' if row['size'] is None else f'{row["size"]:.1f}'
            metric = metrics.get(row['name'], '-')
            state = 'yes' if row['weights'] else 'no'
            name = ' = '.join([row['name'], *row['aliases']])
            yield f'{state:<8}{size:>5}  {metric:<{width}}  {name}'


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion info scan_r50_1xb32-30e_ilids-vid-256x128',
    ],
)
@name_argument
@click.option(
    '--speed',
    is_flag=True,
    help='Also measure it on this machine, some seconds; needs its hosts.',
)
@options.as_json
def info(name: str, speed: bool, as_json: bool) -> None:
    """Print what is known of a model: metrics, weights, data, paper."""
    from ..zoo.description import describe
    from .output import print_json, results_only

    if speed:
        with results_only() as stdout:
            content = describe(name, speed=True)
    else:
        content, stdout = describe(name), sys.stdout
    if as_json:
        print_json(content, stdout)
    elif stdout.isatty():
        print(*wrapped(str(content)), sep='\n', file=stdout)
    else:
        print(content, file=stdout)


def wrapped(text: str, width: int | None = None) -> list[str]:
    """Return a description in lines of a width, continued below its column.

    Args:
        text (str): Lines of a label, two blanks or more, and a value.
        width (int, optional): Characters. Defaults to None: the terminal's.
    """
    width = width or shutil.get_terminal_size().columns
    lines = []
    for line in text.splitlines():
        found = re.match(r'\S.*?  +| +', line)
        label = found[0] if found else ''
        for part in textwrap.wrap(
            line[len(label) :],
            max(width - len(label), 20),
            break_long_words=False,
            break_on_hyphens=False,
        ):
            lines.append(label + part)
            label = ' ' * len(label)
    return lines


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion download NAME',
        'mmfashion download NAME --out weights/',
    ],
)
@name_argument
@options.out('DIR', 'Copy the file to this folder.')
def download(name: str, out: str | None) -> None:
    """Get a model's published weights, check them, and print their file.

    Nothing is downloaded again that is there already.
    """
    from ..hub import fetch_weights
    from ..utils.files import atomic_write, make_folder

    path = fetch_weights(name)
    if out is not None:
        make_folder(out)
        copy = Path(out) / path.name
        with atomic_write(copy) as temporary:
            shutil.copyfile(path, temporary)
        path = copy
    click.echo(path)


@click.group(cls=Group)
def cache() -> None:
    """List or remove what was downloaded."""


@click.command('list', cls=options.Command, examples=['mmfashion cache list'])
@click.argument('pattern', required=False)
@options.as_json
def list_command(pattern: str | None, as_json: bool) -> None:
    """List downloaded files: size in MB, file, where it came from.

    PATTERN is part of the file's name or address.
    """
    from ..hub import list_cache

    show_files(list_cache(pattern), as_json)


@click.command(
    'clean',
    cls=options.Command,
    examples=[
        'mmfashion cache clean --partial',
        'mmfashion cache clean "*vgg*" --older-than 30',
    ],
)
@click.argument('pattern', required=False)
@click.option(
    '--older-than',
    metavar='DAYS',
    type=options.Number(float, 0),
    help='Only files that were written more than so many days ago.',
)
@click.option(
    '--partial',
    is_flag=True,
    help='Only what is left of downloads that broke off.',
)
@options.as_json
def clean_command(
    pattern: str | None,
    older_than: float | None,
    partial: bool,
    as_json: bool,
) -> None:
    """Remove downloaded files, all of them or some, and list them.

    PATTERN is part of the file's name or address. What is needed again is
    downloaded again.
    """
    from ..hub import clean_cache

    removed = clean_cache(pattern, older_than=older_than, only_partial=partial)
    show_files(removed, as_json)


def show_files(files: Sequence[Any], as_json: bool) -> None:
    """Print files of the download cache.

    Args:
        files (Sequence[CachedFile]): The files.
        as_json (bool): As one JSON document.
    """
    from .output import print_json

    if as_json:
        print_json([{**asdict(x), 'path': str(x.path)} for x in files])
        return
    for file in files:
        state = '' if file.is_complete else ' (broken off)'
        size = f'{file.size / 1e6:>8.1f}'
        click.echo(f'{size}  {file.path}{state}  {file.url or "-"}')
    total = sum(file.size for file in files) / 1e6
    click.echo(f'{total:>8.1f}  MB in {len(files)} files')


cache.add_section('Commands', list_command, clean_command)
