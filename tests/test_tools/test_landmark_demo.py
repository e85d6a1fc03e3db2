# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""demo/landmark_demo.py as users run it, in the process of the tests."""

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
    images, out = tmp_path / 'images', tmp_path / 'out'
    images.mkdir()
    for name in ('b.jpg', 'c.png'):
        cv2.imwrite(str(images / name), np.full((80, 60, 3), 127, np.uint8))
    (images / 'a.jpg').write_bytes(b'not an image')
    status, lines, _ = demo(images, '--kpt-thr', '0')
    assert not status
    for name in ('b.jpg', 'c.png'):
        (line,) = [line for line in lines if line.startswith(name)]
        assert line.endswith(' 1.00')
    assert f'drawn: {out}/visualizations' in lines
    assert f'landmarks: {out}/predictions' in lines
    found = json.loads((out / 'predictions' / 'c.json').read_text())
    (points,), (names,) = found['keypoints'], found['keypoint_names']
    assert len(points) == len(names) > 7
    drawn = cv2.imread(str(out / 'visualizations' / 'c.jpg'))
    assert drawn.shape == (80, 60, 3)
    (skipped,) = json.loads((out / 'results.json').read_text())['skipped']
    assert skipped['input'] == str(images / 'a.jpg')


def test_a_video(demo, tmp_path):
    video, out = tmp_path / 'walk.avi', tmp_path / 'out'
    codec = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(video), codec, 10, (64, 48))
    for _ in range(2):
        writer.write(np.full((48, 64, 3), 127, np.uint8))
    writer.release()
    status, lines, _ = demo(video)
    assert not status
    for frame in (0, 1):
        start = f'walk.avi frame {frame}: '
        assert len([line for line in lines if line.startswith(start)]) == 1
    assert (out / 'visualizations' / 'walk.mp4').is_file()
    frames = json.loads((out / 'predictions' / 'walk.json').read_text())
    assert [frame['frame_id'] for frame in frames] == [0, 1]


def test_errors_are_one_line(demo, tmp_path):
    status, _, error = demo('gone.jpg')
    assert status == 2
    assert error == 'error: gone.jpg: no such file\n'
    status, _, error = demo(tmp_path, '--det-model', 'no-such-model')
    assert status == 2
    assert 'nor does mmdet have such a model' in error
    images = tmp_path / 'images'
    images.mkdir()
    (images / 'bad.png').write_bytes(b'not an image')
    status, _, error = demo(images)
    assert status == 2
    assert 'bad.png: cannot be read as an image' in error.splitlines()[-1]
    (images / 'worse.png').write_bytes(b'not an image')
    status, _, error = demo(images)
    assert status == 2
    assert error.endswith(f'error: {images}: no readable image\n')
