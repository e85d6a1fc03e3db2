# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The configs of docs/tools.md: TensorBoard, best checkpoint, early stop."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import HOOKS, VISUALIZERS
from mmengine.visualization import Visualizer

from mmfashion_ext.evaluation.tasks import TASKS

PAGE = Path(__file__).resolve().parents[1] / 'docs' / 'tools.md'


def configs(tmp_path):
    """The configs of the page, read."""
    text = PAGE.read_text()
    found = []
    for code in re.findall(r'^```python\n(.*?)^```$', text, re.M | re.S):
        path = tmp_path / f'config{len(found)}.py'
        path.write_text(code)
        found.append(Config.fromfile(path))
    return found


def test_tensorboard_gets_the_scalars(tmp_path):
    """A backend whose package is missing would stop a training's start."""
    pytest.importorskip('tensorboard')
    config, _ = configs(tmp_path)
    backends = config.visualizer.vis_backends
    visualizer = VISUALIZERS.build(
        dict(
            type=Visualizer,
            name='tensorboard_test',
            vis_backends=backends,
            save_dir=str(tmp_path / 'run'),
        )
    )
    visualizer.add_scalar('loss', 0.5, 1)
    visualizer.close()
    assert [*(tmp_path / 'run').rglob('events.out.tfevents*')]
    assert [*(tmp_path / 'run').rglob('scalars.json')]


def test_best_checkpoint_and_early_stop(tmp_path):
    """The hooks are built, and what is inherited stays."""
    _, config = configs(tmp_path)
    hooks = [HOOKS.build(hook) for hook in config.custom_hooks]
    assert [type(hook).__name__ for hook in hooks] == [
        'MatcherHook',
        'EarlyStoppingHook',
    ]
    assert hooks[1].monitor == config.default_hooks.checkpoint.save_best
    checkpoint = HOOKS.build(config.default_hooks.checkpoint)
    assert checkpoint.rules == ['greater']
    assert config.default_hooks.checkpoint.interval == 1  # inherited


def test_metrics_to_watch_are_those_that_a_validation_writes():
    known = {task.key(name) for task in TASKS for name in task.names}
    table = PAGE.read_text().partition('`monitor`')[2].partition('\n\n')[0]
    named = re.findall(r'`([^`]+)`', table.partition('\n')[2])
    assert len(named) == 10
    assert {*named} <= known
