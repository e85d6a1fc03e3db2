# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tracks: the persons of the ground truth, found from boxes without ids."""

import sys

import numpy as np
import pytest

pytest.importorskip('trackers')
from mmfashion_ext.formats.video_boxes.mot import read_mot
from mmfashion_ext.formats.video_boxes.table import NO_BOXES, FrameBoxes
from mmfashion_ext.scan.video_search.tracker import ByteTracker


def test_tracks_are_those_of_the_ground_truth(scene):
    truth = read_mot(scene / 'boxes/cam1.txt')
    detections = read_mot(scene / 'detections/cam1.txt')
    track = ByteTracker(25)
    pairs = set()
    for frame in range(90):
        found = track(detections[frame])
        for box, number in zip(found.boxes, found.tracks, strict=True):
            away = np.abs(truth[frame].boxes - box).max(1)
            pairs.add((int(number), int(truth[frame].tracks[away.argmin()])))
    persons = {person for _, person in pairs}
    assert len(pairs) == len(persons) == 3  # one track a person


def test_weak_boxes_continue_a_track_and_begin_none():
    box = [[10, 10, 30, 60]]
    track = ByteTracker(25)
    weak = FrameBoxes.build(box, [0.2])
    for _ in range(3):
        assert len(track(weak).boxes) == 0
    for _ in range(2):
        found = track(FrameBoxes.build(box, [0.9]))
    assert found.tracks.tolist() == [0]
    assert track(weak).tracks.tolist() == [0]
    assert len(track(NO_BOXES).boxes) == 0


def test_without_the_package_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'trackers', None)
    with pytest.raises(ImportError, match='pip install trackers'):
        ByteTracker(25)
