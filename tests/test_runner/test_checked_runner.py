# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The runner of the tools on a model of one weight."""

import os
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS, RUNNERS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner import build_runner
from mmfashion_ext.runner.console import find_console


class OneWeight(BaseModel):
    """y = w x, to be 1."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, inputs, mode='loss'):
        return {'loss': (self.weight * torch.stack(inputs) - 1).square().sum()}


class Ones(Dataset):
    """As many ones as asked for."""

    metainfo: dict = {}

    def __init__(self, num):
        self.num = num

    def __len__(self):
        return self.num

    def __getitem__(self, index):
        return {'inputs': torch.ones(1)}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A function that makes the config of a training of ``num`` items."""
    for registry, kind in ((MODELS, OneWeight), (DATASETS, Ones)):
        monkeypatch.setitem(registry._module_dict, kind.__name__, kind)
    # what Runner says about the machine takes a second
    monkeypatch.setattr(Runner, '_log_env', lambda self, cfg: None)

    def make(num, **loader):
        return Config(
            dict(
                model=dict(type='OneWeight'),
                work_dir=str(tmp_path / 'work'),
                launcher='none',
                train_dataloader=dict(
                    dataset=dict(type='Ones', num=num),
                    sampler=dict(type='DefaultSampler', shuffle=False),
                    **{'batch_size': 2, 'num_workers': 0, **loader},
                ),
                train_cfg=dict(by_epoch=True, max_epochs=1),
                optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
                experiment_name=tmp_path.name,
            )
        )

    return make


@pytest.mark.fault(9)
@pytest.mark.parametrize('num', [0, 1])
def test_a_training_without_a_step_leaves_no_checkpoint(config, num, tmp_path):
    """It ended with success and a checkpoint of random weights."""
    runner = build_runner(config(num, drop_last=True))
    with pytest.raises(UserError, match='train_dataloader: '):
        runner.train()
    assert list(tmp_path.rglob('*.pth')) == []


@pytest.mark.fault(23)
def test_nothing_is_configured(config):
    cfg = config(4)
    with pytest.raises(UserError, match='no test_dataloader and test_cfg'):
        build_runner(cfg).test()
    cfg.optim_wrapper = None
    with pytest.raises(UserError, match=r'optim_wrapper should .* or all gi'):
        build_runner(cfg)
    cfg.train_dataloader = cfg.train_cfg = None
    with pytest.raises(UserError, match='nothing to train'):
        build_runner(cfg).train()


@pytest.mark.fault(31)
def test_a_training_in_a_few_lines(config, capsys):
    runner = build_runner(config(4, persistent_workers=True))
    assert find_console(runner.logger)
    model = runner.train()
    assert model.weight.item() == pytest.approx(0.64, abs=1e-6)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:5]] == [
        'model:',
        'device:',
        'data:',
        'plan:',
        'results:',
    ]
    assert len(lines) < 10, lines


def test_the_config_chooses_the_runner(config, monkeypatch):
    class OwnRunner(Runner):
        """A runner that a config names."""

    monkeypatch.setitem(RUNNERS._module_dict, 'OwnRunner', OwnRunner)
    cfg = config(4)
    cfg.runner_type = 'OwnRunner'
    assert isinstance(build_runner(cfg), OwnRunner)
    cfg.runner_type = 'NoRunner'
    with pytest.raises(UserError, match="'NoRunner' is not a known runner"):
        build_runner(cfg)


def test_checkpoint_is_written_whole_and_the_work_dir_is_locked(
    config, monkeypatch
):
    """A kill while a checkpoint is written must leave the earlier one."""
    cfg = config(4)
    seen = []
    save = Runner.save_checkpoint

    def record(self, out_dir, filename, *args, **kwargs):
        seen.append(filename)
        save(self, out_dir, filename, *args, **kwargs)

    monkeypatch.setattr(Runner, 'save_checkpoint', record)
    runner = build_runner(cfg)
    runner.train()
    folder = Path(cfg.work_dir)
    name = Path((folder / 'last_checkpoint').read_text()).name
    assert (folder / name).is_file()
    assert seen == [f'.{name}.{os.getpid()}.part']
    assert not [path for path in folder.iterdir() if path.suffix == '.part']
    assert (folder / '.training.lock').read_text() == str(os.getpid())
