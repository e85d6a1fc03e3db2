# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A resumed training ends with the weights of an unbroken one, bit by bit.

SCAN's, whose sampler has seeds of its own, is in tests/test_scan.
"""

import random

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmfashion_ext.hub import config_path
from mmfashion_ext.runner import build_runner
from mmfashion_ext.synthetic.viton.generate import generate_viton
from mmfashion_ext.utils.checkpoint import load_checkpoint_file


def tiny_config(name, root, work_dir):
    """The shipped training, but of two epochs of two steps."""
    cfg = Config.fromfile(config_path(name), import_custom_modules=False)
    cfg.train_dataloader.update(
        batch_size=2, num_workers=0, persistent_workers=False
    )
    cfg.train_dataloader.dataset.data_root = f'{root}/'
    cfg.train_cfg = {'by_epoch': True, 'max_epochs': 2}
    cfg.default_hooks.checkpoint.interval = 1
    for part in ('dataloader', 'cfg', 'evaluator'):
        cfg[f'val_{part}'] = cfg[f'test_{part}'] = None
    cfg.visualizer = dict(type='Visualizer')  # without files
    cfg.log_level = 'ERROR'
    cfg.launcher = 'none'
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = '_'.join(work_dir.parts[-3:])
    return cfg


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp('people') / 'viton'
    generate_viton(root, num=4, test=2, size=64, progress=False)
    return root


@pytest.fixture(scope='module')
def tutor(tmp_path_factory):
    """A tutor with random weights: what it teaches does not matter here."""
    path = tmp_path_factory.mktemp('tutor') / 'tutor.pth'
    name = 'pb-afn_e2e-small_1xb4-8e_synthetic-128x96'
    cfg = Config.fromfile(config_path(name), import_custom_modules=False)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    torch.save({'state_dict': model.state_dict()}, path)
    return path


def changed_by_resuming(cfg, folder):
    """Train, train again from the first epoch on; names that differ."""
    ended = []
    for name in ('unbroken', 'resumed'):
        cfg.work_dir = str(folder / name)
        cfg.experiment_name += name
        # another process begins with other draws
        random.seed(len(ended))
        np.random.seed(len(ended))  # noqa: NPY002
        build_runner(cfg).train()
        ended.append(load_checkpoint_file(folder / name / 'epoch_2.pth'))
        cfg.load_from = str(folder / 'unbroken' / 'epoch_1.pth')
        cfg.resume = True
    one, other = (checkpoint['state_dict'] for checkpoint in ended)
    half = load_checkpoint_file(cfg.load_from)['state_dict']
    assert any(not torch.equal(one[n], half[n]) for n in one), 'it learned'
    return [name for name in one if not torch.equal(one[name], other[name])]


def test_match_rcnn(tiny_deepfashion2, tmp_path):
    """The sampler of RoIs and flips draw as in the unbroken training."""
    name = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
    cfg = tiny_config(name, tiny_deepfashion2[0], tmp_path / 'x')
    assert changed_by_resuming(cfg, tmp_path) == []


def test_student(people, tutor, tmp_path):
    """Unpaired garments are drawn as in the unbroken training."""
    name = 'pf-afn_warp-small_1xb4-16e_synthetic-128x96'
    cfg = tiny_config(name, people, tmp_path / 'x')
    cfg.model.teacher_checkpoint = str(tutor)
    cfg.load_from = None
    assert cfg.train_dataloader.dataset.unpaired == 'random'
    assert changed_by_resuming(cfg, tmp_path) == []
