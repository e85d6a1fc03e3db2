# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Start-up of training and test in five lines."""

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import BaseLoop
from torch import nn
from torch.utils.data import DataLoader

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner.start_up import StartUpHook, describe_run

pytestmark = pytest.mark.fault(31)


class Loop(BaseLoop):
    """A loop that is not run."""

    def __init__(self, num, **fields):
        self._runner, self.dataloader = None, DataLoader(range(num), 2)
        self.__dict__.update(fields)

    def run(self):
        raise NotImplementedError


@pytest.fixture
def runner(tmp_path):
    kept = []
    logger = logging.Logger('kept')
    handler = logging.Handler()
    handler.emit = lambda record: kept.append(record.getMessage())
    logger.addHandler(handler)
    model = nn.Sequential(nn.Linear(3, 1), nn.Linear(1, 1))
    model[1].requires_grad_(False)
    train = Loop(
        5, _max_epochs=4, max_epochs=4, max_iters=12, iter=12, val_interval=2
    )
    return SimpleNamespace(
        **{'logger': logger, 'lines': kept, 'model': model},
        **{'model_name': 'Sequential', 'experiment_name': 'net_2026'},
        **{'timestamp': '2026', 'work_dir': str(tmp_path)},
        **{'log_dir': str(tmp_path / '2026'), 'train_loop': train},
        **{'_train_loop': train, '_val_loop': Loop(3), '_test_loop': {}},
        message_hub=SimpleNamespace(runtime_info={'last_ckpt': 'epoch_4.pth'}),
    )


def test_five_lines(runner, tmp_path):
    hook = StartUpHook()
    hook.begin(runner)
    hook.before_run(runner)
    model, device, data, plan, results = runner.lines
    assert model == 'model: net (Sequential, 6 weights, 4 learned)'
    assert device.startswith('device: ')
    if not torch.cuda.is_available():
        assert 'CPU' in device
    assert data == 'data: train 5 items (range); val 3 items (range)'
    assert plan == (
        'plan: 4 epochs of 3 steps, batches of 2, validation every 2 epochs'
    )
    assert results == f'results: {tmp_path} (log in 2026/2026.log)'


def test_a_test_says_how_many_batches(runner):
    runner._train_loop = runner._val_loop = {}
    runner._test_loop = Loop(3)
    assert describe_run(runner)[1] == 'plan: 2 batches, then metrics'


@pytest.mark.fault(9)
def test_a_sampler_that_gives_no_batch(runner):
    """mmdet's AspectRatioBatchSampler counts batches that it drops."""
    hook = StartUpHook()
    runner.train_loop.iter = 6
    hook.before_train_epoch(runner)
    with pytest.raises(UserError, match=r'BatchSampler gave no batch of 5 it'):
        hook.after_train_epoch(runner)
    runner.train_loop.iter = 9
    hook.after_train_epoch(runner)


def test_an_end_says_where_the_checkpoint_is(runner):
    hook = StartUpHook()
    hook.before_train(runner)
    hook.after_train(runner)
    assert runner.lines[0].startswith(
        'nothing is left to train: step 12 of 12 is done; to go on, raise '
        'train_cfg.max_epochs (now 4)'
    )
    assert runner.lines[1] == (
        'trained 12 steps in 0:00:00; last checkpoint: epoch_4.pth'
    )
