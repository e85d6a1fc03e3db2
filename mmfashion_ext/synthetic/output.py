# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Writing a data set so that it is there as a whole or not at all."""

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from ..errors import UserError


class UsageError(UserError, ValueError):
    """What the caller asked for cannot be done; the message says why."""


def check_at_least(**limits: tuple[int, int]) -> None:
    """Check numbers given by the user: ``name=(value, least)``."""
    for name, (value, least) in limits.items():
        if value < least:
            raise UsageError(f'{name} must be at least {least}, got {value}')


def _check_target(out: Path, contents: Collection[str], replace: bool) -> None:
    """Refuse to write over anything but an earlier data set of this kind."""
    if out.exists() and not out.is_dir():
        raise UsageError(f'{out} is a file; name a folder to write to')
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f'{out.parent} cannot be created ({error.strerror}); name a '
            'folder elsewhere'
        ) from error
    present = {path.name for path in out.iterdir()} if out.exists() else set()
    if present and not replace:
        raise UsageError(
            f'{out} is not empty; name a new folder or pass --overwrite'
        )
    strange = sorted(present - set(contents))
    if strange:
        raise UsageError(
            f'{out} holds {strange[0]!r}, which is no part of this data set, '
            f'so it is not overwritten; name another folder'
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Let OpenCV use one thread: its sums differ with their number."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


@contextmanager
def new_folder(
    out: Path, contents: Collection[str], overwrite: bool = False
) -> Iterator[Path]:
    """Fill a temporary folder that takes its place when all went well.

    Args:
        out (Path): The folder to be.
        contents (Collection[str]): Names at its top level. A folder that
            holds anything else is never overwritten.
        overwrite (bool): Replace an earlier data set at ``out``.

    Yields:
        Path: The folder to write into, beside ``out``.

    Raises:
        UsageError: ``out`` is taken or cannot be created.
    """
    _check_target(out, contents, overwrite)
    temporary = Path(tempfile.mkdtemp(prefix=f'.{out.name}-', dir=out.parent))
    fresh, old = temporary / 'new', temporary / 'old'
    try:
        fresh.mkdir()
        yield fresh
        if out.exists():
            out.rename(old)
        fresh.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
