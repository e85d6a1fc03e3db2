# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Processes that load data: no room for a batch is an error, not a hang."""

import resource
import signal

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement, InstanceData
from torch.utils.data import DataLoader, Dataset

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner.workers import (
    SharedCollate,
    explain_worker_error,
    tensors_of,
    use_shared_collate,
    worker_errors,
)

pytestmark = pytest.mark.fault(22)


class Zeros(Dataset):
    """Four samples of 2 MiB with a label."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {'inputs': torch.zeros(2, 512, 512), 'index': index}


def little_room(worker):
    """Let a process create files of 1 MiB at most, shared memory included."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))


def die(worker):
    signal.raise_signal(signal.SIGBUS)


def loader(init):
    made = DataLoader(
        Zeros(),
        batch_size=2,
        num_workers=1,
        collate_fn=pseudo_collate,
        worker_init_fn=init,
        multiprocessing_context='fork',
        timeout=60,  # fails instead of hanging should the fix be lost
    )
    use_shared_collate(made, 'train_dataloader')
    return made


def test_too_little_shared_memory_is_an_error():
    """PyTorch printed a traceback and waited for the batch for ever."""
    with pytest.raises(UserError) as caught, worker_errors():
        list(loader(little_room))
    message = str(caught.value)
    assert 'cannot put a batch into shared memory' in message
    assert '--shm-size=8g' in message
    assert 'train_dataloader.num_workers=0' in message


def test_a_bus_error_of_a_process_is_one_line():
    with (
        pytest.raises(UserError, match=r'train_dataloader.*num_workers=0'),
        worker_errors(),
    ):
        list(loader(die))


def test_batches_arrive_unchanged():
    batches = list(loader(None))
    assert [batch['index'] for batch in batches] == [[0, 1], [2, 3]]
    assert batches[0]['inputs'][1].shape == (2, 512, 512)
    assert batches[0]['inputs'][1].is_shared()


def test_in_the_training_process_nothing_is_shared():
    made = SharedCollate(pseudo_collate, 'x')([{'inputs': torch.zeros(2)}])
    assert not made['inputs'][0].is_shared()


def test_tensors_are_found_in_data_samples():
    sample = BaseDataElement(gt=InstanceData(boxes=torch.zeros(3, 4)))
    found = tensors_of([{'a': (torch.zeros(1), np.zeros(2), 'x')}, sample])
    assert [tuple(tensor.shape) for tensor in found] == [(1,), (3, 4)]


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('DataLoader worker (pid 7) is killed by signal: Bus error.', 'shm'),
        ('unable to open shared memory object', '--shm-size'),
        ('DataLoader worker (pid 7) is killed by signal: Killed.', 'memory'),
        ('received 0 items of ancdata', 'ulimit -n'),
        ('DataLoader worker (pid(s) 7) exited unexpectedly', 'ended unexp'),
    ],
)
def test_what_to_do_is_said(text, expected):
    message = explain_worker_error(RuntimeError(text), 'val_dataloader')
    assert expected in message
    assert 'val_dataloader.num_workers=0' in message
    assert '\n' not in message


def test_other_errors_pass():
    assert explain_worker_error(RuntimeError('shapes differ')) is None
    with pytest.raises(RuntimeError, match='shapes differ'), worker_errors():
        raise RuntimeError('shapes differ')
    with pytest.raises(RuntimeError, match='CUDA'), worker_errors():
        raise RuntimeError('CUDA: shared memory of a kernel')
