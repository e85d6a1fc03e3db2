# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import copy

import pytest
import torch

pytest.importorskip('mmengine')
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon import PartialStartHook


class TwoParts(BaseModel):
    """A waiting part with batch statistics before a new one."""

    def __init__(self):
        super().__init__()
        self.cloth = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        self.condition_part = nn.Linear(3, 1)

    def forward(self, inputs, mode):
        return {
            'loss': self.condition_part(self.cloth(inputs)).square().mean()
        }


def train(work_dir, model, epochs, **kwargs):
    data = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    loader = torch.utils.data.DataLoader(
        [{'inputs': row} for row in data], batch_size=4
    )
    runner = Runner(
        model,
        str(work_dir),
        train_dataloader=loader,
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'Adam', 'lr': 0.01}},
        custom_hooks=[PartialStartHook(switch_epoch=3)],
        default_hooks={
            'logger': None,
            'checkpoint': {'type': 'CheckpointHook'},
        },
        default_scope='mmengine',
        experiment_name='_'.join(work_dir.parts[-2:]),
        log_level='WARNING',
        **kwargs,
    )
    runner.train()
    return runner


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TwoParts()


def test_a_part_waits(tmp_path, model):
    start = copy.deepcopy(model.state_dict())
    train(tmp_path, model, 2)
    end = model.state_dict()
    changed = {name for name in end if not torch.equal(end[name], start[name])}
    # batch statistics move from the start
    assert changed == {
        *('condition_part.weight', 'condition_part.bias'),
        *('cloth.1.running_mean', 'cloth.1.running_var'),
        'cloth.1.num_batches_tracked',
    }


def test_the_second_optimizer_is_a_fresh_one(tmp_path, model):
    """Equal to two trainings with an optimizer each, written out."""
    plain = copy.deepcopy(model)
    runner = train(tmp_path, model, 4)
    data = torch.stack([d['inputs'] for d in runner.train_dataloader.dataset])
    plain.train()
    for epochs, part in ((2, plain.condition_part), (2, plain)):
        optimizer = torch.optim.Adam(part.parameters(), lr=0.01)
        for batch in list(data.split(4)) * epochs:
            optimizer.zero_grad()
            plain.zero_grad()
            plain(batch, 'loss')['loss'].backward()
            optimizer.step()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


@pytest.mark.parametrize('at', [1, 2, 3])
def test_resumes_before_at_and_after_the_switch(tmp_path, model, at):
    start = copy.deepcopy(model)
    train(tmp_path / 'whole', model, 4)
    again = copy.deepcopy(start)
    train(tmp_path / 'part', copy.deepcopy(start), at)
    train(
        tmp_path / 'rest',
        again,
        4,
        load_from=str(tmp_path / f'part/epoch_{at}.pth'),
        resume=True,
    )
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_parts_that_are_not_there(tmp_path, model):
    hook = PartialStartHook(parts=['nowhere'])
    optimizer = torch.optim.Adam(model.parameters())
    with pytest.raises(UserError, match=r'nowhere.*cloth.0.weight'):
        hook._freeze(model, optimizer)
