# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What the command-line tools share: errors in one line, atomic files."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """Something a user can mend.

    The message is one line: what was wrong, where, what was expected and
    what to do next.
    """


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's ``main``; end with 2 and one line on a user's error.

    Args:
        main (callable): Returns the exit status; None counts as 0.
    """
    mendable = (
        UserError,
        ImportError,
        FileNotFoundError,
        IsADirectoryError,
        NotADirectoryError,
        PermissionError,
    )
    try:
        status = main()
    except mendable as error:
        print(f'error: {_message(error)}', file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print('stopped', file=sys.stderr)
        status = 130
    sys.exit(status)


def _message(error: Exception) -> str:
    """One line, without the traceback that a DataLoader's process adds."""
    text = str(error).strip()
    if text.startswith('Caught ') and 'Original Traceback' in text:
        # its last line: {type}: {message}
        text = text.splitlines()[-1].partition(': ')[2]
    return ' '.join(text.split())


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


def describe(items: Iterable[object], separator: str = ', ') -> str:
    """Name the first few of many, for a message.

    Args:
        items (Iterable[object]): Whatever ``str`` makes readable.
        separator (str): Between them.
    """
    named = [str(item) for item in items]
    more = f' and {len(named) - 5} more' if len(named) > 5 else ''
    return separator.join(named[:5]) + more
