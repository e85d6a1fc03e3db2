# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Default scope of MMEngine's registries, for one thread at a time.

MMEngine keeps it for the whole process, and reads configs by way of global
state. Threads that build models at the same time would build with each other's
scope and leave theirs behind.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DefaultScope

_LOCK = threading.RLock()


@contextmanager
def host_scope(scope: str | None) -> Iterator[None]:
    """Build with a default scope; the scope before returns afterwards.

    Args:
        scope (str, optional): Such as ``'mmdet'``. None: as it is.
    """
    with _LOCK, DefaultScope.overwrite_default_scope(scope):
        yield


def read_config(path: str | Path) -> Config:
    """Read a config file, which is run.

    Args:
        path (str | Path): The file.
    """
    with _LOCK:
        return Config.fromfile(path)
