# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""mmdet's own train script trains our config, knowing nothing of us."""

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('mmdet')
from mmfashion_ext import hub
from mmfashion_ext.common.checkpoint import load_checkpoint_file
from mmfashion_ext.synthetic.deepfashion2 import generate_deepfashion2

ROOT = Path(__file__).parents[1]
CONVERTER = ROOT / 'tools' / 'dataset_converters' / 'deepfashion2.py'
LOSSES = (
    'loss_rpn_cls',
    'loss_cls',
    'loss_bbox',
    'loss_mask',
    'loss_landmark',
)


def convert(*args):
    spec = importlib.util.spec_from_file_location('converter', CONVERTER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main([*map(str, args)])


def run(*command, cwd):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def data(tmp_path):
    """Four pictures to train on and two to validate on, converted."""
    root = tmp_path / 'data'
    generate_deepfashion2(root, num=4, val=2, seed=0, size=96, progress=False)
    for split in ('train', 'validation'):
        out = root / 'annotations' / f'{split}.json'
        out.parent.mkdir(exist_ok=True)
        convert(root / split, '--out', out)
    return root


def test_mmdet_trains_our_config(data, tmp_path):
    mmdet = Path(importlib.util.find_spec('mmdet').origin).parent
    (name,) = hub.list_models('*small*synthetic*')[:1]
    annotations = data / 'annotations' / 'validation.json'
    options = [
        f'val_evaluator.ann_file={annotations}',
        f'test_evaluator.ann_file={annotations}',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        'default_hooks.logger.interval=1',
    ]
    for split in ('train', 'val', 'test'):
        options += [
            f'{split}_dataloader.dataset.data_root={data}/',
            f'{split}_dataloader.batch_size=2',
            f'{split}_dataloader.num_workers=0',
            f'{split}_dataloader.persistent_workers=False',
        ]
    run(
        mmdet / '.mim' / 'tools' / 'train.py',
        hub.config_path(name),
        *('--work-dir', 'work', '--cfg-options', *options),
        cwd=tmp_path,
    )

    (log,) = tmp_path.glob('work/*/vis_data/scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    training = [line for line in lines if 'loss' in line]
    assert len(training) == 2
    for loss in LOSSES:
        assert all(math.isfinite(line[loss]) for line in training), loss
    (validation,) = [line for line in lines if 'keypoints/AP' in line]
    assert -1 <= validation['keypoints/AP'] <= 1
    # a real training checkpoint, logs and all, is read as data
    checkpoint = load_checkpoint_file(tmp_path / 'work' / 'epoch_1.pth')
    assert checkpoint['meta']['iter'] == 2
    model = hub.get_model(name, tmp_path / 'work' / 'epoch_1.pth')
    assert len(model.dataset_meta['classes']) == 13
