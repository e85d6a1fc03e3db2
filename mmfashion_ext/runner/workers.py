# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Batches of data loading processes: shared memory that ends is an error.

A process that loads data sends tensors through shared memory. PyTorch moves
them there in a thread of that process; if it fails (no space left), the
thread prints a traceback, the batch is lost, and the training waits for it
for ever. Here tensors are moved while the batch is being made, where an error
reaches the training.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.utils.data import DataLoader, get_worker_info

from ..errors import UserError

SHARED_MEMORY = '/dev/shm'

_NO_MEMORY = re.compile(
    r'shared memory|\bshm\b|No space left|Bus error|Cannot allocate memory',
    re.IGNORECASE,
)
_NO_FILES = re.compile(r'Too many open files|received \d+ items of ancdata')
_LOST = re.compile(r'DataLoader worker \(pid.*exited unexpectedly')
_KILLED = re.compile(r'DataLoader worker \(pid.*killed by signal: Killed')


class SharedCollate:
    """Collate function that moves a batch's tensors to shared memory.

    Args:
        collate (callable): Makes a batch of a list of samples.
        where (str): Name of the data loader, for the message.
    """

    def __init__(self, collate: Callable[[list], Any], where: str) -> None:
        self.collate, self.where = collate, where

    def __call__(self, samples: list) -> Any:
        """Return the batch of the samples.

        Raises:
            UserError: There is not enough shared memory, or too many files
                are open. Raised in processes that load data only.
        """
        batch = self.collate(samples)
        worker = get_worker_info()
        if worker is not None:
            try:
                for tensor in tensors_of(batch):
                    share(tensor)
            except (RuntimeError, OSError) as error:
                message = explain_worker_error(error, self.where)
                if message is None:
                    reason = str(error).splitlines()[-1]
                    message = _no_memory(self.where, reason)
                raise UserError(message) from error
        return batch


def share(tensor: Tensor) -> None:
    """Move a tensor of any shape to shared memory, unless it is there."""
    if tensor.device.type == 'cpu' and tensor.layout == torch.strided:
        tensor.share_memory_()


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Yield the tensors, of any shapes, in containers and data samples."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from tensors_of(entry)
    elif isinstance(value, list | tuple | set):
        for entry in value:
            yield from tensors_of(entry)
    elif isinstance(value, BaseDataElement):
        yield from tensors_of(list(value.all_values()))
    elif isinstance(getattr(value, 'tensor', None), Tensor):
        yield value.tensor  # boxes of mmdet


def use_shared_collate(loader: DataLoader, where: str) -> None:
    """Make a data loader fail, not hang, when shared memory ends.

    Args:
        loader (DataLoader): Changed in place.
        where (str): Its name in the config, for the message.
    """
    if loader.num_workers and not isinstance(loader.collate_fn, SharedCollate):
        loader.collate_fn = SharedCollate(loader.collate_fn, where)


def explain_worker_error(
    error: Exception, where: str = 'train_dataloader'
) -> str | None:
    """Say what to do about an error of a process that loads data.

    Args:
        error (Exception): Of the process, or of PyTorch about its end.
        where (str): Name of the data loader in the config.

    Returns:
        str, optional: One line; None if it is about something else.
    """
    text = str(error)
    fewer = f'or use --cfg-options {where}.num_workers=0 (slower)'
    if _NO_FILES.search(text):
        return (
            f'{where}: too many files are open in a process that loads data; '
            f'raise the limit (ulimit -n 65536) {fewer}'
        )
    if _KILLED.search(text):
        return (
            f'{where}: the system ended a process that loads data, most often '
            'because memory ran out; use fewer of them '
            f'({where}.num_workers), a smaller {where}.batch_size {fewer}'
        )
    if _NO_MEMORY.search(text):
        return _no_memory(where, 'shared memory ran out')
    if _LOST.search(text):
        return (
            f'{where}: a process that loads data ended unexpectedly, see '
            f'above; use {where}.num_workers=0 to see its error'
        )
    return None


def _no_memory(where: str, reason: str) -> str:
    return (
        f'{where}: a process that loads data cannot put a batch into shared '
        f'memory ({reason}; {_free_space()}). Make it larger (docker run '
        f'--shm-size=8g or --ipc=host; mount -o remount,size=8g '
        f'{SHARED_MEMORY}), use a smaller {where}.batch_size or use '
        f'--cfg-options {where}.num_workers=0 (slower)'
    )


@contextmanager
def worker_errors() -> Iterator[None]:
    """Turn PyTorch's errors about lost processes into one line.

    Raises:
        UserError: A process that loads data was ended by the system.
    """
    try:
        yield
    except RuntimeError as error:
        message = None
        if 'DataLoader' in str(error) or _NO_FILES.search(str(error)):
            message = explain_worker_error(error)
        if message is None:
            raise
        raise UserError(message) from error


def _free_space() -> str:
    try:
        usage = shutil.disk_usage(SHARED_MEMORY)
    except OSError:
        return f'{SHARED_MEMORY} is missing'
    return (
        f'{SHARED_MEMORY}: {usage.free / 2**20:,.0f} of '
        f'{usage.total / 2**20:,.0f} MiB free'
    )
