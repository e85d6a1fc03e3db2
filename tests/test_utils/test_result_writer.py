# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Results are written in one layout, and nothing is left half-written."""

import json

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.image_inputs import NamedInput
from mmfashion_ext.utils.images import read_image
from mmfashion_ext.utils.result_writer import ResultWriter, to_plain
from mmfashion_ext.utils.video import VideoReader

IMAGE = np.full((16, 32, 3), 50, np.uint8)


def tree(folder):
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob('*')
        if path.is_file()
    )


def test_images(tmp_path):
    writer = ResultWriter(tmp_path / 'out', '.png')
    writer.write(
        NamedInput('a/x.jpg', 'x', None), {'scores': IMAGE[0, 0]}, IMAGE
    )
    writer.write(NamedInput('b/x.jpg', 'x_2', None), {'n': 1}, None, ['y.txt'])
    writer.finish([{'input': 'c', 'reason': 'bad'}], grid='grid.jpg')
    assert tree(tmp_path / 'out') == [
        'predictions/x.json',
        'predictions/x_2.json',
        'results.json',
        'visualizations/x.png',
    ]
    assert json.loads((tmp_path / 'out/results.json').read_text()) == {
        'predictions': [
            {
                'input': 'a/x.jpg',
                'name': 'x',
                'visualization': 'visualizations/x.png',
                'prediction': 'predictions/x.json',
            },
            {
                'input': 'b/x.jpg',
                'name': 'x_2',
                'prediction': 'predictions/x_2.json',
                'files': ['y.txt'],
            },
        ],
        'skipped': [{'input': 'c', 'reason': 'bad'}],
        'grid': 'grid.jpg',
    }
    written = read_image(tmp_path / 'out/visualizations/x.png')
    np.testing.assert_array_equal(written, IMAGE)
    text = (tmp_path / 'out/predictions/x.json').read_text()
    assert json.loads(text) == {'scores': [50, 50, 50]}


def test_frames_of_a_video_become_a_video(tmp_path):
    writer = ResultWriter(tmp_path)
    for number in range(3):
        item = NamedInput('clip.mov', 'clip', None, number, 10.0)
        writer.write(item, {'frame_id': number}, IMAGE)
    writer.write(NamedInput('x.jpg', 'x', None), {}, IMAGE)
    writer.finish([])
    assert tree(tmp_path) == [
        'predictions/clip.json',
        'predictions/x.json',
        'results.json',
        'visualizations/clip.mp4',
        'visualizations/x.jpg',
    ]
    frames = json.loads((tmp_path / 'predictions/clip.json').read_text())
    assert frames == [{'frame_id': number} for number in range(3)]
    video = VideoReader(tmp_path / 'visualizations/clip.mp4')
    read = list(video)
    assert len(read) == len(video) == 3
    assert abs(video.fps - 10) < 0.1
    np.testing.assert_allclose(read[1], IMAGE, atol=6)


def test_an_interrupted_video_leaves_nothing(tmp_path):
    writer = ResultWriter(tmp_path)
    writer.write(NamedInput('c.mov', 'c', None, 0, 10.0), {}, IMAGE)
    writer.discard_video()
    assert not tree(tmp_path)


def test_out_dir_that_is_a_file(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='expected a folder'):
        ResultWriter(tmp_path / 'file')


def test_to_plain():
    plain = to_plain(
        {
            1: np.float32([0.5, np.nan]),
            'a': (np.int64(3), [np.bool_(True)], tmp := float('inf')),
            'b': None,
        }
    )
    assert tmp
    assert plain == {'1': [0.5, None], 'a': [3, [True], None], 'b': None}
    json.dumps(plain, allow_nan=False)
