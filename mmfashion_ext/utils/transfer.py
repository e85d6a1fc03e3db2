# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""HTTP transfer of one file: progress, retries, resume, limits.

A transfer that broke off goes on where it stopped if the server can be asked
whether the file is still the same (a strong ETag or a date), or if the hash of
the whole is known.
"""

import hashlib
import re
import shutil
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import DownloadColumn, Progress, TimeRemainingColumn

from ..errors import UserError
from .download_cache import read_record, record_path
from .files import write_json

#: Largest download in bytes.
MAX_BYTES = 32 * 2**30

_TIMEOUT = 30  # s without a byte
_ATTEMPTS = 3  # of a transfer that breaks off
_PAUSE = 0.5  # s before the second attempt; twice that before the third
_CHUNK = 2**20
_PASSING = (429, 500, 502, 503, 504)  # answers of a server that is busy
_RANGE = re.compile(r'bytes (\d+)-\d*/(\d+|\*)')


class DownloadError(UserError, OSError):
    """Error: a file cannot be downloaded, or is not what it should be."""


class Transferred(NamedTuple):
    """What a transfer wrote.

    Attributes:
        size (int): Bytes of the whole file.
        sha256 (str): 64 hexadecimal digits, of the whole file.
        resumed (bool): Whether part of it was there before.
    """

    size: int
    sha256: str
    resumed: bool


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http(s) alone, and never from https to http."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        scheme, before = urlsplit(newurl).scheme, urlsplit(req.full_url).scheme
        if scheme != 'https' and scheme != before:
            raise DownloadError(
                f'{req.full_url}: is redirected to {newurl[:200]!r}, expected '
                f'an address of {before}. Check the address'
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def transfer(url: str, file: Path, *, hash_is_known: bool) -> Transferred:
    """Write the content of a URL to a file.

    Args:
        url (str): An http(s) URL.
        file (Path): What is there of an earlier transfer is continued, if
            possible. If this one fails, what can be continued later stays.
        hash_is_known (bool): Whether the caller checks the content by a hash
            from elsewhere.

    Returns:
        Transferred: Its length and hash.

    Raises:
        DownloadError: There is no such file or no connection, the file is too
            large for the limit or the disk, or it breaks off at each attempt.
    """
    reason: object = None
    done = None
    try:
        for attempt in range(_ATTEMPTS):
            time.sleep(_PAUSE * attempt)
            try:
                done = _transfer(url, file, hash_is_known)
                return done
            except DownloadError:
                raise
            except urllib.error.HTTPError as error:
                reason = f'HTTP Error {error.code}: {error.reason}'
                if error.code == 416:  # not the file that it was
                    _drop(file)
                elif error.code not in _PASSING:
                    break
            except (OSError, ValueError, HTTPException) as error:
                reason = getattr(error, 'reason', error)
    finally:
        if done is None and not record_path(file).is_file():
            file.unlink(missing_ok=True)
    text = (str(reason).splitlines() or [type(reason).__name__])[0]
    raise DownloadError(
        f'{url}: cannot be downloaded ({text}). Check the address and the '
        'connection, or download it elsewhere and pass the file'
    )


def _transfer(url: str, file: Path, hash_is_known: bool) -> Transferred:
    """Transfer once."""
    known = read_record(record_path(file))
    validator = known.get('validator')
    request = urllib.request.Request(
        url, headers={'User-Agent': 'mmfashion_ext'}
    )
    start = 0
    if known.get('url') == url and (validator or hash_is_known):
        start = file.stat().st_size if file.is_file() else 0
    if start:
        request.add_header('Range', f'bytes={start}-')
        if validator:
            request.add_header('If-Range', str(validator))
    opener = urllib.request.build_opener(_Redirects)
    with opener.open(request, timeout=_TIMEOUT) as answer:
        length = int(answer.headers.get('Content-Length') or 0)
        if answer.status == 206:
            part = _RANGE.fullmatch(answer.headers.get('Content-Range', ''))
            if not part or int(part[1]) != start:
                _drop(file)
                raise OSError('the server sent another part of the file')
        else:
            start = 0
        total = start + length if length else 0
        _check_size(url, file, total, length)
        _write_record(url, file, answer.headers, hash_is_known)
        done, sha256 = _copy(url, answer, file, start, total)
    if total and done != total:
        raise OSError(f'broke off after {done} of {total} bytes')
    record_path(file).unlink(missing_ok=True)
    return Transferred(done, sha256, start > 0)


def _check_size(url: str, file: Path, total: int, length: int) -> None:
    if total > MAX_BYTES:
        raise _too_large(url)
    free = shutil.disk_usage(file.parent).free
    if length > free:
        raise DownloadError(
            f'{url}: has {length / 1e6:.0f} MB, but there are {free / 1e6:.0f}'
            f' MB free in {file.parent}. Make room, or set TORCH_HOME to '
            'another folder'
        )


def _write_record(
    url: str, file: Path, headers: Any, hash_is_known: bool
) -> None:
    """Note how to continue; nothing if it cannot be continued."""
    validator = headers.get('ETag') or headers.get('Last-Modified') or ''
    if validator.startswith('W/'):  # may be the same for other bytes
        validator = ''
    if validator or hash_is_known:
        write_json(record_path(file), {'url': url, 'validator': validator})
    else:
        record_path(file).unlink(missing_ok=True)


def _copy(
    url: str, answer: IO[bytes], file: Path, start: int, total: int
) -> tuple[int, str]:
    """Copy with a progress bar; return the file's length and SHA-256."""
    digest, done = hashlib.sha256(), start
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], DownloadColumn())
    with (
        file.open('r+b' if start else 'wb') as opened,
        Progress(
            *columns,
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as bar,
    ):
        task = bar.add_task(
            f'Download {url}', total=total or None, completed=start
        )
        rest = start
        while rest and (chunk := opened.read(min(rest, _CHUNK))):
            digest.update(chunk)
            rest -= len(chunk)
        while chunk := answer.read(_CHUNK):
            opened.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            bar.update(task, completed=done)
            if done > MAX_BYTES:
                _drop(file)
                raise _too_large(url)
    return done, digest.hexdigest()


def _drop(file: Path) -> None:
    file.unlink(missing_ok=True)
    record_path(file).unlink(missing_ok=True)


def _too_large(url: str) -> DownloadError:
    return DownloadError(
        f'{url}: more than {MAX_BYTES >> 30} GiB; expected a checkpoint. '
        'Check the address'
    )
