# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Synthetic surveillance: videos, boxes that fit, the same for a seed."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_boxes.mot import read_mot
from mmfashion_ext.synthetic.__main__ import main
from mmfashion_ext.synthetic.video_reid.surveillance import (
    generate_surveillance,
)
from mmfashion_ext.utils.video import VideoReader

SETTINGS = dict(num=2, size=32, frames=40, progress=False)


@pytest.fixture(scope='module')
def scene(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'scene'
    return generate_surveillance(out, **SETTINGS)


def test_every_person_walks_through_every_hall(scene):
    for camera in ('cam1', 'cam2'):
        frames = [*VideoReader(scene / f'videos/{camera}.mp4')]
        assert len(frames) == 40
        assert frames[0].shape == (40, 128, 3)
        boxes = read_mot(scene / f'boxes/{camera}.txt')
        assert boxes.tracked
        tracks = {t for k in range(40) for t in boxes[k].tracks.tolist()}
        assert tracks == {1, 2}
        detections = read_mot(scene / f'detections/{camera}.txt')
        assert not detections.tracked
        assert len(detections) == len(boxes)
        away = detections[39].boxes - boxes[39].boxes
        assert 0 < np.abs(away).max() < 4


def test_boxes_are_where_the_image_moves(scene):
    """Inside the boxes frames differ from an empty hall, outside not."""
    frames = np.stack([*VideoReader(scene / 'videos/cam1.mp4')]).astype(int)
    moved = np.abs(frames - np.median(frames, 0)).max(-1)
    boxes = read_mot(scene / 'boxes/cam1.txt')
    inside = np.zeros(moved.shape, bool)
    for number in range(len(frames)):
        for x1, y1, x2, y2 in boxes[number].boxes.round().astype(int):
            # shadows and feet reach out a little
            inside[number, max(y1, 0) : y2, max(x1 - 4, 0) : x2 + 4] = True
    assert moved[inside].mean() > 3 * moved[~inside].mean()


def test_the_same_seed_gives_the_same_frames(scene, tmp_path):
    again = generate_surveillance(tmp_path / 'a', **SETTINGS)
    other = generate_surveillance(tmp_path / 'b', seed=1, **SETTINGS)
    first, same, changed = (
        next(iter(VideoReader(root / 'videos/cam2.mp4')))
        for root in (scene, again, other)
    )
    assert (first == same).all()
    assert (first != changed).any()


def test_command_line_and_bad_numbers(tmp_path, capsys):
    words = ['--num', '1', '--size', '16', '--frames', '3', '--cameras', '3']
    assert main(['surveillance', str(tmp_path / 'a'), *words]) == 0
    assert 'wrote' in capsys.readouterr().out
    assert len([*(tmp_path / 'a/videos').iterdir()]) == 3
    capture = cv2.VideoCapture(str(tmp_path / 'a/videos/cam3.mp4'))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    with pytest.raises(UserError, match='9 persons do not fit into 3 frames'):
        generate_surveillance(tmp_path / 'b', num=9, frames=3)
