# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Cleaning: what is small, cut off, blurred or short is left out."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_boxes.table import NO_BOXES, FrameBoxes
from mmfashion_ext.scan.video_search.tracklets import (
    Cleaning,
    TrackletCollector,
    cut_out,
    sharpness,
)

NOISE = np.random.default_rng(0).integers(0, 255, (100, 200, 3), np.uint8)


@pytest.mark.parametrize(
    ('box', 'flaw'),
    [
        ((10, 10, 40, 80), ''),
        ((10, 10, 40, 30), 'too small'),
        ((-15, 10, 15, 80), 'cut off by the frame'),
        ((300, 10, 330, 80), 'cut off by the frame'),
        ((50, 50, 20, 99), 'cut off by the frame'),
    ],
)
def test_frames_of_no_use(box, flaw):
    part, found = cut_out(NOISE, np.array(box, float), Cleaning())
    assert found == flaw
    assert (part is None) == bool(flaw)
    if part is not None:
        assert part.shape == (70, 30, 3)


def test_sharpness_falls_with_blur_and_not_with_contrast():
    image = NOISE[::10, ::10].repeat(10, 0).repeat(10, 1)
    sharp = sharpness(image)
    assert sharpness(image // 4) == pytest.approx(sharp, rel=0.1)
    blurred = [
        sharpness(cv2.GaussianBlur(image, (0, 0), s)) for s in (1, 2, 4)
    ]
    assert [sharp, *blurred] == sorted([sharp, *blurred], reverse=True)
    assert blurred[2] < Cleaning().min_sharpness < blurred[0]
    assert sharpness(np.zeros((400, 99, 3), np.uint8)) == 0
    blurry = cv2.GaussianBlur(image, (0, 0), 5)
    box = np.array([0.0, 0, 50, 90])
    assert cut_out(blurry, box, Cleaning())[1] == 'blurred'


def boxes(*tracks):
    return FrameBoxes.build(
        [[60 * t, 10, 60 * t + 30, 80] for t in tracks], tracks=tracks
    )


def collect(frames, **settings):
    """Tracklets and dropped of (number of frame, boxes)."""
    cleaning = Cleaning(**{'min_frames': 3, **settings})
    collector = TrackletCollector(cleaning, (16, 8), patience=4)
    found = [t for k, b in frames for t in collector.add(k, NOISE, b)]
    return found + collector.finish(), collector.dropped


def test_tracks_end_by_patience_and_by_the_video():
    frames = [(k, boxes(0, 1) if k < 5 else boxes(1)) for k in range(11)]
    (first, second), dropped = collect(frames)
    assert (first.track, second.track) == (0, 1)
    assert first.frames == [0, 1, 2, 3, 4]
    assert second.frames == [*range(11)]
    assert second.crops[0].shape == (16, 8, 3)
    assert len(second.boxes) == 11
    assert not dropped


def test_gaps_within_the_patience_are_bridged():
    frames = [(k, boxes(0) if k % 4 == 0 else NO_BOXES) for k in range(20)]
    (one,), _ = collect(frames)
    assert one.frames == [0, 4, 8, 12, 16]


def test_a_track_that_comes_back_after_its_end_is_another_tracklet():
    frames = [
        (k, boxes(1) if k < 4 or k > 12 else NO_BOXES) for k in range(20)
    ]
    found, _ = collect(frames)
    assert [t.frames[0] for t in found] == [0, 13]


def test_long_tracks_are_cut():
    found, dropped = collect([(k, boxes(0)) for k in range(11)], max_frames=4)
    assert [len(t.frames) for t in found] == [4, 4, 3]
    assert not dropped
    found, dropped = collect([(k, boxes(0)) for k in range(9)], max_frames=4)
    assert [len(t.frames) for t in found] == [4, 4]  # the rest is too short
    assert not dropped


def test_why_tracks_are_dropped_is_counted():
    low = FrameBoxes.build([[5, 5, 15, 15]], tracks=[3])
    frames = [(0, boxes(0)), (1, boxes(0)), *((k, low) for k in range(2, 9))]
    found, dropped = collect(frames)
    assert found == []
    assert dropped == {'too short': 1, 'too small': 1}


def test_lengths_must_fit():
    with pytest.raises(UserError, match='got 9 to 3'):
        Cleaning(min_frames=9, max_frames=3)
