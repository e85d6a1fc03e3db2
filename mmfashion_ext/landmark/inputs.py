# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pictures and videos in files: found, read, named and written whole."""

import mimetypes
from pathlib import Path
from typing import Literal
from urllib.parse import urlparse

import cv2
import mmcv
import numpy as np

from ..errors import UserError
from ..utils.files import atomic_write


def kind(path: str) -> Literal['image', 'video'] | str:
    """What a file is by the ending of its name, or an empty string."""
    return (mimetypes.guess_type(path)[0] or '').partition('/')[0]


def find_pictures(folder: str) -> list[str]:
    """The pictures of a folder by name, its subfolders excluded.

    Raises:
        UserError: There are none.
    """
    files = sorted(str(file) for file in Path(folder).iterdir())
    files = [file for file in files if kind(file) == 'image']
    if not files:
        raise UserError(
            f'{folder}: a folder without pictures (.jpg, .png ...)'
        )
    return files


def read_picture(source: str | np.ndarray) -> np.ndarray:
    """Read a picture, or check an array.

    Args:
        source (str | np.ndarray): File, URL, or (h, w, 3) BGR uint8.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8.

    Raises:
        UserError: It is no picture.
    """
    if isinstance(source, np.ndarray):
        if source.dtype == np.uint8 and source.shape[2:] == (3,):
            return source
        raise UserError(
            f'expected a picture as an array (h, w, 3) of BGR uint8, got '
            f'{source.shape} of {source.dtype}'
        )
    try:
        image = mmcv.imread(source)
    except FileNotFoundError as error:
        raise UserError(f'{source}: no such file') from error
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise UserError(
            f'{source}: cannot be read as a picture. Expected a picture '
            '(JPEG, PNG ...), a folder of them or a video'
        )
    return image


def open_video(path: str) -> mmcv.VideoReader:
    """The frames of a video, (h, w, 3) BGR uint8 each.

    Raises:
        UserError: It is no video.
    """
    if '://' not in path and not Path(path).is_file():
        raise UserError(f'{path}: no such file')
    video = mmcv.VideoReader(path)
    if not video.opened or not len(video):
        raise UserError(f'{path}: cannot be read as a video')
    return video


def output_stem(path: str, taken: set[str]) -> str:
    """What to call the results of a picture.

    Args:
        path (str): File or URL.
        taken (set[str]): Names in use; the new one is added.

    Returns:
        str: The file's stem, numbered if it is taken already.
    """
    stem = Path(urlparse(path).path if '://' in path else path).stem
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f'{stem}_{number}'
    taken.add(name)
    return name


def write_picture(file: Path, image: np.ndarray) -> None:
    """Write a picture (h, w, 3) BGR uint8; as JPEG if need be."""
    if not cv2.haveImageWriter(f'x{file.suffix}'):
        file = file.with_suffix('.jpg')
    _, packed = cv2.imencode(file.suffix, image)
    with atomic_write(file) as temporary:
        temporary.write_bytes(packed)


class VideoWriter:
    """Write frames to a hidden file, which is renamed when it is closed.

    Args:
        path (Path): File to write, ``.mp4``. Its folder is made if missing.
        fps (float): Frames per second.
        size (tuple[int, int]): (w, h) px of all frames.

    Raises:
        UserError: OpenCV cannot write it.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._partial = path, path.with_name(f'.{path.name}')
        codec = cv2.VideoWriter_fourcc(*'mp4v')
        self._writer = cv2.VideoWriter(str(self._partial), codec, fps, size)
        if not self._writer.isOpened():
            raise UserError(
                f'{path}: OpenCV cannot write a video of {size[0]} x '
                f'{size[1]} px at {fps} frames per second there'
            )

    def write(self, frame: np.ndarray) -> None:
        """Add a frame (h, w, 3) BGR uint8."""
        self._writer.write(frame)

    def close(self) -> None:
        """Finish; the file is there now."""
        self._writer.release()
        self._partial.replace(self.path)

    def drop(self) -> None:
        """Leave nothing behind, unless it was closed."""
        self._writer.release()
        self._partial.unlink(missing_ok=True)
