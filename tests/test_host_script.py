# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The hosts' own train scripts train our configs, knowing nothing of us."""

import importlib.util
import json
import math
from pathlib import Path

import pytest

pytest.importorskip('mmdet')
from mmfashion_ext import hub
from mmfashion_ext.evaluation.coco_eval import evaluate
from mmfashion_ext.utils.checkpoint import load_checkpoint_file

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


def test_mmpose_trains_our_config_and_ours_tests_it(
    tiny_deepfashion2, run_python, run_tool, tmp_path
):
    pytest.importorskip('mmpose')
    mmpose = Path(importlib.util.find_spec('mmpose').origin).parent
    name = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'
    root, options = tiny_deepfashion2
    config = hub.config_path(name)
    options = [*options, 'param_scheduler.1.end=1']
    run_python(
        mmpose / '.mim' / 'tools' / 'train.py',
        config,
        *('--work-dir', 'work', '--cfg-options', *options),
        cwd=tmp_path,
    )
    (log,) = tmp_path.glob('work/*/vis_data/scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    training = [line for line in lines if 'loss_kpt' in line]
    assert training
    assert all(math.isfinite(line['loss_kpt']) for line in training)
    assert any('PCK@0.1' in line for line in lines)

    checkpoint = tmp_path / 'work' / 'epoch_1.pth'
    run_tool(
        hub.root() / 'tools' / 'test.py',
        *(config, checkpoint, '--out', 'metrics.json'),
        *('--dump', 'all.pkl', '--show-dir', 'drawn'),
        *('--cfg-options', *options),
        cwd=tmp_path,
    )
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert 0 <= metrics['PCK@0.2'] <= 1
    offline = evaluate(
        'keypoints',
        root / 'annotations' / 'validation.json',
        tmp_path / 'all.keypoints.json',
    )
    assert offline['AP50'] == metrics['keypoints/AP50']
    assert list((tmp_path / 'drawn').glob('*.jpg'))
    assert (tmp_path / 'all.pkl').stat().st_size
    # as data, the landmarks' names and colours included
    model = hub.get_model(name, checkpoint)
    assert model.dataset_meta['num_keypoints'] == 294
