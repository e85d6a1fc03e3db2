# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Folder of the downloads: where a URL's file is, list and clean them.

A file is ``$TORCH_HOME/hub/checkpoints/mmfashion_ext/KEY/NAME`` with its URL,
length and SHA-256 beside it in ``NAME.json``. KEY is made of the whole URL, so
that two sites' ``model.pth`` are two files. What has arrived of a download
that broke off is ``.NAME.partial``. Importing this imports no PyTorch.
"""

import fnmatch
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .file_lock import file_lock

_DAY = 24 * 3600  # s


@dataclass(frozen=True)
class CachedFile:
    """A file of the download cache.

    Attributes:
        path (Path): The file.
        url (str): Where it came from; '' if that is not known.
        size (int): Bytes.
        sha256 (str): Of the content when it was downloaded; '' if unknown.
        modified (float): When it was written, in seconds since 1970.
        is_complete (bool): Whether all of it has arrived.
    """

    path: Path
    url: str
    size: int
    sha256: str
    modified: float
    is_complete: bool


def shared_folder() -> Path:
    """Return PyTorch's folder of checkpoints, without importing PyTorch."""
    torch = sys.modules.get('torch')
    if torch is not None:  # torch.hub.set_dir may have been called
        return Path(torch.hub.get_dir(), 'checkpoints')
    cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    home = os.environ.get('TORCH_HOME') or os.path.join(cache, 'torch')
    return Path(home).expanduser() / 'hub' / 'checkpoints'


def cache_folder() -> Path:
    """Return the folder of all downloads; it need not exist."""
    return shared_folder() / 'mmfashion_ext'


def file_name(url: str) -> str:
    """Return the name of a URL's file, as one that any system accepts."""
    name = unquote(urlsplit(url).path.rpartition('/')[2])
    return re.sub(r'[^\w.+-]', '_', name)[-150:].lstrip('.') or 'file'


def cached_path(url: str, key: str | None = None) -> Path:
    """Return where the file of a URL is, or will be.

    Args:
        url (str): An http(s) URL, which names the file.
        key (str, optional): What tells it from others. Defaults to None: the
            URL.
    """
    digest = hashlib.sha256((key or url).encode()).hexdigest()
    return cache_folder() / digest[:16] / file_name(url)


def record_path(file: Path) -> Path:
    """Return the record of a cached file."""
    return file.with_name(f'{file.name}.json')


def partial_path(file: Path) -> Path:
    """Return where a cached file stands while it is downloaded."""
    return file.with_name(f'.{file.name}.partial')


def read_record(path: Path) -> dict[str, Any]:
    """Return a record; empty where there is none, or a torn one."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def list_cache(pattern: str | None = None) -> list[CachedFile]:
    """Return the files of the download cache, sorted by name.

    Args:
        pattern (str, optional): Part of the file's name or URL, or a shell
            pattern. Defaults to None: all.

    Returns:
        list[CachedFile]: Complete and partial downloads; none where nothing
        was downloaded yet.
    """
    found = [_describe(path) for path in _files()]
    if pattern is not None:
        if not any(char in pattern for char in '*?['):
            pattern = f'*{pattern}*'
        found = [
            entry
            for entry in found
            if fnmatch.fnmatch(entry.path.name, pattern)
            or fnmatch.fnmatch(entry.url, pattern)
        ]
    return sorted(found, key=lambda entry: (entry.path.name, entry.url))


def clean_cache(
    pattern: str | None = None,
    *,
    older_than: float | None = None,
    only_partial: bool = False,
) -> list[CachedFile]:
    """Remove files of the download cache.

    A file that another process downloads at this moment is waited for.
    Files that other tools put beside the cache are not touched.

    Args:
        pattern (str, optional): See :func:`list_cache`. Defaults to None: all.
        older_than (float, optional): Only files that were written more than
            so many days ago. Defaults to None: all.
        only_partial (bool): Only what is left of downloads that broke off.
            Defaults to False.

    Returns:
        list[CachedFile]: What was removed.
    """
    removed = []
    for entry in list_cache(pattern):
        days = (time.time() - entry.modified) / _DAY
        if older_than is not None and days <= older_than:
            continue
        if only_partial and entry.is_complete:
            continue
        target = _target(entry.path)
        with file_lock(target):
            entry.path.unlink(missing_ok=True)
            record_path(entry.path).unlink(missing_ok=True)
        with suppress(OSError):  # not empty: of another file, just written
            target.parent.rmdir()
        removed.append(entry)
    return removed


def _files() -> Iterator[Path]:
    for path in cache_folder().glob('*/*'):
        is_partial = path.name == partial_path(_target(path)).name
        hidden = path.name.startswith('.') and not is_partial
        if path.is_file() and not hidden and not _is_record(path):
            yield path


def _is_record(path: Path) -> bool:
    """Return whether a file is the record of one that is, or was, there."""
    return path.suffix == '.json' and not record_path(path).is_file()


def _target(path: Path) -> Path:
    """Return the file that a path is, or will be when it is complete."""
    name = path.name
    if name.startswith('.') and name.endswith('.partial'):
        name = name[1:].removesuffix('.partial')
    return path.with_name(name)


def _describe(path: Path) -> CachedFile:
    status, record = path.stat(), read_record(record_path(path))
    return CachedFile(
        path,
        str(record.get('url', '')),
        status.st_size,
        str(record.get('sha256', '')),
        status.st_mtime,
        path == _target(path),
    )
