# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""demo/landmark_demo.py as a user runs it, but for the new process."""

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip('mmpose')
from mmfashion_ext import hub

DEMO = Path(__file__).parents[2] / 'demo' / 'landmark_demo.py'
MODEL = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'random.pth'
    torch.save({'state_dict': hub.get_model(MODEL).state_dict()}, path)
    return path


@pytest.fixture
def demo(weights, tmp_path, monkeypatch, capsys):
    """Run the command; its status, its lines and the last error's line."""

    def run(*arguments):
        options = {
            '--model': MODEL,
            '--weights': weights,
            '--out-dir': tmp_path / 'out',
            '--device': 'cpu',
        }
        given = [str(x) for pair in options.items() for x in pair]
        arguments = [str(DEMO), *map(str, arguments), *given]
        monkeypatch.setattr(sys, 'argv', arguments)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(DEMO), run_name='__main__')
        out, error = capsys.readouterr()
        lines = [line.strip() for line in out.splitlines()]
        return ended.value.code, lines, error

    return run


def test_a_folder(demo, tmp_path):
    pictures, out = tmp_path / 'pictures', tmp_path / 'out'
    pictures.mkdir()
    for name in ('b.jpg', 'c.png'):
        cv2.imwrite(str(pictures / name), np.full((80, 60, 3), 127, np.uint8))
    (pictures / 'a.jpg').write_bytes(b'no picture')
    status, lines, _ = demo(pictures, '--kpt-thr', '0')
    assert not status
    for name in ('b.jpg', 'c.png'):
        (line,) = [line for line in lines if line.startswith(name)]
        assert line.endswith(' 1.00')
    assert f'pictures: {out}/visualizations' in lines
    assert f'landmarks: {out}/predictions' in lines
    (item,) = json.loads((out / 'predictions' / 'c.json').read_text())
    assert len(item['keypoints']) == len(item['keypoint_names']) > 7
    drawn = cv2.imread(str(out / 'visualizations' / 'c.png'))
    assert drawn.shape == (80, 60, 3)


def test_errors_are_one_line(demo, tmp_path):
    status, _, error = demo('gone.jpg')
    assert status == 2
    assert error == 'error: gone.jpg: no such file\n'
    status, _, error = demo(tmp_path, '--det-model', 'no-such-model')
    assert status == 2
    assert 'nor does mmdet have such a model' in error
    (tmp_path / 'bad.png').write_bytes(b'no picture')
    status, _, error = demo(tmp_path)
    assert status == 2
    assert error.endswith('no readable picture\n')
