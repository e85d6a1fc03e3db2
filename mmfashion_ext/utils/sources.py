# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Open what a user names: a regular file, a download, bytes, an opened file.

Devices, pipes and endless downloads are refused before they are read.
"""

import io
import stat
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from ..errors import UserError

#: Largest file or download in bytes.
MAX_BYTES = 512 * 2**20

_TIMEOUT = 30  # s, of a download
_POINTER = b'version https://git-lfs.github.com/spec/'
_POINTER_BYTES = 1024  # a pointer of git-lfs is smaller


def is_url(source: object) -> bool:
    """Return whether an input is the URL of something to be downloaded."""
    return isinstance(source, str) and source.startswith(
        ('http://', 'https://')
    )


def open_source(source: str | Path | bytes | BinaryIO) -> Path | BinaryIO:
    """Return what a decoder may open: a regular file, or bytes in memory.

    Args:
        source (str | Path | bytes | BinaryIO): Path, http(s) URL, content of
            a file, or file opened for reading bytes.

    Returns:
        Path | BinaryIO: The path of a regular file, or bytes in memory.

    Raises:
        UserError: It is missing, too large, or not a file.
    """
    if isinstance(source, bytes | bytearray):
        return io.BytesIO(source)
    if hasattr(source, 'read'):
        content = source.read(MAX_BYTES + 1)
        if not isinstance(content, bytes):
            raise UserError(
                f'{_name_of(source)}: the file is opened as text, expected '
                "one opened with mode 'rb'"
            )
        return io.BytesIO(_bounded(content, _name_of(source)))
    if is_url(source):
        return io.BytesIO(_download(str(source)))
    if not isinstance(source, str | Path):
        raise UserError(
            'expected an image as path, URL, array, bytes, opened file or '
            f'image of Pillow, got {type(source).__name__}'
        )
    path = Path(source).expanduser()
    check_regular_file(path)
    return path


def check_regular_file(path: Path) -> None:
    """Refuse folders, devices, pipes, dead links and pointers of git-lfs.

    Raises:
        UserError: The path is not that of a regular file, or git-lfs has not
            fetched the file's content.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise UserError(f'{path}: no such file') from None
    except OSError as error:  # a loop of links, a name too long
        raise UserError(f'{path}: {error.strerror or error}') from None
    except ValueError:  # a NUL in the name
        raise UserError(
            f'{str(path)!r} cannot be the name of a file'
        ) from None
    if not stat.S_ISREG(status.st_mode):
        is_folder = stat.S_ISDIR(status.st_mode)
        what = 'a folder' if is_folder else 'a device, pipe or socket'
        raise UserError(f'{path} is {what}, expected a file')
    if status.st_size < _POINTER_BYTES and _is_pointer(path):
        raise UserError(
            f'{path} is a pointer of git-lfs, not the file itself; run git '
            'lfs pull in its repository'
        )


def _is_pointer(path: Path) -> bool:
    try:
        with path.open('rb') as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:  # to be named where the file is read
        return False


def _name_of(opened: object) -> str:
    return str(getattr(opened, 'name', 'the opened file'))


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            content = _bounded(answer.read(MAX_BYTES + 1), url)
            length = int(answer.headers.get('Content-Length') or 0)
            if length > len(content):
                raise UserError(
                    f'{url}: the download broke off after {len(content)} of '
                    f'{length} bytes. Try again'
                )
            return content
    except UserError:
        raise
    except (
        urllib.error.URLError,
        OSError,
        ValueError,
        HTTPException,
    ) as error:
        reason = getattr(error, 'reason', error)
        raise UserError(f'{url}: cannot be downloaded ({reason})') from None


def _bounded(content: bytes, name: str) -> bytes:
    if len(content) > MAX_BYTES:
        raise UserError(
            f'{name}: more than {MAX_BYTES >> 20} MiB; expected an image file'
        )
    return content
