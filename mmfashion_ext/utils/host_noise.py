# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Messages of hosts about themselves, kept out of the output of tools.

Hosts are not patched: what they print or warn of is filtered by exactly its
text.
"""

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

#: Lines that hosts print where no logger is given.
PRINTED = re.compile(
    r'Could not import OneDL'
    r'|Loads checkpoint by \w+ backend from path: '
    r'|Did not find last_checkpoint to be resumed'
    r'|Could not safely load weights: '
)

#: Python warnings of hosts and PyTorch that a user cannot act on.
WARNINGS = (
    r'Setting (OMP|MKL)_NUM_THREADS environment variable for each process',
    r'Multi-processing start method `\w+` is different',
    r'Failed to search registry with scope',
    r'`?Visualizer`? backend is not initialized because save_dir',
    r'The prefix is not set in metric class',
    r'torch\.meshgrid: in an upcoming release',
    r'`torch\.jit\.\w+` is deprecated',
    r'pkg_resources is deprecated',
    r'Deprecated call to `pkg_resources',
    r'"FileClient" will be deprecated',
    r'Deprecated in NumPy',
)


def process_rank() -> int:
    """Return the rank of this process before PyTorch knows it."""
    for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        if os.environ.get(name, '').isdigit():
            return int(os.environ[name])
    return 0


def _show_warning(message: Warning | str, *args: Any, **kwargs: Any) -> None:
    print(f'warning: {message}', file=sys.stderr)


class PrintFilter:
    """Stream that leaves out the lines that ``PRINTED`` names.

    Args:
        stream (TextIO): Where the other lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._dropped = False

    def write(self, text: str) -> int:
        """Write a text, unless it is one of those lines."""
        if PRINTED.match(text):
            self._dropped = not text.endswith('\n')
            return len(text)
        if self._dropped and text == '\n':  # print writes it by itself
            self._dropped = False
            return 1
        self._dropped = False
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def quiet_hosts() -> Iterator[None]:
    """Leave out what hosts say of themselves, while a tool runs.

    Warnings that stay are one line without the place in the code.
    """
    stream = sys.stdout
    with warnings.catch_warnings():
        for message in WARNINGS:
            warnings.filterwarnings('ignore', message=message)
        if process_rank() != 0:  # the first process says it
            warnings.simplefilter('ignore')
        warnings.showwarning = _show_warning
        sys.stdout = PrintFilter(stream)
        try:
            yield
        finally:
            sys.stdout = stream
