# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Downloads: kept by URL, length and hash checked at every use.

See :mod:`.download_cache` for the folder and :mod:`.transfer` for what happens
on the way. What was damaged is downloaded again. ``MMFASHION_ZOO_URL`` names a
mirror, a URL or a folder, that is asked first for files whose hash is known;
the hash, not the mirror, vouches for them. Importing this imports no PyTorch.
"""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import UserError
from .download_cache import (
    CachedFile,
    cached_path,
    clean_cache,
    file_name,
    list_cache,
    partial_path,
    read_record,
    record_path,
    shared_folder,
)
from .file_lock import file_lock
from .files import file_sha256, write_json
from .sources import check_regular_file, is_url
from .transfer import DownloadError, transfer

__all__ = [
    'HASHED_NAME',
    'MIRROR',
    'CachedFile',
    'DownloadError',
    'cached_download',
    'clean_cache',
    'is_downloaded',
    'list_cache',
    'mirror_url',
]

#: End of a published file's name: the first 8 digits of its SHA-256.
HASHED_NAME = re.compile(r'-([0-9a-f]{8})\.(?:pth|safetensors)$')
#: Environment variable of the mirror.
MIRROR = 'MMFASHION_ZOO_URL'

_FRAGMENT = re.compile(r'sha256=([0-9a-f]{64})')


def is_downloaded(source: object) -> bool:
    """Return whether :func:`cached_download` can get a source."""
    return is_url(source) or str(source).startswith('file://')


def mirror_url(name: str) -> str | None:
    """Return where the mirror would have a file.

    Args:
        name (str): Name of the file, without folders.

    Returns:
        str, optional: A URL; None if no mirror is set.

    Raises:
        UserError: The mirror is neither an http(s) or file URL nor a folder.
    """
    base = os.environ.get(MIRROR, '').strip()
    if not base:
        return None
    if not is_downloaded(base):
        if '://' in base or not Path(base).expanduser().is_dir():
            raise UserError(
                f'{MIRROR}={base!r}: expected an http, https or file URL, or '
                'an existing folder; set it to one, or unset it'
            )
        base = Path(base).expanduser().absolute().as_uri()
    return f'{base.rstrip("/")}/{name}'


def cached_download(url: str) -> Path:
    """Return the local file of a URL; download it unless it is there, whole.

    Args:
        url (str): An http(s) URL, or the file URL of a file, which is used
            where it is. Where its name ends in ``-{sha8}.pth`` or
            ``-{sha8}.safetensors``, or the URL in ``#sha256=...``, the
            content must have that SHA-256.

    Returns:
        Path: An existing file. Its length and SHA-256 are those that were
        downloaded.

    Raises:
        DownloadError: There is no such file or no connection, the download
            breaks off, or its hash is not that of the name.
        UserError: See :func:`mirror_url`.
    """
    url, _, fragment = url.partition('#')
    name = file_name(url)
    match = _FRAGMENT.fullmatch(fragment) or HASHED_NAME.search(name)
    digest = match[1] if match else ''
    if not is_url(url):
        return _local_file(url, digest)
    # the hash vouches for the content, whatever the query
    file = cached_path(url, url.partition('?')[0] if digest else url)
    if _is_whole(file, digest):
        return file
    if digest:  # downloaded by other tools, or by hand
        shared = shared_folder() / name
        if shared.is_file() and file_sha256(shared).startswith(digest):
            return shared
        mirror = mirror_url(name)
        if mirror and mirror != url:
            return _from_mirror(mirror, url, file, digest)
    _fill(url, file, digest)
    return file


def _from_mirror(mirror: str, url: str, file: Path, digest: str) -> Path:
    """Return a file of the mirror, else of its own address."""
    try:
        if not is_url(mirror):
            return _local_file(mirror, digest)
        _fill(mirror, file, digest)
    except DownloadError as of_mirror:
        try:
            _fill(url, file, digest)
        except DownloadError as error:
            raise DownloadError(
                f'{error}. {MIRROR} was asked before: {of_mirror}'
            ) from None
    return file


def _local_file(url: str, digest: str) -> Path:
    """Return the file of a file URL, checked."""
    parts = urlsplit(url)
    if parts.netloc not in ('', 'localhost'):
        raise DownloadError(
            f'{url}: a file URL of another machine ({parts.netloc}); expected '
            'file:///PATH'
        )
    file = Path(url2pathname(parts.path))
    try:
        check_regular_file(file)
    except UserError as error:
        raise DownloadError(f'{url}: {error}') from None
    found = file_sha256(file) if digest else ''
    if not found.startswith(digest):
        raise _wrong_hash(url, digest, found)
    return file


def _fill(url: str, file: Path, digest: str) -> None:
    """Download to the cache, unless another process did so meanwhile.

    Raises:
        DownloadError: See :func:`cached_download`.
    """
    try:
        with file_lock(file):
            if not _is_whole(file, digest):
                _download(url, file, digest)
    except UserError:
        raise
    except OSError as error:
        raise DownloadError(
            f'{file.parent}: the cache of downloads cannot be written '
            f'({error.strerror or error}). Set TORCH_HOME to another folder'
        ) from None


def _download(url: str, file: Path, digest: str) -> None:
    """Download; the file appears when it is whole and its hash is right."""
    partial = partial_path(file)
    done = transfer(url, partial, hash_is_known=bool(digest))
    if not done.sha256.startswith(digest) and done.resumed:
        partial.unlink()  # parts of two files
        done = transfer(url, partial, hash_is_known=True)
    if not done.sha256.startswith(digest):
        partial.unlink()
        raise _wrong_hash(url, digest, done.sha256)
    record_path(file).unlink(missing_ok=True)  # of what was there before
    partial.replace(file)
    content = {'url': url, 'bytes': done.size, 'sha256': done.sha256}
    write_json(record_path(file), content)


def _is_whole(file: Path, digest: str) -> bool:
    """Return whether a cached file is what was downloaded."""
    known = read_record(record_path(file))
    try:
        return (
            file.stat().st_size == known['bytes']
            and file_sha256(file) == known['sha256']
            and known['sha256'].startswith(digest)
        )
    except (OSError, TypeError, KeyError, AttributeError):
        return False  # not there, or torn: downloaded again


def _wrong_hash(url: str, expected: str, found: str) -> DownloadError:
    return DownloadError(
        f'{url}: invalid hash value: expected {expected}, the content has '
        f'{found[: len(expected)]}. Download again, or ask the publisher'
    )
