# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Work directory of a training: one run at a time, whole checkpoints."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import is_main_process

from ..errors import UserError
from ..utils.files import make_folder


@contextmanager
def one_training(work_dir: str | Path) -> Iterator[None]:
    """Refuse a second training in a work directory while this one runs.

    Two would write over each other's checkpoints and logs. The lock ends with
    the process that holds it, however that ends; of the processes of one
    training the first holds it.

    Args:
        work_dir (str | Path): Folder of the training.

    Raises:
        UserError: Another training runs there.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    if not is_main_process():
        yield
        return
    make_folder(Path(work_dir))
    with Path(work_dir, '.training.lock').open('a+') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            process = file.read().strip() or 'unknown'
            raise UserError(
                f'{work_dir}: another training runs there (process '
                f'{process}); wait for it, or choose another --work-dir'
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def written_whole(folder: str | Path, name: str) -> Iterator[str]:
    """Give a file its name when it is complete.

    A training that is killed while it writes a checkpoint leaves the earlier
    one as the last.

    Args:
        folder (str | Path): Local folder.
        name (str): Name of the file or, of sharded checkpoints, folder.

    Yields:
        str: Name to write to, in the same folder.
    """
    temporary = Path(folder, f'.{name}.{os.getpid()}.part')
    try:
        yield temporary.name
        if temporary.exists():  # not every process writes
            temporary.replace(Path(folder, name))
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)
