# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Read JSON; write files and folders: whole or not at all."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import UserError
from .sources import check_regular_file


def read_json(
    path: str | os.PathLike,
    what: str,
    *,
    error: type[UserError] = UserError,
    object_hook: Callable[[dict], Any] | None = None,
) -> Any:
    """Read a JSON file.

    Args:
        path (str | os.PathLike): The file.
        what (str): What the messages call its content, for instance
            ``'ground truth'``.
        error (type[UserError]): Class of the errors.
        object_hook (callable, optional): Called with each object; its result
            stands for the object.

    Returns:
        Any: The content, unchecked; NaN and Infinity are accepted.

    Raises:
        UserError: The file cannot be read, is not a regular file, or is not
            valid JSON in UTF-8.
    """
    if Path(path).exists():  # a pipe or device would never end
        try:
            check_regular_file(Path(path))
        except UserError as cause:
            raise error(f'cannot read the {what}: {cause}') from None
    try:
        # a byte-order mark is skipped
        with open(path, encoding='utf-8-sig') as file:
            return json.load(file, object_hook=object_hook)
    except OSError as cause:
        raise error(
            f'{path}: cannot read the {what} ({cause.strerror or cause}); '
            'check the path'
        ) from cause
    # RecursionError: nested too deep; UnicodeDecodeError is a ValueError
    except (ValueError, RecursionError) as cause:
        raise error(
            f'{path}: the {what} is not valid JSON ({cause}); write the file '
            'again'
        ) from cause


def make_folder(path: str | Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        UserError: One of them is a file.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(
            f'{path} is, or lies below, a file; expected a folder, name '
            'another one'
        ) from None


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    Args:
        path (str or Path): The file wanted. Its folder is made if missing.

    Yields:
        Path: A temporary file beside it to write to; renamed to ``path`` on
        success, removed if the block raises.

    Raises:
        UserError: ``path`` is a folder, or lies below a file.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f'{path} is a folder, expected the name of a file')
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's files are private
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: object) -> None:
    """Write JSON atomically, NaN refused (it is not JSON)."""
    with atomic_write(path) as temporary, temporary.open('w') as file:
        json.dump(content, file, indent=2, allow_nan=False)
        file.write('\n')


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, read piece by piece.

    Args:
        path (str | Path): An existing file.

    Returns:
        str: 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with open(path, 'rb') as opened:
        while chunk := opened.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
