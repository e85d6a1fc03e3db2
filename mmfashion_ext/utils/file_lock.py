# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Lock of a file that several processes may want to change."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .files import make_folder


@contextmanager
def file_lock(path: str | Path) -> Iterator[None]:
    """Let one thread or process at a time change a file; others wait.

    The lock ends with the process that holds it, however that ends.

    Args:
        path (str | Path): The file, which need not exist yet; the lock is
            ``.NAME.lock`` beside it.

    Raises:
        UserError: The folder of the file cannot be made.
    """
    try:
        import fcntl
    except ImportError:  # Windows: files are still written whole or not
        yield
        return
    path = Path(path)
    make_folder(path.parent)
    lock = path.with_name(f'.{path.name}.lock')
    while True:
        with lock.open('w') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say(
                    f'{path} is being written by another process; waiting '
                    'until it is done'
                )
                fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file.fileno(), lock):  # removed while waiting
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)  # before it is released
            return


def _is_at(handle: int, path: Path) -> bool:
    """Check that an open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _say(text: str) -> None:
    """Log a line where MMEngine is in use; it is not imported for it."""
    logging = sys.modules.get('mmengine.logging')
    if logging is None:
        print(text, file=sys.stderr)
    else:
        logging.print_log(text, logger='current')
