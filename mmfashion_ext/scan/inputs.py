# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Resolve user inputs (folders, lists of frames, videos) to tracklets."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeGuard

import cv2
import numpy as np

from ..errors import UserError
from ..formats.video_reid.optical_flow import METHODS
from ..utils.files import read_json
from ..utils.image_inputs import NamedInput, UniqueNames, is_folder
from ..utils.images import (
    ImageInput,
    find_images,
    image_name,
    image_stem,
    is_image_file,
    is_image_input,
    natural_order,
    read_image,
)
from ..utils.sources import is_url
from ..utils.video import VideoReader
from .clip_features import ClipFeatures

Box = Sequence[float] | None


@dataclass(frozen=True, eq=False)
class Video:
    """A video file and the boxes of one person in it.

    Attributes:
        path (str | Path): File that OpenCV can read.
        boxes (Sequence | np.ndarray | str | Path): (N, 4), one box for each
            of N frames, xyxy in px; None (or NaN) where the person is not
            visible; or a JSON file with this list.
    """

    path: str | Path
    boxes: Sequence[Box] | np.ndarray | str | Path


@dataclass(frozen=True, eq=False)
class TrackletFeatures:
    """Features of a tracklet, to compare it more than once.

    Attributes:
        name (str): Path as given, or another name; empty if it has none.
        features (ClipFeatures): (M, T, D) of its clips.
        frames (list[np.ndarray]): Up to 3 of its frames, (h, w, 3) uint8 BGR,
            for the ranking sheet.
    """

    name: str
    features: ClipFeatures
    frames: list[np.ndarray]


#: A folder of frames, a list, tuple, generator or array (T, h, w, 3) of
#: frames, a video with boxes, or the features of a tracklet.
Tracklet = str | Path | Iterable[ImageInput] | Video | TrackletFeatures

_Entry = tuple[Any, str | None]  # a tracklet and its name, if it has one


def resolve_tracklets(
    inputs: object, default: str = 'tracklet', *, several: bool = False
) -> tuple[Iterable[NamedInput], int | None]:
    """Resolve what users pass to tracklets, none of which is read.

    A list or generator is one tracklet if it holds frames, and several if it
    holds folders, lists, videos or features. A folder is one tracklet if it
    holds images, and several if it holds folders of images.

    Args:
        inputs (object): A :data:`Tracklet`; a mapping of names to tracklets;
            or a list, tuple or generator of tracklets.
        default (str): Name of a tracklet that has none; a second one gets
            the number 2 ... Defaults to 'tracklet'.
        several (bool): Each entry of a list is a tracklet, and each folder in
            a folder, whatever they hold (galleries). Defaults to False.

    Returns:
        tuple[Iterable[NamedInput], int | None]: The tracklets in order, and
        how many there are; None for a generator, which is read lazily.

    Raises:
        UserError: A folder of tracklets is missing or has none.
    """
    entries = _entries(inputs, several)
    total = len(entries) if isinstance(entries, list) else None
    return _named(entries, default), total


def read_frames(source: Tracklet, size: tuple[int, int]) -> list[np.ndarray]:
    """Read all frames of a tracklet, in order.

    Files of a folder are sorted in the natural order of their names: 2 before
    10. Frames of different sizes and the boxes of a video are resized to
    ``size``, because optical flow needs one size.

    Args:
        source (Tracklet): See there; not ``TrackletFeatures``.
        size (tuple[int, int]): (h, w) in px.

    Returns:
        list[np.ndarray]: (h, w, 3) uint8 BGR each, at least one.

    Raises:
        UserError: There are none, or one cannot be read.
    """
    if isinstance(source, Video):
        frames = list(_crops(source))
    elif isinstance(source, str | Path):
        frames = [read_image(file) for file in _frame_files(source)]
    elif _is_collection(source):
        frames = [_read_frame(frame, i) for i, frame in enumerate(source)]
    else:
        raise UserError(
            f'expected a tracklet, got {_describe(source)}. Pass a folder or '
            'list of frames ([image] for a single one), or Video(path, boxes)'
        )
    if not frames:
        raise UserError('the tracklet has no frames, expected at least one')
    if len({frame.shape for frame in frames}) > 1 or isinstance(source, Video):
        h, w = size
        frames = [
            cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA)
            for frame in frames
        ]
    return frames


