# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clean tracklets of a video: cut out, without small and blurred frames."""

from collections import Counter
from dataclasses import dataclass, field

import cv2
import numpy as np

from ...errors import UserError
from ...formats.video_boxes.table import FrameBoxes

_SHARPNESS_HEIGHT = 128  # px; larger cut-outs are shrunk to it


@dataclass(frozen=True)
class Cleaning:
    """Which frames of a track are used, and which tracks.

    Attributes:
        min_height (float): Lowest height of a box, px.
        min_visible (float): Lowest part of a box, 0-1, in the frame.
        min_sharpness (float): Lowest :func:`sharpness` of a cut-out; 0: any.
        min_frames (int): Fewest frames of a tracklet.
        max_frames (int): Most frames of a tracklet; a longer track gives
            several.

    Raises:
        UserError: A number is out of range.
    """

    min_height: float = 32
    min_visible: float = 0.7
    min_sharpness: float = 0.02
    min_frames: int = 10
    max_frames: int = 250

    def __post_init__(self) -> None:
        if not 1 <= self.min_frames <= self.max_frames:
            raise UserError(
                'a tracklet needs 1 frame or more, and at least as many at '
                f'most, got {self.min_frames} to {self.max_frames}'
            )


@dataclass(eq=False)
class VideoTracklet:
    """Frames of one person, cut out of a video.

    Attributes:
        track (int): Track that it is of.
        frames (list[int]): Their n numbers in the video, from 0, ascending.
        boxes (list[np.ndarray]): Boxes (4,) xyxy px.
        crops (list[np.ndarray]): Cut-outs (h, w, 3) uint8 BGR of one size.
    """

    track: int
    frames: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)


class TrackletCollector:
    """Cut tracked persons out of the frames of a video.

    Only the frames of tracks that have not ended are in memory.

    Args:
        cleaning (Cleaning): What is used.
        size (tuple[int, int]): (h, w) in px of the cut-outs.
        patience (int): Frames without a box after which a track has ended.

    Attributes:
        dropped (Counter[str]): Tracks that gave no tracklet, by the reason.
    """

    def __init__(
        self, cleaning: Cleaning, size: tuple[int, int], patience: int
    ) -> None:
        self.cleaning, self.size, self.patience = cleaning, size, patience
        self.dropped: Counter[str] = Counter()
        self._open: dict[int, VideoTracklet] = {}
        self._last: dict[int, int] = {}  # track -> frame of its last box
        self._flaws: dict[int, Counter[str]] = {}
        self._used: set[int] = set()  # tracks that gave a tracklet

    def add(
        self, number: int, frame: np.ndarray, boxes: FrameBoxes
    ) -> list[VideoTracklet]:
        """Add the tracked boxes of a frame.

        Args:
            number (int): Number of the frame, from 0.
            frame (np.ndarray): (h, w, 3) uint8 BGR.
            boxes (FrameBoxes): n boxes (n, 4) xyxy px with tracks.

        Returns:
            list[VideoTracklet]: Those that ended.
        """
        ended = []
        for box, track in zip(boxes.boxes, boxes.tracks.tolist(), strict=True):
            self._last[track] = number
            tracklet = self._open.setdefault(track, VideoTracklet(track))
            flaws = self._flaws.setdefault(track, Counter())
            crop, flaw = cut_out(frame, box, self.cleaning)
            if crop is None:
                flaws[flaw] += 1
                continue
            h, w = self.size
            tracklet.frames.append(number)
            tracklet.boxes.append(box)
            tracklet.crops.append(
                cv2.resize(crop, (w, h), interpolation=cv2.INTER_AREA)
            )
            if len(tracklet.frames) == self.cleaning.max_frames:
                ended += self._close(track)
        old = [
            track
            for track, last in self._last.items()
            if number - last > self.patience
        ]
        for track in old:
            ended += self._end(track)
        return ended

    def finish(self) -> list[VideoTracklet]:
        """Return the tracklets of the tracks that the video's end cut off."""
        return [x for track in [*self._last] for x in self._end(track)]

    def _end(self, track: int) -> list[VideoTracklet]:
        """Close a track for good, and count it if nothing of it was used."""
        good = len(self._open[track].frames) if track in self._open else 0
        ended = self._close(track)
        flaws = self._flaws.pop(track)
        del self._last[track]
        if track not in self._used:
            flaws['too short'] = good
            self.dropped[max(flaws, key=lambda flaw: flaws[flaw])] += 1
        self._used.discard(track)
        return ended

    def _close(self, track: int) -> list[VideoTracklet]:
        tracklet = self._open.pop(track, None)
        count = 0 if tracklet is None else len(tracklet.frames)
        if tracklet is None or count < self.cleaning.min_frames:
            return []
        self._used.add(track)
        return [tracklet]


def cut_out(
    frame: np.ndarray, box: np.ndarray, cleaning: Cleaning
) -> tuple[np.ndarray | None, str]:
    """Cut a person out of a frame, unless the cut-out is of no use.

    Args:
        frame (np.ndarray): (h, w, 3) uint8 BGR.
        box (np.ndarray): (4,) xyxy px.
        cleaning (Cleaning): What is used.

    Returns:
        tuple[np.ndarray | None, str]: The part (h, w, 3) of the frame and '',
        or None and what is wrong.
    """
    x1, y1, x2, y2 = (round(value) for value in box.tolist())
    if y2 - y1 < cleaning.min_height:
        return None, 'too small'
    part = frame[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    area = max((x2 - x1) * (y2 - y1), 1)
    visible = part.shape[0] * part.shape[1] / area
    if not part.size or visible < cleaning.min_visible:
        return None, 'cut off by the frame'
    if sharpness(part) < cleaning.min_sharpness:
        return None, 'blurred'
    return part, ''


def sharpness(image: np.ndarray) -> float:
    """Return how sharp a cut-out is: 0 flat, about 0.5 a sharp photograph.

    It is the variance of the Laplacian over that of the brightness, at a
    height of at most 128 px, so that neither contrast nor size count.

    Args:
        image (np.ndarray): (h, w, 3) uint8 BGR.
    """
    height, width = image.shape[:2]
    if height > _SHARPNESS_HEIGHT:
        size = max(round(width * _SHARPNESS_HEIGHT / height), 1)
        image = cv2.resize(
            image, (size, _SHARPNESS_HEIGHT), interpolation=cv2.INTER_AREA
        )
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    return float(edges.var() / (grey.var() + 1))
