# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Weights of a loss change in the right epoch, resumed or not."""

import pytest
import torch

pytest.importorskip('mmengine')
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon import SkinLoss, SwitchLossHook


class Model(BaseModel):
    """Keeps the weights of its loss at each step."""

    def __init__(self):
        super().__init__()
        self.skin_loss = SkinLoss()
        self.layer = nn.Linear(3, 1)
        self.seen = []

    def forward(self, inputs, mode):
        self.seen.append(self.skin_loss.weights)
        return {'loss': self.layer(inputs).square().mean()}


def train(work_dir, epochs, **kwargs):
    model = Model()
    runner = Runner(
        model,
        str(work_dir),
        train_dataloader=torch.utils.data.DataLoader(
            [{'inputs': torch.ones(3)}] * 2, batch_size=2
        ),
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.01}},
        custom_hooks=[
            SwitchLossHook('skin_loss', 3, {'weights': (60.0, 4.0)})
        ],
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
    return model.seen


def test_new_values_from_the_epoch_on(tmp_path):
    early, late = (30.0, 2.0), (60.0, 4.0)
    assert train(tmp_path, 4) == [early, early, late, late]


@pytest.mark.parametrize('at', [1, 2, 3])
def test_resumed_before_at_and_after_the_switch(tmp_path, at):
    train(tmp_path / 'part', at)
    rest = train(
        tmp_path / 'rest',
        4,
        load_from=str(tmp_path / f'part/epoch_{at}.pth'),
        resume=True,
    )
    assert rest == [(30.0, 2.0), (30.0, 2.0), (60.0, 4.0), (60.0, 4.0)][at:]


def test_data_parallel_wrappers_are_opened():
    model = nn.DataParallel(Model())
    hook = SwitchLossHook('skin_loss', 1, {'weights': (1.0, 1.0)})
    hook.before_train_epoch(type('R', (), {'model': model, 'epoch': 0}))
    assert model.module.skin_loss.weights == (1.0, 1.0)


def test_a_loss_or_attribute_that_is_not_there():
    runner = type('R', (), {'model': Model(), 'epoch': 0})
    with pytest.raises(UserError, match=r"Model has no loss 'skin'"):
        SwitchLossHook('skin', 1, {}).before_train(runner)
    with pytest.raises(UserError, match='SkinLoss has no attribute late'):
        SwitchLossHook('skin_loss', 1, {'late': 1}).before_train(runner)