def tracklet_folders(folder: str | Path) -> list[Path]:
    """Return the folders of frames in a folder, in natural order.

    Args:
        folder (str | Path): A folder with a folder for each tracklet.

    Raises:
        UserError: The folder does not exist, or none of its folders has
            images.
    """
    _check_folder(folder)
    found = [
        sub
        for sub in Path(folder).expanduser().iterdir()
        if sub.is_dir() and not sub.name.startswith('.') and _has_images(sub)
    ]
    if not found:
        raise UserError(
            f'{folder}: expected a folder for each tracklet in it, with its '
            'frames as image files'
        )
    return sorted(found, key=natural_order)


def tracklet_name(source: object) -> str | None:
    """Return what to call a tracklet, or None if it has no name.

    Args:
        source (object): See :data:`Tracklet`.

    Returns:
        str, optional: The path of a folder or video, or of the first frame of
        a list of files.
    """
    if isinstance(source, Video):
        return str(source.path)
    if isinstance(source, TrackletFeatures):
        return source.name or None
    if isinstance(source, str | Path):
        return str(source)
    if isinstance(source, list | tuple) and source:
        return image_name(source[0], '') or None
    return None


def check_options(flow: str | None, percentile: float) -> None:
    """Check options of the constructor.

    Raises:
        UserError: An unknown method of optical flow, or not a percentile.
    """
    if flow is not None and flow not in METHODS:
        raise UserError(
            f'flow must be one of {", ".join(METHODS)}, got {flow!r}'
        )
    if not 0 <= percentile <= 100:
        raise UserError(f'percentile must be 0 to 100, got {percentile}')


def _entries(inputs: object, several: bool) -> list[_Entry] | Iterator[_Entry]:
    """Return tracklets and their names; a list where all are known."""
    if isinstance(inputs, Mapping):
        return [(source, str(name)) for name, source in inputs.items()]
    if isinstance(inputs, str | Path):
        if several or _has_tracklets(inputs):
            return [(sub, str(sub)) for sub in tracklet_folders(inputs)]
        return [(inputs, str(inputs))]
    if not _is_collection(inputs) or isinstance(inputs, np.ndarray):
        return [(inputs, tracklet_name(inputs))]
    if isinstance(inputs, list | tuple):
        if several or any(map(_is_tracklet, inputs)):
            return [(source, tracklet_name(source)) for source in inputs]
        return [(inputs, tracklet_name(inputs))]
    rest = iter(inputs)
    first = list(islice(rest, 1))
    if several or any(map(_is_tracklet, first)):
        return ((x, tracklet_name(x)) for x in chain(first, rest))
    frames = [*first, *rest]
    return [(frames, tracklet_name(frames))]


def _named(entries: Iterable[_Entry], default: str) -> Iterator[NamedInput]:
    unique = UniqueNames()
    for source, name in entries:
        stem = unique(default if name is None else _stem(source, name))
        yield NamedInput(stem if name is None else name, stem, source)


def _stem(source: object, name: str) -> str:
    """Return the stem of result files; names of folders have no ending."""
    if isinstance(source, str | Path) and is_folder(source):
        return Path(name).expanduser().resolve().name or 'tracklet'
    return image_stem(name)


def _is_tracklet(source: object) -> bool:
    """Return whether an entry of a list is a tracklet, rather than a frame."""
    if isinstance(source, Video | TrackletFeatures) or is_folder(source):
        return True
    return _is_collection(source)


