# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Frames of raw videos: video files, and folders with an image per frame."""

from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...utils.images import (
    find_images,
    is_image_file,
    natural_order,
    read_image,
)
from ...utils.video import VideoReader, is_video_file

_FPS = 25.0  # of a folder of images that does not say


class ImageSequence:
    """Frames of a folder of images, (h, w, 3) uint8 BGR, read one by one.

    Args:
        path (str | Path): Folder of images in natural order, or a sequence of
            MOTChallenge (``img1/`` and ``seqinfo.ini``).

    Attributes:
        fps (float): ``frameRate`` of ``seqinfo.ini``, or 25.

    Raises:
        UserError: There are no images.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        folder = Path(path)
        inner = folder / 'img1'
        self._files = find_images(inner if inner.is_dir() else folder)
        self.fps = _frame_rate(folder / 'seqinfo.ini')

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._files)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield every frame, (h, w, 3) uint8 BGR."""
        for file in self._files:
            yield read_image(file)


def open_video(path: str | Path) -> VideoReader | ImageSequence:
    """Open a video to read its frames, (h, w, 3) uint8 BGR.

    Args:
        path (str | Path): Video file, or folder of frames.

    Raises:
        UserError: It is neither.
    """
    source = Path(path).expanduser()
    return ImageSequence(source) if source.is_dir() else VideoReader(source)


def find_videos(paths: Iterable[str | Path]) -> list[Path]:
    """Return the videos that files and folders stand for.

    A folder is a video if it holds images (or ``img1/``); else it stands for
    the video files and sequences in it, in natural order.

    Args:
        paths (Iterable[str | Path]): Files and folders.

    Returns:
        list[Path]: Each once, in order; a named file is among them whether
        it can be read or not.

    Raises:
        UserError: A path is missing, or a folder has no videos.
    """
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given).expanduser()
        if not path.exists():
            raise UserError(
                f'{given}: no such file or folder; expected a video, or a '
                'folder of videos'
            )
        if path.is_dir() and not _is_sequence(path):
            found |= dict.fromkeys(_videos_in(path))
        else:
            found[path] = None
    return [*found]


def _videos_in(folder: Path) -> list[Path]:
    videos = [
        path
        for path in folder.iterdir()
        if not path.name.startswith('.')
        and (_is_sequence(path) if path.is_dir() else is_video_file(path))
    ]
    if not videos:
        raise UserError(
            f'{folder}: no videos in this folder; expected video files, or '
            'folders with an image for each frame'
        )
    return sorted(videos, key=natural_order)


def _is_sequence(folder: Path) -> bool:
    """Return whether a folder holds frames."""
    return (folder / 'img1').is_dir() or any(
        is_image_file(file) for file in folder.iterdir()
    )


def _frame_rate(path: Path) -> float:
    """Return the frames per second of a ``seqinfo.ini``."""
    parser = ConfigParser()
    try:
        parser.read(path, encoding='utf-8')
        rate = parser.getfloat('Sequence', 'frameRate', fallback=_FPS)
    except (ConfigError, ValueError, OSError):
        return _FPS
    return rate if 0 < rate < 1e4 else _FPS
