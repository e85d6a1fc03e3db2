# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Inputs of an inferencer's call: resolve what users pass to named images."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserError
from .images import (
    find_images,
    image_name,
    image_stem,
    is_image_input,
)
from .sources import is_url
from .video import VideoReader, is_video_file


class NamedInput(NamedTuple):
    """An input that was not read yet, and what its results are called.

    Attributes:
        input (str): Path or URL as given, or a name made up for an array.
        name (str): Stem of its result files, unique within the call.
        source (Any): The image, such as a path or an array (h, w, 3) uint8
            BGR, or what else a system reads; a ``UserError`` of what cannot
            be read.
        frame_id (int, optional): Number of a frame of a video, from 0.
        fps (float, optional): Frames per second of its video.
        details (dict, optional): What else its prediction, its entry in
            ``results.json`` and in ``skipped`` say of it, in plain values.
    """

    input: str
    name: str
    source: Any
    frame_id: int | None = None
    fps: float | None = None
    details: dict[str, Any] | None = None


def too_narrow(item: NamedInput, image: np.ndarray) -> UserError:
    """Return the error of an image that vanishes when it is resized.

    Args:
        item (NamedInput): The input.
        image (np.ndarray): (h, w, 3), what was read of it.
    """
    h, w = image.shape[:2]
    return UserError(
        f'{item.input}: {w} x {h} px cannot be resized for the network: one '
        'side would be less than 1 px; crop the image'
    )


class UniqueNames:
    """Number names that occur again: ``x``, ``x_2`` ...

    Upper and lower case count as equal, since they are on some file systems.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._numbers: dict[str, int] = {}  # last one of each name

    def __call__(self, name: str) -> str:
        """Return the name, numbered if it was returned before."""
        unique, number = name, self._numbers.get(name.lower(), 1)
        while unique.lower() in self._used:
            number += 1
            unique = f'{name}_{number}'
        self._used.add(unique.lower())
        self._numbers[name.lower()] = number
        return unique


def resolve_images(
    inputs: Any, default: str = 'image', *, videos: bool = False
) -> Iterator[NamedInput]:
    """Resolve what users pass to images, none of which is opened.

    Args:
        inputs (Any): An :data:`~.images.ImageInput` (arrays are (h, w, 3)
            uint8 BGR); a folder of images; a mapping of names to images; or a
            list, tuple or generator of images and folders.
        default (str): Name of an image that has none; a second one gets the
            number 2 ... Defaults to 'image'.
        videos (bool): A video file stands for its frames. Defaults to False.

    Yields:
        NamedInput: One for each image, lazily and in order.

    Raises:
        UserError: Something else was passed, or the folder holds no image. In
            a list the error is the entry's ``source``.
    """
    unique = UniqueNames()
    for source, name in _each(inputs, default):
        stem = unique(image_stem(name))
        if videos and isinstance(source, str | Path) and is_video_file(source):
            yield from _frames(source, stem)
        else:
            yield NamedInput(stem if name == default else name, stem, source)


def _frames(path: str | Path, stem: str) -> Iterator[NamedInput]:
    try:
        video = VideoReader(path)
    except UserError as error:
        yield NamedInput(str(path), stem, error)
        return
    for number, frame in enumerate(video):
        yield NamedInput(str(path), stem, frame, number, video.fps)


def _each(inputs: Any, default: str) -> Iterator[tuple[Any, str]]:
    """Yield images and their names."""
    if isinstance(inputs, Mapping):
        for name, source in inputs.items():
            yield source, str(name)
    elif is_folder(inputs):
        for path in find_images(inputs):
            yield path, str(path)
    elif is_image_input(inputs):
        yield inputs, image_name(inputs, default)
    elif isinstance(inputs, Iterable):
        for source in inputs:
            try:
                found = list(_each(source, default))
            except UserError as error:  # skipped, if there are others
                yield error, image_name(source, default)
            else:
                yield from found
    else:
        raise UserError(
            'expected an image (path, URL, array, bytes, opened file or image '
            'of Pillow), a folder, or a list of these, got '
            f'{type(inputs).__name__}: {inputs!r:.80}'
        )


def is_folder(source: object) -> bool:
    """Return whether an input is the path of an existing folder."""
    if not isinstance(source, str | Path) or is_url(source):
        return False
    try:
        return Path(source).expanduser().is_dir()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False


def number_of_inputs(inputs: Any) -> int | None:
    """Return how many images there are to come, where this is known at once.

    Args:
        inputs (Any): See :func:`resolve_images`.

    Returns:
        int, optional: None for generators, videos and lists of folders.
    """
    if isinstance(inputs, str | Path):
        if is_video_file(inputs):
            return None
        return len(find_images(inputs)) if is_folder(inputs) else 1
    if is_image_input(inputs):
        return 1
    if isinstance(inputs, list | tuple):
        single = not any(
            isinstance(x, str | Path) and (is_folder(x) or is_video_file(x))
            for x in inputs
        )
        return len(inputs) if single else None
    return len(inputs) if isinstance(inputs, Mapping) else None