def _is_collection(source: object) -> TypeGuard[Iterable[Any]]:
    """Return whether there are frames or tracklets to iterate over."""
    if isinstance(source, np.ndarray):
        return source.ndim == 4
    if isinstance(source, Mapping) or is_image_input(source):
        return False
    return isinstance(source, Iterable)


def _has_images(folder: Path) -> bool:
    return any(is_image_file(file) for file in folder.iterdir())


def _has_tracklets(path: str | Path) -> bool:
    """Return whether a folder holds folders of images, but no images."""
    if not is_folder(path):
        return False
    folder = Path(path).expanduser()
    return not _has_images(folder) and any(
        sub.is_dir() and _has_images(sub) for sub in folder.iterdir()
    )


def _describe(source: object) -> str:
    if is_image_input(source):
        return 'a single image'
    return f'{type(source).__name__}: {source!r:.80}'


def _frame_files(folder: str | Path) -> list[Path]:
    if is_url(folder):
        raise UserError(
            f'{folder} is a URL: expected a folder of frames; pass a list of '
            'the URLs of its frames'
        )
    path = Path(folder).expanduser()
    if os.path.isfile(path):
        raise UserError(
            f'{folder} is a file: expected a folder of frames; for a video, '
            'pass Video(path, boxes) with a box for each frame'
        )
    _check_folder(folder)
    return find_images(path)


def _check_folder(folder: str | Path) -> None:
    if not is_folder(folder):
        raise UserError(f'{folder}: no such folder')


def _read_frame(frame: ImageInput, number: int) -> np.ndarray:
    """Read a frame of a list as (h, w, 3) uint8 BGR."""
    try:
        return read_image(frame)
    except UserError as error:
        if image_name(frame, ''):
            raise
        raise UserError(f'frame {number}: {error}') from None


def _crops(video: Video) -> Iterator[np.ndarray]:
    """Yield the part of each frame in its box, (h, w, 3) uint8 BGR."""
    boxes = _read_boxes(video.boxes)
    reader, number, visible = VideoReader(video.path), 0, 0
    for frame in reader:
        box = boxes[number] if number < len(boxes) else None
        if box is not None:
            yield _crop(frame, box, f'{video.path}, frame {number}')
            visible += 1
        number += 1
    if number != len(boxes):
        raise UserError(
            f'{video.path} has {number} frames, but there are {len(boxes)} '
            'boxes: expected one for each frame, null where the person is '
            'not visible'
        )
    if not visible:
        raise UserError(
            f'{video.path}: all boxes are null, expected the box of the '
            'person in at least one frame'
        )


def _crop(frame: np.ndarray, box: Sequence[float], where: str) -> np.ndarray:
    """Cut a box (xyxy px) out of a frame (h, w, 3)."""
    h, w = frame.shape[:2]
    x1, y1, x2, y2 = (round(float(value)) for value in box)
    part = frame[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    if not part.size:
        raise UserError(
            f'{where}: the box {list(map(float, box))} contains no pixel of '
            f'the frame of {w} x {h} px; expected x1, y1, x2, y2 in px'
        )
    return part


def _read_boxes(boxes: Sequence[Box] | np.ndarray | str | Path) -> list[Box]:
    """Return one box (xyxy px) or None for each frame."""
    where = 'boxes'
    if isinstance(boxes, str | Path):
        where = str(boxes)
        boxes = read_json(where, 'list of boxes')
        if not isinstance(boxes, list):
            raise UserError(f'{where}: expected a list with a box per frame')
    return [_check_box(box, f'{where}[{i}]') for i, box in enumerate(boxes)]


def _check_box(box: Box, where: str) -> Box:
    if box is None:
        return None
    try:
        values = np.asarray(box, float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (4,) or np.isinf(values).any():
        raise UserError(
            f'{where}: expected x1, y1, x2, y2 in px or null, got {box!r}'
        )
    return None if np.isnan(values).any() else values.tolist()
