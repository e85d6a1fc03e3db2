# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""MOT text: detections, results, ground truth, and what is wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_boxes.mot import read_mot, write_mot
from mmfashion_ext.formats.video_boxes.table import FrameBoxes


@pytest.fixture
def mot(tmp_path):
    """Write lines, read them."""

    def read(*lines):
        path = tmp_path / 'a.txt'
        path.write_text('\n'.join(lines))
        return read_mot(path)

    return read


def test_detections_have_scores_and_no_tracks(mot):
    video = mot('1,-1,10,20,30,40,0.75,-1,-1,-1', '3,-1,0,0,1,1,0,-1,-1,-1')
    assert not video.tracked
    assert video[0].boxes.tolist() == [[10, 20, 40, 60]]
    assert video[0].scores.tolist() == [0.75]
    assert len(video[2].boxes) == 1  # a score of 0 is a score
    assert len(video[1].boxes) == 0


def test_results_of_a_tracker(mot):
    video = mot(
        '1 2 10 20 30 40 -1 -1 -1 -1', '', '# x', '1 3 1 1 5 5 1 0 0 0'
    )
    assert video.tracked
    assert video[0].tracks.tolist() == [2, 3]
    assert video[0].scores.tolist() == [1, 1]


def test_ground_truth_leaves_out_ignored_boxes_and_other_classes(mot):
    video = mot(
        '1,1,0,0,9,9,1,1,0.5', '1,2,0,0,9,9,0,1,1', '1,3,0,0,9,9,1,3,1'
    )
    assert video[0].tracks.tolist() == [1]
    assert video.skipped == 2


def test_an_empty_file_has_no_boxes(mot):
    assert len(mot('')) == 0


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('1,1,0,0,5', r'line 1: expected 6 to 10 numbers'),
        ('1,1,0,0,5,x', r'expected 6 to 10 numbers, .*got .1,1,0,0,5,x'),
        ('1,1,0,0,nan,5', r'expected 6 to 10 numbers'),
        ('0,1,0,0,5,5', r'frames are whole numbers from 1, got 0'),
        ('1.5,1,0,0,5,5', r'frames are whole numbers'),
        ('1,1.5,0,0,5,5', r'the id must be whole, got 1.5'),
        ('1,1,0,0,0,5', r'must be above 0 px, got 0 and 5'),
        ('1,1,0,0,5,5\n1,1,0,0,5,5,1', r'6 to 7 columns, expected one'),
    ],
)
def test_what_is_wrong_is_named(mot, line, message):
    with pytest.raises(UserError, match=message):
        mot(line)


def test_files_that_are_not_text(tmp_path):
    with pytest.raises(UserError, match='no such file'):
        read_mot(tmp_path / 'gone.txt')
    path = tmp_path / 'a.txt'
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(UserError, match='cannot be read as text'):
        read_mot(path)


number = st.integers(-500, 500).map(lambda n: n / 4)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), number, number, st.integers(1, 99)),
        max_size=8,
    )
)
def test_what_is_written_is_read(tmp_path_factory, rows):
    frames = {}
    for track, (frame, x, y, size) in enumerate(rows):
        boxes, tracks = frames.setdefault(frame, ([], []))
        boxes.append([x, y, x + size, y + 2 * size])
        tracks.append(track)
    frames = {
        frame: FrameBoxes.build(boxes, tracks=tracks)
        for frame, (boxes, tracks) in frames.items()
    }
    path = tmp_path_factory.mktemp('mot') / 'a.txt'
    write_mot(path, frames)
    read = read_mot(path)
    assert sorted(read.frames) == sorted(frames)
    for frame, boxes in frames.items():
        assert np.allclose(read[frame].boxes, boxes.boxes)
        assert read[frame].tracks.tolist() == boxes.tracks.tolist()
