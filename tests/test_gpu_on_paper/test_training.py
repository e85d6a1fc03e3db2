# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Training, validation and test of all systems on the GPU on paper.

A step of each kind of data, head and loss; ``every_config.py`` has the rest.
"""

import json
from functools import partial

import pytest
import torch
from mmengine.optim.optimizer import amp_optimizer_wrapper

from mmfashion_ext.runner import (
    augment_at_test,
    build_runner,
    draw_predictions,
    dump_predictions,
)

from .paper_gpu import NAME

#: One of each system; Match R-CNN with all its heads, a student with a tutor.
SYSTEMS = {
    'match_rcnn': (
        'match-rcnn-retrieval-class_r18-small_fpn_2xb8-1e_synthetic-160x160'
    ),
    'landmark': 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96',
    'scan': 'scan_r10-small_1xb32-12e_synthetic-64x32',
    'tryon': 'pf-afn_e2e-small_1xb4-8e_synthetic-128x96',
}


@pytest.fixture
def half_precision(monkeypatch):
    """Let MMEngine's wrapper for mixed precision use the GPU on paper."""
    for name, value in (
        ('is_cuda_available', lambda: True),
        ('GradScaler', partial(torch.amp.GradScaler, device=NAME)),
    ):
        monkeypatch.setattr(amp_optimizer_wrapper, name, value)
    monkeypatch.setattr(
        'mmengine.runner.amp.autocast',
        lambda dtype=None: torch.autocast(NAME, dtype or torch.float16),
    )


@pytest.mark.parametrize('system', SYSTEMS)
def test_train_validate_and_resume_in_half_precision(
    system, small, gpu, half_precision, tmp_path
):
    """A step, a validation whose predictions are dumped, a step of --amp."""
    cfg = small(SYSTEMS[system])
    dump_predictions(cfg, str(tmp_path / 'predictions.pkl'))
    cfg.val_evaluator = cfg.test_evaluator
    runner = build_runner(cfg)
    runner.train()
    assert {p.device for p in runner.model.parameters()} == {gpu}
    assert (tmp_path / 'predictions.pkl').is_file()
    path = f'{cfg.work_dir}/epoch_1.pth'
    cfg.experiment_name += '_again'
    cfg.load_from, cfg.resume = path, True
    cfg.train_cfg.update(max_epochs=2, val_interval=9)
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    runner, kinds = build_runner(cfg), set()
    for module in runner.model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(
                lambda module, given, out: kinds.add(out.dtype)
            )
    runner.train()
    assert runner.epoch == 2
    assert torch.float16 in kinds
    for name, weight in runner.model.named_parameters():
        assert weight.dtype == torch.float32, name
        assert weight.cpu().isfinite().all(), name


@pytest.mark.parametrize('system', ['match_rcnn', 'landmark'])
def test_drawn_predictions(system, small, gpu, tmp_path):
    """tools/test.py --show-dir, of Match R-CNN with --tta."""
    cfg = small(SYSTEMS[system])
    draw_predictions(cfg, str(tmp_path / 'drawn'), 0.0)
    if system == 'match_rcnn':
        cfg.test_evaluator = cfg.test_evaluator[:1]
        augment_at_test(cfg)
    json.dumps(build_runner(cfg).test())
    assert any((tmp_path / 'drawn').iterdir())
