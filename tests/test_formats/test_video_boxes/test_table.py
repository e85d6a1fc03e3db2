# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Boxes of the frames of a video."""

import numpy as np

from mmfashion_ext.formats.video_boxes.table import (
    NO_BOXES,
    FrameBoxes,
    VideoBoxes,
    group_by_frame,
)


def test_defaults_and_choice():
    boxes = FrameBoxes.build([[0, 0, 2, 4], [1, 1, 3, 5]])
    assert boxes.scores.tolist() == [1, 1]
    assert boxes.tracks.tolist() == [-1, -1]
    one = boxes.chosen(np.array([False, True]))
    assert one.boxes.tolist() == [[1, 1, 3, 5]]
    assert NO_BOXES.boxes.shape == (0, 4)


def test_boxes_are_grouped_in_order_and_missing_frames_are_empty():
    boxes = FrameBoxes.build(np.arange(12).reshape(3, 4), tracks=[5, 6, 7])
    grouped = group_by_frame(np.array([4, 1, 4]), boxes)
    assert [*grouped] == [1, 4]
    assert grouped[4].tracks.tolist() == [5, 7]
    video = VideoBoxes(grouped, True)
    assert len(video) == 3
    assert len(video[2].boxes) == 0
    assert group_by_frame(np.zeros(0, int), NO_BOXES) == {}
