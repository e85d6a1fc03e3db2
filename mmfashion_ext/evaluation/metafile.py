# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Metafiles of the models (OpenMMLab's model index): read, check, update.

``model-index.yml`` lists the metafiles. A metafile has ``Collections`` and
``Models``; an entry of the latter holds a config's name, its tasks, and, under
``Results`` and ``Paper Results``, numbers under the names of
:mod:`.tasks`. Everything in a metafile may be written by hand, so that
everything is checked when it is read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError
from ..formats.checks import Fields, Record, require
from ..formats.rules import ListOf, Number, OptionalField, Text, show
from ..utils.files import atomic_write, read_json
from ..utils.sources import check_regular_file
from .tasks import TASKS

METAFILE = 'metafile.yml'
INDEX = 'model-index.yml'
#: Mappings and lists inside each other. libyaml's reader overflows the
#: stack, which ends the process, on files that are nested very deep.
_MAX_DEPTH = 50
# PyYAML's own errors, and what its constructors of dates, numbers and truth
# values raise
_YAML_ERRORS = (
    yaml.YAMLError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    ArithmeticError,
)


@dataclass(frozen=True)
class MetricNumbers:
    """Rule for the metrics of a result: name -> finite number."""

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        if not isinstance(value, dict):
            return f' {show(value)}, expected names with numbers'
        for name, number in value.items():
            if problem := Text('a name')(name):
                return f' with the name{problem}'
            if problem := Number()(number):
                return f'.{name}{problem}'
        return ''


_NAME = Text('a name')
_SPEED: Fields = {
    'Value': Number(0),
    'Unit': Text('items a second'),
    'Device': Text('a name'),
    'Input': Text('what was measured'),
    'Threads': OptionalField(Number(0)),
    'Software': OptionalField(Text('a name')),
}
_RESULTS = ListOf(
    Record({'Task': _NAME, 'Dataset': _NAME, 'Metrics': MetricNumbers()}),
    'results',
)
_COLLECTION: Fields = {
    'Name': _NAME,
    'Paper': Record({'Title': Text('a title'), 'URL': Text('a URL')}),
    'README': Text('a path'),
    'Code': Text('a path'),
}
_MODEL: Fields = {
    'Name': _NAME,
    'In Collection': _NAME,
    'Config': Text('a path'),
    'Metadata': Record(
        {
            'Tasks': ListOf(_NAME, 'names'),
            'Dataset': _NAME,
            'SHA-256': OptionalField(Text('64 hexadecimal digits')),
            'File Size (MB)': OptionalField(Number(0)),
            'Parameters (M)': OptionalField(Number(0)),
            'FLOPs (G)': OptionalField(Number(0)),
            'Inference Speed': OptionalField(Record(_SPEED)),
            'License': OptionalField(Text('a licence')),
            'Training Data': OptionalField(Text('what it was trained on')),
        }
    ),
    'Weights': OptionalField(Text('a path or URL')),
    'Aliases': OptionalField(ListOf(_NAME, 'names')),
    'Results': OptionalField(_RESULTS),
    'Paper Results': OptionalField(_RESULTS),
}
_METAFILE: Fields = {
    'Collections': ListOf(None, 'collections'),
    'Models': ListOf(None, 'models'),
}
_INDEX: Fields = {'Import': ListOf(Text('a path'), 'paths of metafiles')}


def read_metafiles(root: Path) -> list[dict]:
    """Read all metafiles in the order of the model index.

    Args:
        root (Path): Folder of ``model-index.yml``.

    Returns:
        list[dict]: Their contents, see :func:`read_metafile`.

    Raises:
        UserError: A file cannot be read, or has not the form of its kind.
    """
    index = read_yaml(root / INDEX)
    require(index, _INDEX, f'{root / INDEX}:')
    return [read_metafile(root / name) for name in index['Import']]


def read_metafile(path: Path) -> dict:
    """Read and check a metafile.

    Args:
        path (Path): The file.

    Returns:
        dict: ``Collections`` and ``Models``, two lists of mappings.

    Raises:
        UserError: The file cannot be read or is not a metafile; names the
            entry.
    """
    content = read_yaml(path)
    require(content, _METAFILE, f'{path}:')
    for kind, fields in (('Collections', _COLLECTION), ('Models', _MODEL)):
        for index, entry in enumerate(content[kind]):
            if isinstance(entry, dict):  # keys without a value mean nothing
                entry = {k: v for k, v in entry.items() if v is not None}
            require(entry, fields, f'{path}: entry {index} of {kind}')
    return content


def read_metrics(path: Path) -> dict[str, float]:
    """Read the metrics that a test wrote.

    Args:
        path (Path): What ``tools/test.py --out`` wrote.

    Returns:
        dict[str, float]: Name of a metric -> its value, not checked yet.

    Raises:
        UserError: The file cannot be read or does not hold metrics.
    """
    metrics = read_json(path, 'metrics')
    if not isinstance(metrics, dict):
        raise UserError(
            f'{path}: expected {{metric: number}}, got '
            f'{type(metrics).__name__}; pass what tools/test.py --out wrote'
        )
    return metrics


