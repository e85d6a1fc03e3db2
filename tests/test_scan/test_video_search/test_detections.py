# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Detected persons, and the log that a run resumes from."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_boxes.table import FrameBoxes
from mmfashion_ext.scan.video_search.detections import (
    DetectionLog,
    person_labels,
)
from mmfashion_ext.utils.video import VideoReader


def test_boxes_of_the_class_person(detector, videos):
    detect, _ = detector
    assert detect.labels == [1]
    frame = [*VideoReader(videos[0])][60]
    found = detect(frame)
    assert len(found.boxes) > 0
    assert (found.boxes[:, 3] - found.boxes[:, 1] > 25).all()
    assert (found.tracks == -1).all()


def test_the_class_of_persons():
    assert person_labels(('Person', 'dog')) == [0]
    assert person_labels(['dog', 'rider'], 'Rider') == [1]
    with pytest.raises(UserError, match=r'no class person, .* dog, cat'):
        person_labels(('dog', 'cat'))
    with pytest.raises(UserError, match=r'no class rider, .* not known'):
        person_labels((), 'rider')


@pytest.mark.parametrize('cut', [0, 3, 20])
def test_a_log_goes_on_after_a_line_that_was_cut_off(tmp_path, cut):
    """A kill in the middle of a write loses one frame, not the file."""
    path = tmp_path / 'a.boxes'
    log = DetectionLog(path)
    boxes = [
        FrameBoxes.build(np.full((k, 4), k + 1 / 3), np.full(k, 0.1))
        for k in (2, 0, 1)
    ]
    for found in boxes:
        log.add(found)
    log.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - cut])
    log = DetectionLog(path)
    assert len(log) == (3 if not cut else 2)
    for number in range(len(log)):
        assert (log.known(number).boxes == boxes[number].boxes).all()
    assert log.known(3) is None
    for found in boxes[len(log) :]:
        log.add(found)
    log.close()
    assert path.read_bytes() == content


def test_a_log_of_something_else_begins_anew(tmp_path):
    path = tmp_path / 'a.boxes'
    path.write_bytes(b'{"frame": 1}\nx\n')
    assert len(DetectionLog(path)) == 0
