# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""mmdet's own train script trains our config, knowing nothing of us."""

import importlib.util
import json
import math
from pathlib import Path

import pytest

pytest.importorskip('mmdet')
from mmfashion_ext import hub
from mmfashion_ext.common.checkpoint import load_checkpoint_file

LOSSES = (
    'loss_rpn_cls',
    'loss_cls',
    'loss_bbox',
    'loss_mask',
    'loss_landmark',
)


def test_mmdet_trains_our_config(tiny_deepfashion2, run_python, tmp_path):
    mmdet = Path(importlib.util.find_spec('mmdet').origin).parent
    (name,) = hub.list_models('match-rcnn_*small*synthetic*')[:1]
    _, options = tiny_deepfashion2
    run_python(
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
