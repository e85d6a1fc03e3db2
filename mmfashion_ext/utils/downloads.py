# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Download cache: keyed by URL, length and hash checked at every use.

A file is stored as ``$TORCH_HOME/hub/checkpoints/mmfashion_ext/KEY/NAME``
with its length and SHA-256 beside it in ``NAME.json``. KEY is made of the
whole URL, so that two sites' ``model.pth`` are two files. What was damaged is
downloaded again.
"""

import hashlib
import json
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import torch
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TimeRemainingColumn

from ..errors import UserError
from .file_lock import file_lock
from .files import atomic_write, file_sha256, write_json

#: End of a published file's name: the first 8 digits of its SHA-256.
HASHED_NAME = re.compile(r'-([0-9a-f]{8})\.(?:pth|safetensors)$')

_FRAGMENT = re.compile(r'sha256=([0-9a-f]{64})')

#: Largest download in bytes.
MAX_BYTES = 32 * 2**30

_TIMEOUT = 30  # s without a byte
_ATTEMPTS = 3  # of a download that breaks off
_CHUNK = 2**20


class DownloadError(UserError, OSError):
    """Error: a file cannot be downloaded, or is not what it should be."""


def cached_download(url: str) -> Path:
    """Return the local file of a URL; download it unless it is there, whole.

    Args:
        url (str): An http(s) URL. Where its name ends in ``-{sha8}.pth`` or
            ``-{sha8}.safetensors``, or the URL in ``#sha256=...``, the
            content must have that SHA-256.

    Returns:
        Path: An existing file. Its length and SHA-256 are those that were
        downloaded.

    Raises:
        DownloadError: There is no such file or no connection, the download
            breaks off, or its hash is not that of the name.
    """
    url, _, fragment = url.partition('#')
    name = unquote(urlsplit(url).path.rpartition('/')[2])
    name = re.sub(r'[^\w.+-]', '_', name)[-150:].lstrip('.') or 'file'
    match = _FRAGMENT.fullmatch(fragment) or HASHED_NAME.search(name)
    digest = match and match[1]
    # the hash vouches for the content, whatever the query
    key = url.partition('?')[0] if digest else url
    folder = Path(torch.hub.get_dir(), 'checkpoints', 'mmfashion_ext')
    folder /= hashlib.sha256(key.encode()).hexdigest()[:16]
    file, record = folder / name, folder / f'{name}.json'
    if _is_whole(file, record, digest):
        return file
    if digest:  # downloaded by other tools, or by hand
        shared = Path(torch.hub.get_dir(), 'checkpoints', name)
        if shared.is_file() and file_sha256(shared).startswith(digest):
            return shared
    try:
        _fill(url, file, record, digest)
    except UserError:
        raise
    except OSError as error:
        raise DownloadError(
            f'{folder}: the cache of downloads cannot be written '
            f'({error.strerror or error}). Set TORCH_HOME to another folder'
        ) from None
    return file


def _fill(url: str, file: Path, record: Path, digest: str | None) -> None:
    """Download to the cache, unless another process did so meanwhile."""
    with file_lock(file):
        if _is_whole(file, record, digest):
            return
        with atomic_write(file) as partial:
            content = _download(url, partial)
            if not content['sha256'].startswith(digest or ''):
                raise DownloadError(
                    f'{url}: invalid hash value: expected {digest}, the '
                    f'content has {content["sha256"][: len(digest or "")]}. '
                    'Download again, or ask the publisher'
                )
        write_json(record, content)


def _is_whole(file: Path, record: Path, digest: str | None) -> bool:
    """Return whether a cached file is what was downloaded."""
    try:
        known = json.loads(record.read_text())
        return (
            file.stat().st_size == known['bytes']
            and file_sha256(file) == known['sha256']
            and known['sha256'].startswith(digest or '')
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False  # not there, or torn: downloaded again


def _download(url: str, file: Path) -> dict[str, Any]:
    """Write a URL's content to a file; return its ``bytes`` and ``sha256``."""
    reason: object = None
    for _ in range(_ATTEMPTS):
        try:
            return _fetch(url, file)
        except DownloadError:
            raise
        except urllib.error.HTTPError as error:
            reason = f'HTTP Error {error.code}: {error.reason}'
            break
        except (OSError, ValueError, HTTPException) as error:
            reason = getattr(error, 'reason', error)
    raise DownloadError(
        f'{url}: cannot be downloaded ({reason}). Check the address and the '
        'connection, or download it elsewhere and pass the file'
    )


def _fetch(url: str, file: Path) -> dict[str, Any]:
    """Download once, whole; see :func:`_download`."""
    request = urllib.request.Request(
        url, headers={'User-Agent': 'mmfashion_ext'}
    )
    with (
        urllib.request.urlopen(request, timeout=_TIMEOUT) as answer,
        file.open('wb') as opened,
    ):
        length = int(answer.headers.get('Content-Length') or 0)
        if length > MAX_BYTES:
            raise _too_large(url)
        content = _copy(url, answer, opened, length)
    if length and content['bytes'] != length:
        raise OSError(f'broke off after {content["bytes"]} of {length} bytes')
    return content


def _copy(
    url: str, answer: BinaryIO, opened: BinaryIO, length: int
) -> dict[str, Any]:
    """Copy with a progress bar; return ``url``, ``bytes`` and ``sha256``."""
    digest, done = hashlib.sha256(), 0
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], DownloadColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(f'Download {url}', total=length or None)
        while chunk := answer.read(_CHUNK):
            opened.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            bar.update(task, completed=done)
            if done > MAX_BYTES:
                raise _too_large(url)
    return {'url': url, 'bytes': done, 'sha256': digest.hexdigest()}


def _too_large(url: str) -> DownloadError:
    return DownloadError(
        f'{url}: more than {MAX_BYTES >> 30} GiB; expected a checkpoint. '
        'Check the address'
    )
