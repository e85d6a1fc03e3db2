# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmfashion_ext.evaluation.coco_eval import METRIC_NAMES
from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/analysis/eval_deepfashion2.py'


@pytest.fixture
def files(tmp_path):
    """Ground truth of one vest, half of it occluded, and results."""
    keypoints = np.zeros((294, 3))
    keypoints[128:143] = [[30, 40, 2]] * 8 + [[50, 60, 1]] * 7
    ann = {
        'id': 1,
        'image_id': 7,
        'category_id': 5,
        'bbox': [20, 20, 50, 60],
        'area': 3000,
        'iscrowd': 0,
        'keypoints': keypoints.ravel().tolist(),
        'num_keypoints': 15,
        **dict.fromkeys(ATTRIBUTES, 1),
    }
    gt = {
        'images': [{'id': 7, 'height': 100, 'width': 100}],
        'annotations': [ann],
        'categories': [{'id': 5, 'name': 'vest'}],
    }
    keypoints[136:143, :2] = 5000  # wrong where occluded
    entry = {'image_id': 7, 'category_id': 5, 'score': 0.5}
    contents = {
        'gt.json': gt,
        'bbox.json': [{**entry, 'bbox': [20, 20, 50, 60]}],
        'keypoints.json': [{**entry, 'keypoints': keypoints.ravel().tolist()}],
        'alien.json': [{**entry, 'image_id': 8, 'bbox': [20, 20, 50, 60]}],
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(json.dumps(content))
    return tmp_path


def run(monkeypatch, files, task, results, *options):
    """Run the tool in this process; returns its exit status."""
    arguments = [task, '--gt', files / 'gt.json', '--results', files / results]
    arguments += ['--out', files / 'out' / 'metrics.json', *options]
    monkeypatch.setattr('sys.argv', [str(TOOL), *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(TOOL), run_name='__main__')
    return stop.value.code


def metrics_of(files):
    return json.loads((files / 'out' / 'metrics.json').read_text())


def test_boxes(monkeypatch, capsys, files):
    assert not run(monkeypatch, files, 'bbox', 'bbox.json')
    metrics = metrics_of(files)
    assert tuple(metrics) == METRIC_NAMES['bbox']
    assert metrics['AP'] == pytest.approx(1, abs=1e-12)
    assert metrics['AP_small'] == -1
    assert 'AP_medium' in capsys.readouterr().out


def test_landmarks_by_category_and_subset(monkeypatch, files):
    options = ['--per-category', '--subsets', '--backend', 'pycocotools']
    assert not run(monkeypatch, files, 'keypoints', 'keypoints.json', *options)
    metrics = metrics_of(files)
    assert len(metrics) == 10 + 1 + 36
    # 8 of 15 landmarks are right: OKS .533 reaches only the threshold .5
    assert metrics['AP'] == pytest.approx(0.1, abs=1e-12)
    assert metrics['AP/vest'] == metrics['zoom_in=no/AP'] == metrics['AP']
    assert metrics['scale=large/AP'] == -1


def test_visible_landmarks_only(monkeypatch, files):
    run(monkeypatch, files, 'keypoints', 'keypoints.json', '--visible-only')
    assert metrics_of(files)['AP'] == pytest.approx(1, abs=1e-12)


def test_error_is_one_line_and_leaves_nothing(files):
    """As a user runs it: a process of its own."""
    command = [sys.executable, TOOL, 'bbox', '--gt', files / 'gt.json']
    command += ['--results', files / 'alien.json', '--out', files / 'm.json']
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert done.returncode == 2
    assert done.stdout == ''
    assert len(done.stderr.splitlines()) == 1
    assert 'alien.json: entry 0 has image_id 8, which is not' in done.stderr
    assert not list(files.glob('*m.json*'))


def test_visible_only_is_for_landmarks(monkeypatch, capsys, files):
    assert run(monkeypatch, files, 'bbox', 'bbox.json', '--visible-only') == 2
    assert '--visible-only is for keypoints' in capsys.readouterr().err
