# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Frames of videos and of folders of images."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.video_search.frames import find_videos, open_video


@pytest.fixture
def sequence(tmp_path):
    """A sequence of MOTChallenge with three frames."""
    folder = tmp_path / 'all' / 'MOT-01' / 'img1'
    folder.mkdir(parents=True)
    for number in (2, 10, 1):
        image = np.full((8, 6, 3), number, np.uint8)
        cv2.imwrite(str(folder / f'{number}.png'), image)
    (folder.parent / 'seqinfo.ini').write_text('[Sequence]\nframeRate=14\n')
    return folder.parent


def test_a_sequence_of_images(sequence):
    video = open_video(sequence)
    assert len(video) == 3
    assert video.fps == 14
    assert [frame[0, 0, 0] for frame in video] == [1, 2, 10]
    (sequence / 'seqinfo.ini').write_text('[Sequence]\nframeRate=x\n')
    assert open_video(sequence).fps == 25
    assert len(open_video(sequence / 'img1')) == 3


def test_folders_stand_for_their_videos(sequence, videos):
    folder = sequence.parent
    assert find_videos([folder]) == [sequence]
    assert find_videos([videos[0].parent, videos[0]]) == videos
    assert find_videos([sequence]) == [sequence]


@pytest.mark.parametrize(
    ('path', 'message'),
    [
        ('gone', 'gone: no such file or folder; expected a video'),
        ('.', 'no videos in this folder'),
    ],
)
def test_what_is_missing(tmp_path, monkeypatch, path, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        find_videos([path])
