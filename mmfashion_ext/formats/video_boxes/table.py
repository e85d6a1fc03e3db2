# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Boxes of the persons in the frames of a video, tracked or not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class FrameBoxes(NamedTuple):
    """The n boxes of a frame.

    Attributes:
        boxes (np.ndarray): (n, 4) float64 xyxy px, also beyond the frame.
        scores (np.ndarray): (n,) float64 0-1.
        tracks (np.ndarray): (n,) int64 track of each box; -1: of none yet.
    """

    boxes: np.ndarray
    scores: np.ndarray
    tracks: np.ndarray

    @classmethod
    def build(
        cls, boxes: object, scores: object = None, tracks: object = None
    ) -> 'FrameBoxes':
        """Build it of what NumPy turns into arrays.

        Args:
            boxes (object): n boxes (n, 4) xyxy px.
            scores (object, optional): n scores. Defaults to None: 1.
            tracks (object, optional): n integers. Defaults to None: -1.
        """
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)
        count = len(corners)
        return cls(
            corners,
            np.ones(count)
            if scores is None
            else np.asarray(scores, np.float64).reshape(count),
            np.full(count, -1)
            if tracks is None
            else np.asarray(tracks, np.int64).reshape(count),
        )

    def chosen(self, which: np.ndarray) -> 'FrameBoxes':
        """Return some of the boxes, by (n,) bool or (m,) int."""
        return FrameBoxes(*(part[which] for part in self))


NO_BOXES = FrameBoxes.build([])


@dataclass(frozen=True)
class VideoBoxes:
    """Boxes of the persons in a video.

    Attributes:
        frames (Mapping[int, FrameBoxes]): Number of the frame, from 0 -> its
            boxes; a frame without boxes may be missing.
        tracked (bool): Whether every box has a track.
        skipped (int): Boxes of a file that are not of persons, or marked to
            be ignored.
        source (str): The file, for messages.
    """

    frames: Mapping[int, FrameBoxes]
    tracked: bool
    skipped: int = 0
    source: str = field(default='boxes', compare=False)

    def __getitem__(self, frame: int) -> FrameBoxes:
        """Return the boxes of a frame, from 0; (0, 4) if it has none."""
        return self.frames.get(frame, NO_BOXES)

    def __len__(self) -> int:
        """Return the number of boxes in all frames."""
        return sum(len(found.boxes) for found in self.frames.values())


def group_by_frame(
    numbers: np.ndarray, boxes: FrameBoxes
) -> dict[int, FrameBoxes]:
    """Group boxes by their frames.

    Args:
        numbers (np.ndarray): (n,) int, frame of each box.
        boxes (FrameBoxes): n boxes.

    Returns:
        dict[int, FrameBoxes]: In the order of the frames; of a frame in the
        order given.
    """
    if not len(numbers):
        return {}
    order = np.argsort(numbers, kind='stable')
    frames, starts = np.unique(numbers[order], return_index=True)
    return {
        int(frame): boxes.chosen(rows)
        for frame, rows in zip(
            frames, np.split(order, starts[1:]), strict=True
        )
    }
