# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The published schedules, as the configs of the four stages give them."""

import pytest
import torch

pytest.importorskip('mmengine')
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from mmfashion_ext.hub import config_path

# (config, base rate of the warp network, of the generator, niter, decay)
STAGES = [
    ('pb-afn_warp_8xb4-100e_viton-256x192', 5e-5, None, 50, 50),
    ('pb-afn_e2e_8xb4-100e_viton-256x192', 1e-5, 5e-5, 50, 50),
    ('pf-afn_warp_8xb4-200e_viton-256x192', 3e-5, None, 100, 100),
    ('pf-afn_e2e_8xb4-100e_viton-256x192', 1e-5, 5e-5, 50, 50),
]


class Networks(nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.warp_net = nn.Linear(2, 1)
        if generator:
            self.generator = nn.Linear(2, 1)


@pytest.mark.parametrize(
    ('name', 'warp', 'generator', 'niter', 'decay'), STAGES
)
def test_learning_rate_of_every_epoch(name, warp, generator, niter, decay):
    """lr (1 - max(0, e - niter - 1) / decay) in epoch e, from 1."""
    cfg = Config.fromfile(config_path(name))
    assert cfg.train_cfg.max_epochs == niter + decay
    model = Networks(generator)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    assert isinstance(optimizer, torch.optim.Adam)
    groups = {
        id(parameter): group
        for group in optimizer.param_groups
        for parameter in group['params']
    }
    scheduler = PARAM_SCHEDULERS.build(
        cfg.param_scheduler, default_args={'optimizer': optimizer}
    )
    for epoch in range(1, niter + decay + 1):
        factor = 1 - max(0, epoch - niter - 1) / decay
        for part, base in (('warp_net', warp), ('generator', generator)):
            if base is None:
                continue
            group = groups[id(getattr(model, part).weight)]
            assert group['lr'] == pytest.approx(base * factor, rel=1e-6)
            assert group['betas'] == (0.5, 0.999)
            assert group['eps'] == 1e-8
            assert group['weight_decay'] == 0
        scheduler.step()


def test_stages_are_chained():
    tutor, whole, student, last = (
        Config.fromfile(config_path(name)) for name, *_ in STAGES
    )
    assert tutor.load_from is None
    assert whole.load_from == f'work_dirs/{STAGES[0][0]}/epoch_100.pth'
    taught = f'work_dirs/{STAGES[1][0]}/epoch_100.pth'
    assert student.model.teacher_checkpoint == taught
    assert last.model.teacher_checkpoint == taught
    assert student.load_from is None
    assert student.model.start_from_teacher
    assert not last.model.get('start_from_teacher', False)
    assert last.load_from == f'work_dirs/{STAGES[2][0]}/epoch_200.pth'
    weights = [cfg.model.get('warp_weight', 1) for cfg in (tutor, whole)]
    assert weights == [1, 0.5]
    weights = [cfg.model.get('warp_weight', 1) for cfg in (student, last)]
    assert weights == [1, 0.25]
    (hook,) = student.custom_hooks
    assert hook.switch_epoch == 100
    (switch,) = last.custom_hooks
    assert switch.type == 'mmfashion_ext.SwitchLossHook'
    assert switch.loss == 'skin_loss'
    assert switch.switch_epoch == 50
    assert tuple(switch['values']['weights']) == (60, 4)
    assert 'weights' not in last.model.skin_loss, 'its default, (30, 2)'
