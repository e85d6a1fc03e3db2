# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Output folders of the generators: written completely or not at all.

A generator checks its numbers with :func:`check_at_least` and fills a
:func:`new_folder`, which replaces ``OUT`` only after everything was written.
"""

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from ..errors import UserError

SHEET_SUFFIXES = ('.jpg', '.jpeg', '.png')


def check_at_least(**limits: tuple[int, int]) -> None:
    """Check that numbers given by the user are not too small.

    Args:
        **limits (tuple[int, int]): ``name=(value, least)``.

    Raises:
        UserError: A value is less than its limit.
    """
    for name, (value, least) in limits.items():
        if value < least:
            raise UserError(f'{name} must be at least {least}, got {value}')


def check_sheet(out: Path) -> None:
    """Check where a contact sheet is to be written, before the work starts.

    Args:
        out (Path): Image file to write.

    Raises:
        UserError: Its ending is not that of an image, or its folder does not
            exist.
    """
    if out.suffix.lower() not in SHEET_SUFFIXES:
        raise UserError(
            f'{out}: the name of a contact sheet must end in .jpg or .png, '
            f'got {out.suffix!r}'
        )
    if not out.parent.is_dir():
        raise UserError(f'{out.parent} does not exist; create it first')


def _check_target(out: Path, contents: Collection[str], replace: bool) -> None:
    """Refuse to write over anything but an earlier dataset of this kind."""
    if out.exists() and not out.is_dir():
        raise UserError(f'{out} is a file; name a folder to write to')
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f'{out.parent} cannot be created ({error.strerror}); name a '
            'folder elsewhere'
        ) from error
    present = {path.name for path in out.iterdir()} if out.exists() else set()
    if present and not replace:
        raise UserError(
            f'{out} is not empty; name a new folder or pass --overwrite'
        )
    foreign = sorted(present - set(contents))
    if foreign:
        raise UserError(
            f'{out} holds {foreign[0]!r}, which does not belong to this '
            'dataset, so it is not overwritten; name another folder'
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit OpenCV to one thread, so that its sums are reproducible.

    Yields:
        None: The number of threads is restored afterwards.
    """
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
    """Fill a temporary folder and move it to ``out`` when all went well.

    Args:
        out (Path): The folder to be created.
        contents (Collection[str]): Names at its top level. A folder that
            holds anything else is never overwritten.
        overwrite (bool): Replace an earlier dataset at ``out``.

    Yields:
        Path: The folder to write into, beside ``out``.

    Raises:
        UserError: ``out`` is not empty, is a file, or cannot be created.
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
