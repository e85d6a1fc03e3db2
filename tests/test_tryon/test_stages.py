# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The four stages one after the other, as the synthetic configs have them.

An epoch is one step of two people: that a stage goes on from the one before is
seen after two.
"""

import json

import pytest
import torch

pytest.importorskip('mmengine')
from mmengine.config import Config
from mmengine.runner import Runner
from yapf.yapflib import yapf_api

from mmfashion_ext.hub import config_path
from mmfashion_ext.synthetic.viton.generate import generate_viton
from mmfashion_ext.utils.checkpoint import load_checkpoint_file

STAGES = ('pb-afn_warp', 'pb-afn_e2e', 'pf-afn_warp', 'pf-afn_e2e')


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    """64 x 48 px: padded to 64 x 64 by the preprocessor."""
    root = tmp_path_factory.mktemp('people') / 'viton'
    generate_viton(root, num=2, test=2, size=64, progress=False)
    return root


def stage_config(stage, root, folder):
    epochs = 16 if stage == 'pf-afn_warp' else 8
    name = f'{stage}-small_1xb4-{epochs}e_synthetic-128x96'
    cfg = Config.fromfile(config_path(name))
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.data_root = str(root)
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.test_dataloader = cfg.val_dataloader
    cfg.train_cfg = {'by_epoch': True, 'max_epochs': 2, 'val_interval': 2}
    cfg.param_scheduler.update(begin=0, end=2)
    cfg.work_dir = str(folder / stage)
    cfg.experiment_name = '_'.join((*folder.parts[-2:], stage))
    before = {'pb-afn_e2e': 'pb-afn_warp', 'pf-afn_e2e': 'pf-afn_warp'}
    cfg.load_from = None
    if stage in before:
        cfg.load_from = str(folder / before[stage] / 'epoch_2.pth')
    if stage.startswith('pf'):
        tutor = folder / 'pb-afn_e2e' / 'epoch_2.pth'
        cfg.model.teacher_checkpoint = str(tutor)
    if 'custom_hooks' in cfg:
        cfg.custom_hooks[0].switch_epoch = 2
    cfg.log_level = 'WARNING'
    return cfg


@pytest.fixture(scope='module', autouse=True)
def leave_configs_unformatted():
    """A config in a log and a work dir is for reading, formatting is slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yapf_api, 'FormatCode', lambda text, **_: (text, True))
        yield


@pytest.fixture(scope='module')
def trained(people, tmp_path_factory):
    """The folder of all four work dirs."""
    folder = tmp_path_factory.mktemp('stages')
    torch.set_num_threads(1)
    for stage in STAGES:
        Runner.from_cfg(stage_config(stage, people, folder)).train()
    return folder


@pytest.fixture(scope='module')
def states(trained):
    """The weights of all four, read once: with optimizers it takes long."""
    return {
        stage: load_checkpoint_file(trained / stage / 'epoch_2.pth')[
            'state_dict'
        ]
        for stage in STAGES
    }


def test_every_stage_goes_on_from_the_one_before(states):
    """Epochs are few, so what is learnt stays near where it began."""
    for stage, before in (
        ('pb-afn_e2e', 'pb-afn_warp'),
        ('pf-afn_e2e', 'pf-afn_warp'),
    ):
        for name, value in states[before].items():
            if name.endswith('.weight') and value.ndim == 4:
                moved = (states[stage][name] - value).abs().max()
                assert 0 < moved < 0.05, name
    shared = [n for n in states['pf-afn_warp'] if 'cloth_encoder' in n]
    for name in shared:
        if name.endswith('.weight'):
            gap = states['pf-afn_warp'][name] - states['pb-afn_e2e'][name]
            assert gap.abs().max() < 0.05, name


def test_checkpoints_hold_the_networks_only(states):
    for stage in STAGES:
        parts = {name.split('.')[0] for name in states[stage]}
        whole = {'warp_net', 'generator'}
        assert parts == (whole if 'e2e' in stage else {'warp_net'})


def test_a_validation_measures_warp_and_image(trained):
    for stage in STAGES:
        (log,) = (trained / stage).glob('*/vis_data/scalars.json')
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        measured = lines[-1]
        for name in ('warp/IoU', 'unwarped/IoU', 'SSIM', 'L1'):
            assert 0 <= measured[name] <= 1, name
        assert measured['warp/EPE'] > 0
        if stage.startswith('pf'):
            assert 0 <= lines[0]['distill_share'] <= 1


def test_a_student_is_tested_without_its_tutor(trained, people, tmp_path):
    """Other garments, whose truth synthetic data know; strips are drawn."""
    cfg = stage_config('pf-afn_e2e', people, tmp_path)
    cfg.model.teacher_checkpoint = 'gone.pth'
    cfg.load_from = str(trained / 'pf-afn_e2e' / 'epoch_2.pth')
    dataset = cfg.test_dataloader.dataset
    dataset.update(paired=False, annotations=['truth'])
    strips = tmp_path / 'strips'
    cfg.default_hooks.visualization.update(enable=True, out_dir=str(strips))
    metrics = Runner.from_cfg(cfg).test()
    assert {'warp/IoU', 'warp/EPE', 'SSIM', 'L1'} <= set(metrics)
    pairs = (people / 'VITON_test/test_pairs.txt').read_text().split()
    drawn = {path.name for path in strips.iterdir()}
    stems = [name.removesuffix('.jpg') for name in pairs]
    assert drawn == {
        f'{person}__{cloth}.jpg'
        for person, cloth in zip(stems[::2], stems[1::2], strict=True)
    }


def test_resumed_in_the_partial_start(trained, states, people, tmp_path):
    """Stopped after its first epoch, the third stage ends as unbroken."""
    cfg = stage_config('pf-afn_warp', people, tmp_path)
    tutor = trained / 'pb-afn_e2e' / 'epoch_2.pth'
    cfg.model.teacher_checkpoint = str(tutor)
    cfg.default_hooks.checkpoint.interval = 1
    cfg.train_cfg.max_epochs = 1
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    Runner.from_cfg(cfg).train()
    begun = load_checkpoint_file(tmp_path / 'pf-afn_warp' / 'epoch_1.pth')
    teacher = states['pb-afn_e2e']
    for name, value in begun['state_dict'].items():
        waits = 'condition_' not in name and 'refine' not in name
        if waits and name.endswith(('.weight', '.bias')):
            assert torch.equal(value, teacher[name]), name
    cfg.train_cfg.max_epochs = 2
    cfg.load_from = str(tmp_path / 'pf-afn_warp' / 'epoch_1.pth')
    cfg.resume = True
    cfg.experiment_name += '_resumed'
    Runner.from_cfg(cfg).train()
    ended = load_checkpoint_file(tmp_path / 'pf-afn_warp' / 'epoch_2.pth')
    for name, value in ended['state_dict'].items():
        if 'main_heads' in name:
            assert not torch.equal(value, teacher[name]), name
