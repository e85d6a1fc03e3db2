# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Where the boxes of persons come from: a detector, or files of boxes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import UserError
from ...formats.video_boxes.files import read_boxes
from ...formats.video_boxes.table import FrameBoxes, VideoBoxes
from ...utils.files import file_sha256
from .detections import DetectionLog, PersonDetector

#: Returns the boxes (n, 4) of a frame: number from 0, image (h, w, 3) BGR.
FindBoxes = Callable[[int, np.ndarray], FrameBoxes]


class OpenFinder(NamedTuple):
    """Boxes of one video.

    Attributes:
        find (FindBoxes): Returns the boxes (n, 4) of a frame.
        given (VideoBoxes, optional): Those of a file; None: of a detector.
    """

    find: FindBoxes
    given: VideoBoxes | None

    @property
    def tracked(self) -> bool:
        """Whether the boxes have tracks already."""
        return self.given is not None and self.given.tracked


class PersonFinder:
    """Find the persons in the frames of videos.

    Args:
        detector (PersonDetector, optional): Finds them.
        boxes (Mapping[Path, Path], optional): Video -> file of its boxes, see
            ``formats.video_boxes``.

    Raises:
        UserError: Neither is given, or both.
    """

    def __init__(
        self,
        detector: PersonDetector | None = None,
        boxes: Mapping[Path, Path] | None = None,
    ) -> None:
        if (detector is None) == (boxes is None):
            raise UserError(
                'expected a detector of persons or files of boxes, one of them'
            )
        self.detector, self.files = detector, boxes or {}

    def settings(self, video: Path) -> str:
        """Return what decides the boxes (n, 4) of a video, as a text.

        Raises:
            UserError: Its file of boxes is missing.
        """
        if self.detector is not None:
            return self.detector.name
        return f'boxes:{file_sha256(self._file(video))[:16]}'

    @contextmanager
    def open(self, video: Path, log: Path | None) -> Iterator[OpenFinder]:
        """Find the boxes of a video, frame after frame.

        Args:
            video (Path): The video.
            log (Path, optional): Where a detector's boxes (n, 4) are kept, so
                that they need not be found twice.

        Yields:
            OpenFinder: For all frames in their order.

        Raises:
            UserError: A file of boxes cannot be read.
        """
        if self.detector is None:
            given = read_boxes(self._file(video), video)
            yield OpenFinder(lambda number, frame: given[number], given)
        elif log is None:
            detector = self.detector
            yield OpenFinder(lambda number, frame: detector(frame), None)
        else:
            kept = DetectionLog(log)
            try:
                yield OpenFinder(_logged(self.detector, kept), None)
            finally:
                kept.close()

    def _file(self, video: Path) -> Path:
        if video not in self.files:
            raise UserError(f'{video}: no file of boxes was given for it')
        return self.files[video]


def _logged(detector: PersonDetector, log: DetectionLog) -> FindBoxes:
    def find(number: int, frame: np.ndarray) -> FrameBoxes:
        boxes = log.known(number)
        if boxes is None:
            boxes = detector(frame)
            log.add(boxes)
        return boxes

    return find
