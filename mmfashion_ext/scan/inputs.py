# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Frames of a person, from where users have them."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from ..errors import UserError

PICTURES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff', '.ppm')

Frame = np.ndarray | str | Path
Box = Sequence[float] | None


class Video(NamedTuple):
    """A video and where the person is in it.

    Attributes:
        path (str | Path): File that OpenCV can read.
        boxes (Sequence | np.ndarray | str | Path): One box for each frame,
            xyxy in px, or None (or NaN) where the person is not seen; or a
            JSON file with this list.
    """

    path: str | Path
    boxes: Sequence[Box] | np.ndarray | str | Path


#: A folder of frames, a list of frames (files or (h, w, 3) uint8 RGB arrays),
#: or a video with boxes.
Source = str | Path | Sequence[Frame] | Video


def read_frames(source: Source, size: tuple[int, int]) -> list[np.ndarray]:
    """Read all frames of a person, in order.

    Files of a folder are taken in the natural order of their names: 2 before
    10. Frames of different sizes, such as the boxes of a video, are resized
    to ``size``, because flow needs one size.

    Args:
        source (Source): See there.
        size (tuple[int, int]): (h, w) in px.

    Returns:
        list[np.ndarray]: (h, w, 3) uint8 RGB each, at least one.

    Raises:
        UserError: There are none, or one cannot be read.
    """
    if isinstance(source, Video):
        frames = list(_cut_out(source))
    elif isinstance(source, str | Path):
        frames = [_read(file) for file in _pictures(Path(source))]
    else:
        frames = [_read(frame) for frame in source]
    if not frames:
        raise UserError(f'{name_of(source)}: there is no frame of the person')
    if len({frame.shape for frame in frames}) > 1 or isinstance(source, Video):
        h, w = size
        frames = [
            cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA)
            for frame in frames
        ]
    return frames


def name_of(source: Source) -> str:
    """What to call the person: the folder, the video or the first file."""
    if isinstance(source, Video):
        return str(source.path)
    if isinstance(source, str | Path):
        return str(source)
    first = source[0] if len(source) else None
    return str(first) if isinstance(first, str | Path) else 'a list of frames'


def tracklet_folders(folder: str | Path) -> list[Path]:
    """The folders with pictures in a folder, in natural order.

    Raises:
        UserError: There are none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder')
    found = sorted(
        (sub for sub in folder.iterdir() if sub.is_dir() and _files(sub)),
        key=_natural,
    )
    if not found:
        raise UserError(
            f'{folder}: expected a folder for each tracklet in it, with the '
            'frames as pictures'
        )
    return found


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.findall(r'\d+|\D+', path.name)
    return [(int(p) if p.isdecimal() else -1, p) for p in parts]


def _files(folder: Path) -> list[Path]:
    return sorted(
        (f for f in folder.iterdir() if f.suffix.lower() in PICTURES),
        key=_natural,
    )


def _pictures(folder: Path) -> list[Path]:
    if folder.is_file():
        raise UserError(
            f'{folder} is a file: expected a folder of frames; of a video, '
            'pass Video(path, boxes), a box for each frame'
        )
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder')
    files = _files(folder)
    if not files:
        raise UserError(
            f'{folder}: no pictures in this folder ({", ".join(PICTURES)})'
        )
    return files


def _read(frame: Frame) -> np.ndarray:
    """A frame as (h, w, 3) uint8 RGB."""
    if isinstance(frame, np.ndarray):
        if frame.dtype == np.uint8 and frame.shape[2:] == (3,) and frame.size:
            return frame
        raise UserError(
            'a frame as an array must be (h, w, 3) uint8 RGB, got '
            f'{frame.dtype} of shape {frame.shape}'
        )
    try:
        with Image.open(frame) as picture:
            return np.asarray(picture.convert('RGB'))
    except FileNotFoundError:
        raise UserError(f'{frame}: no such file') from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(
            f'{frame}: cannot be read as a picture ({error}); remove or '
            'replace it'
        ) from None


def _cut_out(video: Video) -> Iterator[np.ndarray]:
    """What the boxes hold, (h, w, 3) uint8 RGB each."""
    boxes = _boxes(video.boxes)
    if not Path(video.path).is_file():
        raise UserError(f'{video.path}: no such file')
    capture = cv2.VideoCapture(str(video.path))
    number = 0
    while (got := capture.read())[0]:
        if number < len(boxes) and boxes[number] is not None:
            place = f'{video.path}, frame {number}'
            frame = cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB)
            yield _crop(frame, boxes[number], place)
        number += 1
    capture.release()
    if not number:
        raise UserError(f'{video.path}: cannot be read as a video')
    if number != len(boxes):
        raise UserError(
            f'{video.path} has {number} frames, but there are {len(boxes)} '
            'boxes: expected one for each frame, null where the person is '
            'not seen'
        )


def _crop(frame: np.ndarray, box: Sequence[float], place: str) -> np.ndarray:
    h, w = frame.shape[:2]
    x1, y1, x2, y2 = (round(float(value)) for value in box)
    part = frame[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    if not part.size:
        raise UserError(
            f'{place}: the box {list(map(float, box))} holds no pixel of the '
            f'picture of {w} x {h} px; boxes are x1, y1, x2, y2'
        )
    return part


def _boxes(boxes: Sequence[Box] | np.ndarray | str | Path) -> list[Box]:
    where = 'boxes'
    if isinstance(boxes, str | Path):
        where = str(boxes)
        try:
            boxes = json.loads(Path(boxes).read_text())
        except FileNotFoundError:
            raise UserError(f'{where}: no such file') from None
        except (OSError, ValueError) as error:
            raise UserError(f'{where}: no JSON file ({error})') from None
        if not isinstance(boxes, list):
            raise UserError(f'{where}: expected a list with a box per frame')
    return [_checked(box, f'{where}[{i}]') for i, box in enumerate(boxes)]


def _checked(box: Box, place: str) -> Box:
    if box is None:
        return None
    try:
        values = np.asarray(box, float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (4,) or np.isinf(values).any():
        raise UserError(
            f'{place}: expected x1, y1, x2, y2 in px or null, got {box!r}'
        )
    return None if np.isnan(values).any() else values.tolist()
