# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Description of a model: what the metafile and this machine say of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..evaluation.metafile import read_metafiles
from ..hub import catalog
from ..hub.shared import is_shared, open_shared
from ..utils.files import file_sha256
from ..utils.sources import is_url

#: Keys of a description, in the order in which they are printed.
KEYS = (
    *('name', 'system', 'aliases', 'tasks', 'metrics', 'paper_metrics'),
    *('parameters', 'gflop', 'speed', 'here', 'weights', 'size', 'sha256'),
    *('license', 'training_data', 'dataset', 'paper', 'config', 'readme'),
    'code',
)


class ModelDescription(dict):
    """What is known of a model, by name; printed as lines.

    Keys: ``name``, ``system``, ``aliases``, ``tasks``, ``config`` (a file),
    ``metrics`` and ``paper_metrics`` (task -> dataset -> metric -> 0-1),
    ``parameters`` (millions), ``gflop`` (1e9 multiply-adds of one item),
    ``speed`` (as it was measured for the zoo), ``weights`` (a file or URL),
    ``size`` (MB), ``sha256``, ``license``, ``training_data``, ``dataset``,
    ``paper`` (``title``, ``url``), ``readme``, ``code``; and ``here``, the
    speed on this machine, if it was measured. What is not known is None, or
    empty.
    """

    def __str__(self) -> str:
        """Return a line for each key that is known."""
        return '\n'.join(_lines(self))


def describe(name: str, *, speed: bool = False) -> ModelDescription:
    """Return what is known of a model.

    Args:
        name (str): Name of a model, or path of a config file.
        speed (bool): Also measure parameters, GFLOP and speed on this
            machine, see :func:`~.profile.profile_model`: some seconds, and
            the model's hosts are needed. Defaults to False.

    Returns:
        ModelDescription: A dict that prints well.

    Raises:
        UserError: There is no such model.
    """
    config = Path(catalog.config_path(name))
    configs = catalog.root() / 'configs'
    ours = config.is_relative_to(configs)
    entry, collection = _find(config.stem) if ours else ({}, {})
    found = _of_entry(entry, collection)
    found |= {'name': config.stem, 'config': str(config)}
    if ours:
        found['system'] = config.relative_to(configs).parts[0]
    if is_shared(name):
        found |= _of_shared(name)
    if speed:
        from .profile import profile_model

        profile = profile_model(name)
        found['here'] = str(profile)
        found['parameters'] = round(profile.parameters / 1e6, 2)
        found['gflop'] = round(profile.multiply_adds / 1e9, 2)
    return ModelDescription((key, found[key]) for key in KEYS if key in found)


def _find(name: str) -> tuple[dict, dict]:
    """Return entry and collection of a model; empty for a user's config."""
    for content in read_metafiles(catalog.root()):
        for entry in content['Models']:
            if entry['Name'] == name:
                (collection,) = (
                    c
                    for c in content['Collections']
                    if c['Name'] == entry['In Collection']
                )
                return entry, collection
    return {}, {}


def _of_entry(entry: dict, collection: dict) -> dict[str, Any]:
    meta = entry.get('Metadata') or {}
    paper = collection.get('Paper') or {}
    weights = entry.get('Weights')
    if weights and not is_url(weights):
        weights = str(catalog.root() / weights)
    return {
        'system': None,
        'aliases': entry.get('Aliases') or [],
        'tasks': meta.get('Tasks') or [],
        'metrics': _metrics(entry.get('Results')),
        'paper_metrics': _metrics(entry.get('Paper Results')),
        'parameters': meta.get('Parameters (M)'),
        'gflop': meta.get('FLOPs (G)'),
        'speed': meta.get('Inference Speed'),
        'weights': weights,
        'size': meta.get('File Size (MB)'),
        'sha256': meta.get('SHA-256'),
        'license': meta.get('License'),
        'training_data': meta.get('Training Data'),
        'dataset': meta.get('Dataset'),
        'paper': {
            'title': paper.get('Title'),
            'url': paper.get('URL'),
        },
        'readme': collection.get('README'),
        'code': collection.get('Code'),
    }


def _of_shared(name: str) -> dict[str, Any]:
    """What differs of a shared model from the one of the zoo."""
    paths = {path.stem: path for path in catalog.leaf_configs()}
    shared = open_shared(name, paths)
    numbers = ('parameters', 'gflop', 'speed', 'dataset')
    return dict.fromkeys(numbers) | {
        'name': name,
        'aliases': [],
        'metrics': {},
        'paper_metrics': {},
        'weights': str(shared.weights),
        'size': round(shared.weights.stat().st_size / 1e6, 2),
        'sha256': file_sha256(shared.weights),
        'license': shared.said.get('license'),
        'training_data': shared.said.get('training_data'),
    }


def _metrics(results: list[dict] | None) -> dict[str, dict[str, dict]]:
    found: dict[str, dict[str, dict]] = {}
    for result in results or ():
        of_task = found.setdefault(result['Task'], {})
        of_task[result['Dataset']] = dict(result['Metrics'])
    return found


_UNITS = {
    'parameters': 'million parameters',
    'gflop': 'GFLOP (multiply-adds)',
    'size': 'MB',
}


def _lines(found: dict[str, Any]) -> Iterator[str]:
    width = max(len(_label(key)) for key in found)
    for key, value in found.items():
        label = f'{_label(key):<{width}}  '
        if key in ('metrics', 'paper_metrics'):
            rows = [
                f'{task}, {dataset}: '
                + ', '.join(f'{k} {v:.3f}' for k, v in numbers.items())
                for task, datasets in value.items()
                for dataset, numbers in datasets.items()
            ]
            rows = rows or ['not measured' if key == 'metrics' else '']
        elif key == 'paper':
            rows = [', '.join(filter(None, value.values()))]
        elif isinstance(value, dict):
            rows = [', '.join(f'{k} {v}' for k, v in value.items() if v)]
        elif isinstance(value, list):
            rows = [', '.join(value)]
        else:
            text = '' if value is None else f'{value} {_UNITS.get(key, "")}'
            rows = [
                'none published' if key == 'weights' and not text else text
            ]
        for row in rows:
            if row:
                yield label + row.strip()
                label = ' ' * len(label)


def _label(key: str) -> str:
    return {'here': 'speed here', 'sha256': 'SHA-256'}.get(
        key, key.replace('_', ' ')
    )
