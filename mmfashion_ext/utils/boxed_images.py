# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Inputs of landmark inferencers: images, with boxes where users have them.

Boxes of garments can come from a user's own detector or annotations; then the
inferencer needs no detector.
"""

from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserError
from .image_inputs import (
    NamedInput,
    is_folder,
    number_of_inputs,
    resolve_images,
)
from .images import ImageInput, is_image_input, read_image
from .video import is_video_file

#: Stands for the end of an iterator.
_END = object()


class BoxedImage(NamedTuple):
    """An image that is not read yet, and a user's boxes of its garments.

    Attributes:
        source (ImageInput): The image.
        boxes (np.ndarray): (n, 4) float32 xyxy px.
    """

    source: ImageInput
    boxes: np.ndarray


class GarmentImage(NamedTuple):
    """An image whose garments' landmarks are to be found.

    Attributes:
        path (str): Path or URL, or a made-up name.
        image (np.ndarray): (h, w, 3) uint8 BGR.
        boxes (np.ndarray, optional): (n, 4) float32 xyxy px of the garments;
            None if they are to be detected.
    """

    path: str
    image: np.ndarray
    boxes: np.ndarray | None

    def given_boxes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the user's boxes, or the whole image if there are none.

        Returns:
            tuple[np.ndarray, np.ndarray, np.ndarray]: Boxes (n, 4) float32
            xyxy px, their scores (n,), all 1, and category ids (n,), all 0:
            not known.
        """
        boxes = self.boxes
        if boxes is None:
            height, width = self.image.shape[:2]
            boxes = np.array([[0, 0, width, height]], np.float32)
        number = len(boxes)
        return boxes, np.ones(number, np.float32), np.zeros(number, int)


def resolve_boxed_images(
    inputs: object, bboxes: object = None
) -> Iterator[NamedInput]:
    """Resolve images, folders and videos, each image with its boxes.

    Args:
        inputs (object): See :func:`~.image_inputs.resolve_images`; a video
            stands for its frames.
        bboxes (object, optional): (n, 4) xyxy px for each image: an iterable
            in the order of the images, or a mapping with the keys of
            ``inputs``. Of a single image also the (n, 4) itself. None, for
            all or for one image: no boxes are known.

    Yields:
        NamedInput: One for each image, lazily. Its ``source`` is a
        :class:`BoxedImage` if there are boxes, and a ``UserError`` if the
        boxes of this image are wrong.

    Raises:
        UserError: There are more or fewer boxes than images.
    """
    items = resolve_images(inputs, videos=True)
    if bboxes is None:
        yield from items
        return
    for item, boxes in _pair(items, _boxes_of_each(inputs, bboxes)):
        if isinstance(item.source, Exception) or boxes is None:
            yield item
            continue
        try:
            source = BoxedImage(item.source, check_boxes(boxes))
        except UserError as error:
            yield item._replace(source=error)
        else:
            yield item._replace(source=source)


def load_garment_image(item: NamedInput) -> GarmentImage:
    """Read an image that :func:`resolve_boxed_images` yielded.

    Args:
        item (NamedInput): The input.

    Returns:
        GarmentImage: The image (h, w, 3) uint8 BGR and the user's boxes.

    Raises:
        UserError: It cannot be read as an image.
    """
    source, boxes = item.source, None
    if isinstance(source, BoxedImage):
        source, boxes = source
    return GarmentImage(item.input, read_image(source), boxes)


def check_boxes(boxes: object) -> np.ndarray:
    """Convert a user's boxes of one image to an array, and check them.

    Args:
        boxes (object): n rows of x1, y1, x2, y2 in px; n may be 0.

    Returns:
        np.ndarray: (n, 4) float32 xyxy px.

    Raises:
        UserError: The shape is another one, or a box is not finite or has no
            area.
    """
    try:
        array = np.asarray(boxes, np.float32)
    except (TypeError, ValueError):
        raise UserError(
            f'bboxes: expected (n, 4) numbers x1, y1, x2, y2 in px for each '
            f'image, got {boxes!r:.80}'
        ) from None
    if not array.size:
        return np.zeros((0, 4), np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise UserError(
            'bboxes: expected (n, 4) numbers x1, y1, x2, y2 in px for each '
            f'image, got an array {array.shape}'
        )
    valid = np.isfinite(array).all(1) & (array[:, 2:] > array[:, :2]).all(1)
    if not valid.all():
        number = int(valid.argmin())
        raise UserError(
            f'bboxes: box {number} is {array[number].tolist()}, expected '
            'finite x1, y1, x2, y2 with x1 < x2 and y1 < y2'
        )
    return array


def _boxes_of_each(inputs: object, bboxes: object) -> Iterator[object]:
    """Yield the boxes of one image after the other."""
    if isinstance(inputs, Mapping) != isinstance(bboxes, Mapping):
        raise UserError(
            'bboxes must be a mapping with the keys of the images if these '
            f'are a mapping, and only then; got {type(bboxes).__name__} for '
            f'{type(inputs).__name__}'
        )
    if isinstance(inputs, Mapping) and isinstance(bboxes, Mapping):
        if inputs.keys() != bboxes.keys():
            odd = sorted(map(str, inputs.keys() ^ bboxes.keys()))
            raise UserError(
                'bboxes: expected the keys of the images, but '
                f'{", ".join(odd)[:80]} are in one of the two only'
            )
        yield from (bboxes[name] for name in inputs)
        return
    if not isinstance(bboxes, Iterable):
        raise UserError(
            'bboxes: expected one (n, 4) array of xyxy px for each image, '
            f'got {bboxes!r:.80}'
        )
    if _is_single_image(inputs) and _is_table(bboxes):
        yield bboxes
        return
    total = number_of_inputs(inputs)
    if total is not None and isinstance(bboxes, Sized):
        _check_number(len(bboxes), total)
    yield from bboxes


def _pair(
    items: Iterator[NamedInput], boxes: Iterator[object]
) -> Iterator[tuple[NamedInput, object]]:
    """Pair images and boxes, both lazily, and check their number."""
    number = 0
    for item in items:
        found = next(boxes, _END)
        if found is _END:
            _check_number(number, None)
        yield item, found
        number += 1
    if next(boxes, _END) is not _END:
        _check_number(number + 1, number)


def _check_number(found: int, images: int | None) -> None:
    if found != images:
        more = 'more images' if images is None else f'{images} images'
        raise UserError(
            'bboxes: expected one (n, 4) array of xyxy px for each image, got '
            f'{found} for {more}'
        )


def _is_single_image(inputs: object) -> bool:
    if isinstance(inputs, str) and is_video_file(inputs):
        return False
    return is_image_input(inputs) and not is_folder(inputs)


def _is_table(bboxes: Any) -> bool:
    """Check that boxes are those of one image, not a list of such."""
    try:
        return np.ndim(bboxes) == 2
    except ValueError:  # rows of different length
        return False
