# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Selection of models: by name, system, task and whether weights are there."""

import fnmatch
from collections.abc import Iterable

from ..errors import UserError
from . import catalog


def list_models(
    pattern: str | None = None,
    task: str | None = None,
    *,
    system: str | None = None,
    pretrained: bool | None = None,
    exclude: str | Iterable[str] = (),
) -> list[str]:
    """Return the names of the models, from the metafiles.

    Args:
        pattern (str, optional): Part of the name, or a shell pattern such as
            ``'match-rcnn*synthetic*'``. Defaults to None: all.
        task (str, optional): Part of a task's name in any case, e.g.
            ``'landmark'``. Defaults to None: all.
        system (str, optional): A system such as ``'match_rcnn'`` or
            ``'try-on'``. Defaults to None: all.
        pretrained (bool, optional): Only those with published weights, or
            only those without. Defaults to None: both.
        exclude (str | Iterable[str]): Patterns of names that are left out.

    Returns:
        list[str]: Names, sorted.

    Raises:
        UserError: No model has such a task, or there is not such a system.
    """
    entries = catalog.metafile_entries()
    if task is not None:
        entries = _of_task(entries, task)
    if system is not None:
        entries = _of_system(entries, system)
    if pretrained is not None:
        entries = [e for e in entries if bool(e.get('Weights')) == pretrained]
    names = sorted(entry['Name'] for entry in entries)
    if pattern is not None:
        names = fnmatch.filter(names, _as_pattern(pattern))
    for excluded in [exclude] if isinstance(exclude, str) else exclude or ():
        left_out = set(fnmatch.filter(names, _as_pattern(excluded)))
        names = [name for name in names if name not in left_out]
    return names


def _of_task(entries: list[dict], task: str) -> list[dict]:
    tasks = {name for entry in entries for name in entry['Metadata']['Tasks']}
    chosen = {name for name in tasks if task.lower() in name.lower()}
    if not chosen:
        raise UserError(
            f'no task {task!r}: must be part of one of {sorted(tasks)}'
        )
    return [e for e in entries if chosen & {*e['Metadata']['Tasks']}]


def _of_system(entries: list[dict], system: str) -> list[dict]:
    systems = {catalog.system_of(entry) for entry in entries}
    chosen = [name for name in systems if _plain(name) == _plain(system)]
    if not chosen:
        raise UserError(
            f'no system {system!r}: must be one of {sorted(systems)}'
        )
    return [e for e in entries if catalog.system_of(e) in chosen]


def _plain(system: str) -> str:
    """Return a system's name however its words are joined."""
    return system.lower().replace('-', '').replace('_', '')


def _as_pattern(text: str) -> str:
    return text if any(char in text for char in '*?[') else f'*{text}*'
