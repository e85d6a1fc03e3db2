# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What the demo runs: steps of each system, configs, images, the script."""

import re
import runpy
from pathlib import Path

import pytest
from mmengine.config import Config
from tour.finetuning import finetuning_config
from tour.models import (
    UNPUBLISHED,
    Model,
    choose_model,
    published_numbers,
)
from tour.steps import Step, Workspace
from tour.systems import INTROS, Demo

import mmfashion_ext
from mmfashion_ext import plugins

DEMO = Path(__file__).parents[2] / 'demo'
needs_hosts = pytest.mark.skipif(
    set(plugins.installed_systems()) != set(plugins.SYSTEMS),
    reason='needs all hosts',
)


@pytest.fixture
def demo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Demo(Workspace(tmp_path / 'out', DEMO.parent))


def test_every_system_predicts_is_fine_tuned_and_tested(demo):
    steps = demo.steps()
    for system in INTROS:
        names = [step.name for step in steps if step.system == system]
        assert 'predict' in names
        assert names[-2:] == ['fine-tune', 'test']
    assert len({step.title for step in steps}) == len(steps)
    for number, step in enumerate(steps):
        assert {*step.needs} <= {*steps[:number]}


def test_it_is_a_demo_of_minutes(demo):
    assert sum(step.seconds for step in demo.steps()) <= 4 * 60


@needs_hosts
@pytest.mark.parametrize('task', UNPUBLISHED)
def test_configs_of_fine_tuning(demo, task):
    """As the page shows them, they are configs that can be trained."""
    text = {}
    demo.work.command = lambda *words: None
    step = Step('A', 'fine-tune', 1, print)
    by_title = {step.title: step for step in demo.steps()}
    system = [*INTROS][[*UNPUBLISHED].index(task)]
    by_title[f'{system}: fine-tune'].run(step)
    (title, text) = step.code[0]
    path = Path(title.removeprefix('config '))
    assert path.read_text() == text
    cfg = Config.fromfile(path)
    root = f'{path.parents[1]}/data/'
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        assert loader.dataset.data_root.startswith(root)
        assert loader.num_workers == 0
        assert not loader.get('persistent_workers')
    assert cfg.train_cfg.max_epochs <= 2
    assert cfg.val_cfg is None
    assert cfg.val_dataloader is None
    assert cfg.test_evaluator
    for part in ('train_dataloader', 'test_dataloader', 'test_evaluator'):
        assert 'data/synthetic' not in str(cfg[part])
    model = choose_model(task)
    assert cfg.get('load_from') == model.weights or model.weights is None
    assert (
        cfg.model.type
        == Config.fromfile(mmfashion_ext.config_path(model.name)).model.type
    )


def test_fine_tuning_names_the_weights():
    model = Model(UNPUBLISHED['scan'], 'weights/scan.safetensors')
    text = finetuning_config('scan', model, Path('data/mine'))
    assert "load_from = 'weights/scan.safetensors'\n" in text
    assert "data_root = 'data/mine/'\ntrain_dataloader" in text
    without = finetuning_config('scan', Model(model.name, None), Path('x'))
    assert 'load_from' not in without


def test_missing_weights_are_said(demo, monkeypatch):
    """Nothing stands in for them silently."""
    monkeypatch.setattr(
        'tour.systems.choose_model', lambda task: Model('x', None)
    )
    step = Step('A', 'predict', 1, print)
    assert demo.no_weights(step, 'scan')
    assert step.text[0].startswith('No weights are published for this yet')


def test_images_are_small_and_their_source_is_named():
    text = (DEMO / 'images' / 'README.md').read_text()
    images = sorted((DEMO / 'images').glob('*.jpg'))
    rows = re.findall(r'^\| (\S+\.jpg) \| [\w-]+/[0-9a-f]{8} \|$', text, re.M)
    assert rows == [image.name for image in images]
    assert all(image.stat().st_size <= 25_000 for image in images)
    assert 'CC0-1.0' in text


@pytest.mark.parametrize('state', ['done', 'failed', 'left out'])
def test_exit_status_and_last_lines(state, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(DEMO))
    script = runpy.run_path(str(DEMO / 'run_demo.py'))
    steps = [Step('A', 'x', 1, print, state='done')]
    bad = [Step('B', 'y', 1, print, state=state)] if state != 'done' else []
    page = tmp_path / 'index.html'
    assert script['report']([*steps, *bad], bad, page, 61) == len(bad)
    out = capsys.readouterr().out
    assert f'Open {page.as_uri()}' in out
    assert f'1 of {1 + len(bad)} steps done in 1 min 1 s' in out
    assert (f'{state}: B: y' in out) == bool(bad)


def test_published_numbers_are_those_of_the_metafile(monkeypatch):
    results = [
        {
            'Task': 'Object Detection',
            'Dataset': 'CCP',
            'Metrics': {'AP': 0.5, 'AP50': 0.75, 'AP75': 0.25},
        },
        {'Task': 'New', 'Dataset': 'X', 'Metrics': {'a': 0.1, 'b': 0.2}},
    ]
    entries = [{'Name': 'a', 'Results': results}, {'Name': 'b', 'Results': []}]
    monkeypatch.setattr('tour.models.hub.metafile_entries', lambda: entries)
    assert published_numbers('a') == [
        ('Object Detection on CCP, AP50, as published', '0.750'),
        ('New on X, a, as published', '0.100'),
    ]
    assert published_numbers('b') == []
