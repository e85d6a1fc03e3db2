# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Video files are read lazily and written whole."""

import os

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.video import (
    VideoReader,
    VideoWriter,
    is_video_file,
)


def test_written_frames_are_read_back(tmp_path):
    path = tmp_path / 'sub' / 'clip.mp4'
    writer = VideoWriter(path, 5, (32, 16))
    values = [20, 120, 220]
    for value in values:
        writer.write(np.full((16, 32, 3), value, np.uint8))
    assert not path.exists()  # not before it is whole
    writer.close()
    assert [p.name for p in path.parent.iterdir()] == ['clip.mp4']
    video = VideoReader(path)
    for _ in range(2):  # it can be read again
        read = [frame.mean() for frame in video]
        np.testing.assert_allclose(read, values, atol=6)


def test_a_frame_of_another_size_is_resized(tmp_path):
    """OpenCV would drop it without a word."""
    writer = VideoWriter(tmp_path / 'x.mp4', 5, (32, 16))
    writer.write(np.zeros((16, 32, 3), np.uint8))
    writer.write(np.zeros((8, 8, 3), np.uint8))
    writer.close()
    assert len(list(VideoReader(tmp_path / 'x.mp4'))) == 2


def test_what_cannot_be_read_or_written(tmp_path):
    os.mkfifo(tmp_path / 'pipe.mp4')
    (tmp_path / 'text.mp4').write_text('no video')
    for name, message in {
        'missing.mp4': 'no such file',
        'pipe.mp4': 'a device, pipe or socket',
        'text.mp4': 'cannot be read as a video',
    }.items():
        with pytest.raises(UserError, match=message):
            VideoReader(tmp_path / name)
    with pytest.raises(UserError, match='cannot write a video'):
        VideoWriter(tmp_path / 'x.mp4', 5, (0, 0))
    writer = VideoWriter(tmp_path / 'y.mp4', 5, (32, 16))
    writer.discard()
    assert not (tmp_path / 'y.mp4').exists()


def test_endings():
    assert is_video_file('a/B.MP4')
    assert is_video_file('x.mov')
    assert not is_video_file('x.jpg')
