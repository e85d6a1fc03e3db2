# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion reid`` with random weights."""

import json

import cv2
import numpy as np
import pytest

from mmfashion_ext.cli import reid
from mmfashion_ext.errors import UserError


@pytest.fixture
def tracklets(image, tmp_path):
    """Folders q, g/p1, g/p2 and g/p10, and the video g/p3.avi."""
    for name in ('q', 'g/p1', 'g/p2', 'g/p10'):
        for frame in range(3):
            image(f'{name}/{frame}.png', (32, 16))
    path = str(tmp_path / 'g' / 'p3.avi')
    codec = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(path, codec, 25, (16, 32))
    for value in range(4):
        writer.write(np.full((32, 16, 3), 60 * value, np.uint8))
    writer.release()
    (tmp_path / 'g' / 'notes.txt').write_text('x')
    (tmp_path / 'g' / 'empty').mkdir()


def test_ranks_are_printed_and_written(
    mmfashion, tracklets, weights, tmp_path
):
    words = ['reid', 'q', 'g', *weights('reid'), '--out', 'o']
    done = mmfashion(*words, '--top', '3')
    assert done.stderr == ''
    title, *ranks, wrote, _ = done.stdout.splitlines()
    assert title == 'q: 3 best of 4'
    assert wrote == 'wrote o/results.json'
    assert [line.split()[0] for line in ranks] == ['1', '2', '3']
    scores = [float(line.split()[1]) for line in ranks]
    assert scores == sorted(scores, reverse=True)
    assert (tmp_path / 'o' / 'visualizations' / 'q.jpg').is_file()


def test_json_and_a_video_as_query(mmfashion, tracklets, weights):
    done = mmfashion('reid', 'g/p3.avi', 'g', *weights('reid'), '--json')
    (prediction,) = json.loads(done.stdout)['predictions']
    assert prediction['input'] == 'g/p3.avi'
    assert sorted(prediction['gallery']) == sorted(
        ['g/p1', 'g/p2', 'g/p10', 'g/p3.avi']
    )


def test_a_folder_of_queries(tracklets, tmp_path):
    assert [*reid.query_tracklets(str(tmp_path / 'q'))] == [f'{tmp_path}/q']
    folder = str(tmp_path / 'g')
    assert [*reid.query_tracklets(folder)] == [*reid.gallery_tracklets(folder)]


def test_a_gallery_in_natural_order(tracklets, tmp_path):
    found = reid.gallery_tracklets(str(tmp_path / 'g'))
    names = [path.rpartition('/')[2] for path in found]
    assert names == ['p1', 'p2', 'p3.avi', 'p10']


@pytest.mark.parametrize(
    ('function', 'path', 'message'),
    [
        (reid.tracklet, 'gone', 'gone: no such file or folder; expected'),
        (reid.tracklet, 'g/notes.txt', 'notes.txt: is a file; expected a tr'),
        (reid.gallery_tracklets, 'gone', 'gone: no such folder; expected'),
        (reid.gallery_tracklets, 'q', 'q: no tracklets in this folder'),
    ],
)
def test_what_is_not_a_tracklet(
    function, path, message, tracklets, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        function(path)
