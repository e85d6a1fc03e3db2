# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Read and write video files with OpenCV, frame by frame."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from ..errors import UserError
from .files import make_folder
from .sources import check_regular_file

#: Endings of video files, in lower case; any case is recognised.
VIDEO_SUFFIXES = (
    '.avi',
    '.m4v',
    '.mkv',
    '.mov',
    '.mp4',
    '.mpeg',
    '.mpg',
    '.webm',
    '.wmv',
)


def is_video_file(path: str | Path) -> bool:
    """Return whether a file's name ends like that of a video, in any case."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


class VideoReader:
    """Frames of a video file, (h, w, 3) uint8 BGR, decoded one by one.

    Args:
        path (str | Path): File that OpenCV can read.

    Attributes:
        fps (float): Frames per second; 25 where the file does not say.

    Raises:
        UserError: It is missing, not a regular file, or not a video.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        check_regular_file(Path(path))
        capture = cv2.VideoCapture(str(path))
        try:
            self._count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            self.fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
            if not capture.isOpened() or not capture.grab():
                raise UserError(f'{path}: cannot be read as a video')
        finally:
            capture.release()

    def __len__(self) -> int:
        """Return the number of frames that the file's header tells."""
        return max(self._count, 1)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield every frame, (h, w, 3) uint8 BGR."""
        capture = cv2.VideoCapture(str(self.path))
        try:
            while (read := capture.read())[0]:
                yield read[1]
        finally:
            capture.release()


class VideoWriter:
    """Write frames to a hidden file, which is renamed when it is closed.

    Args:
        path (str | Path): File to write, ``.mp4``. Its folder is made if
            missing.
        fps (float): Frames per second.
        size (tuple[int, int]): (w, h) px of all frames.

    Raises:
        UserError: OpenCV cannot write it.
    """

    def __init__(
        self, path: str | Path, fps: float, size: tuple[int, int]
    ) -> None:
        self.path, self.size = Path(path), size
        make_folder(self.path.parent)
        self._partial = self.path.with_name(f'.{self.path.name}')
        codec = cv2.VideoWriter.fourcc(*'mp4v')
        self._writer = cv2.VideoWriter(str(self._partial), codec, fps, size)
        if not self._writer.isOpened():
            raise UserError(
                f'{path}: OpenCV cannot write a video of {size[0]} x '
                f'{size[1]} px at {fps} frames per second there'
            )

    def write(self, frame: np.ndarray) -> None:
        """Add a frame (h, w, 3) uint8 BGR; one of another size is resized."""
        if frame.shape[1::-1] != self.size:
            frame = cv2.resize(frame, self.size)
        self._writer.write(frame)

    def close(self) -> None:
        """Close the video and give the file its name."""
        self._writer.release()
        self._partial.replace(self.path)

    def discard(self) -> None:
        """Delete the unfinished file; a closed one is kept."""
        self._writer.release()
        self._partial.unlink(missing_ok=True)
