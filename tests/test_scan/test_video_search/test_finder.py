# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Boxes by a file or by a detector, which is asked once for each frame."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.video_search.finder import PersonFinder
from mmfashion_ext.utils.video import VideoReader


def test_boxes_of_a_file(given, videos):
    with given().open(videos[0], None) as boxes:
        assert boxes.tracked
        assert len(boxes.find(60, np.zeros((1, 1, 3))).boxes) > 0
    with given('detections').open(videos[0], None) as boxes:
        assert not boxes.tracked
    first, second = (given().settings(video) for video in videos)
    assert first != second != given('detections').settings(videos[1])


def test_a_detector_is_asked_once(detector, videos, tmp_path):
    detect, network = detector
    finder, log = PersonFinder(detect), tmp_path / 'log'
    frames = [*VideoReader(videos[0])][:3]
    for calls in (3, 3):  # the second time from the log
        with finder.open(videos[0], log) as boxes:
            found = [boxes.find(k, f) for k, f in enumerate(frames)]
            assert not boxes.tracked
        assert network.calls == calls
    with finder.open(videos[0], None) as boxes:
        again = [boxes.find(k, f) for k, f in enumerate(frames)]
    assert network.calls == 6
    for one, other in zip(found, again, strict=True):
        assert (one.boxes == other.boxes).all()


def test_one_source_of_boxes_for_every_video(videos, detector):
    with pytest.raises(UserError, match='a detector of persons or files'):
        PersonFinder()
    with pytest.raises(UserError, match='one of them'):
        PersonFinder(detector[0], {})
    with pytest.raises(UserError, match='no file of boxes was given'):
        PersonFinder(boxes={}).settings(videos[0])