def build_results(metrics: dict[str, float], dataset: str) -> list[dict]:
    """Build the ``Results`` of a metafile from the numbers of a test.

    Args:
        metrics (dict[str, float]): What ``tools/test.py --out`` wrote, keys
            such as ``'bbox/AP50'``, values 0-1. Numbers of single categories
            or subsets are not used.
        dataset (str): Name of what the model was tested on.

    Returns:
        list[dict]: ``Task``, ``Dataset`` and ``Metrics`` (rounded to 4
        digits) of each task of the table that has numbers.

    Raises:
        UserError: No metric of any task is there, or one is not in 0-1.
    """
    results = []
    for task in TASKS:
        numbers = {
            name: _number(metrics[task.key(name)], task.key(name))
            for name in task.names
            if task.key(name) in metrics
        }
        # -1: the test set has nothing of that size
        numbers = {name: v for name, v in numbers.items() if v >= 0}
        if numbers:
            results.append(
                {'Task': task.title, 'Dataset': dataset, 'Metrics': numbers}
            )
    if not results:
        raise UserError(
            f'no metric of {", ".join(task.title for task in TASKS)} in the '
            "metrics file: expected keys such as 'bbox/AP', got "
            f'{show(sorted(metrics))}'
        )
    return results


def update_entry(
    path: Path,
    name: str,
    metrics: dict[str, float] | None = None,
    url: str | None = None,
    metadata: dict[str, Any] | None = None,
    *,
    dataset: str | None = None,
    aliases: Sequence[str] = (),
) -> None:
    """Write numbers and the weights' address into a model's entry.

    The rest of the metafile stays as it is, comments at its start included.

    Args:
        path (Path): The metafile.
        name (str): Name of the model.
        metrics (dict[str, float], optional): See :func:`build_results`.
        url (str, optional): Where the weights can be downloaded, or their
            path below the folder of ``model-index.yml``.
        metadata (dict, optional): Goes into ``Metadata``; None removes.
        dataset (str, optional): What the model was tested on; numbers of
            other datasets stay. Defaults to None: the entry's own.
        aliases (Sequence[str]): Names that the model has from now on, and
            that no other model of the metafile keeps.

    Raises:
        UserError: The metafile has no such entry, or the metrics cannot be
            used.
    """
    content = read_metafile(path)
    entries = [e for e in content['Models'] if e['Name'] == name]
    if not entries:
        raise UserError(f'{path}: no model {name}; add an entry first')
    entry = entries[0]
    if metrics is not None:
        dataset = dataset or entry['Metadata']['Dataset']
        old = entry.get('Results') or ()
        others = [r for r in old if r['Dataset'] != dataset]
        entry['Results'] = others + build_results(metrics, dataset)
    if url is not None:
        entry['Weights'] = url
    for key, value in (metadata or {}).items():
        entry['Metadata'].pop(key, None)
        if value is not None:
            entry['Metadata'][key] = value
    _move_aliases(content['Models'], entry, aliases)
    lines = path.read_text(encoding='utf-8').splitlines()
    header = [line for line in lines if line.startswith('#')]
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    with atomic_write(path) as temporary:
        temporary.write_text('\n'.join([*header, body]), encoding='utf-8')


def _move_aliases(
    entries: list[dict], entry: dict, aliases: Sequence[str]
) -> None:
    """Give aliases to one entry and remove them from all others."""
    for other in entries if aliases else ():
        kept = [
            a for a in other.pop('Aliases', None) or () if a not in aliases
        ]
        kept += aliases if other is entry else ()
        if kept:
            other['Aliases'] = kept


def _number(value: Any, key: str) -> float:
    """Check a metric: 0-1, or -1 for nothing to measure."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(
            f'metric {key} is {show(value)}, expected a number; pass what '
            'tools/test.py --out wrote'
        )
    value = round(float(value), 4)
    if not (0 <= value <= 1 or value == -1):
        raise UserError(
            f'metric {key} is {value}, expected 0 to 1, or -1 where there is '
            'nothing to measure; test the model again'
        )
    return value


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    Args:
        path (Path): The file.

    Raises:
        UserError: It cannot be read, or is not valid YAML.
    """
    # libyaml's loader, where PyYAML was built with it, is much faster
    loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
    if path.exists():
        check_regular_file(path)
    try:
        text = path.read_text(encoding='utf-8-sig')
        _check_depth(yaml.parse(text, loader))
        return yaml.load(text, loader)
    except OSError as error:
        raise UserError(
            f'{path}: cannot read the metafile ({error.strerror or error}); '
            'check the path'
        ) from error
    except _YAML_ERRORS as error:
        reason = ' '.join(str(error).split())
        raise UserError(
            f'{path}: is not valid YAML ({reason}); correct it, or get the '
            'file again'
        ) from error


def _check_depth(events: Iterator[yaml.Event]) -> None:
    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else '?'
            raise ValueError(
                f'line {line}: more than {_MAX_DEPTH} '
                'mappings and lists inside each other'
            )
