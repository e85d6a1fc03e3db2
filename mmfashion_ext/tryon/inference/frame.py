# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Frame of the network in which a photograph of any size is centred.

An image is resized into the frame without changing its shape, and its border
is repeated beside it. No PyTorch is imported.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ...errors import UserError
from .loading import resize


class Frame(NamedTuple):
    """Where an image lies in a frame of the network.

    Attributes:
        size (tuple[int, int]): (h, w) of the image, px.
        frame (tuple[int, int]): (h, w) of the frame, px.
        inside (tuple[int, int]): (h, w) of the image in the frame, px.
        corner (tuple[int, int]): (y, x) of its first pixel in the frame.
    """

    size: tuple[int, int]
    frame: tuple[int, int]
    inside: tuple[int, int]
    corner: tuple[int, int]

    @classmethod
    def of(cls, size: tuple[int, int], frame: tuple[int, int]) -> 'Frame':
        """Centre an image of a size (h, w) in a frame (h, w), px."""
        scale = min(frame[0] / size[0], frame[1] / size[1])
        h = min(frame[0], max(1, round(size[0] * scale)))
        w = min(frame[1], max(1, round(size[1] * scale)))
        corner = (frame[0] - h) // 2, (frame[1] - w) // 2
        return cls(size, frame, (h, w), corner)

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Resize an image into the frame, its border repeated beside it.

        Args:
            image (np.ndarray): (h, w, 3) or (h, w) uint8, of ``size``.

        Returns:
            np.ndarray: The same, of ``frame``.
        """
        (h, w), (top, left) = self.inside, self.corner
        image = resize(image, (h, w))
        bottom, right = self.frame[0] - h - top, self.frame[1] - w - left
        if not any((top, bottom, left, right)):
            return image
        return cv2.copyMakeBorder(
            image, top, bottom, left, right, cv2.BORDER_REPLICATE
        )

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what converts positions in the frame to those in the image.

        Returns:
            tuple[np.ndarray, np.ndarray]: Scale and shift, (2,) float32, x
            first: position in the image = scale * position in the frame +
            shift; both run from -1 to 1 between the centres of the first and
            the last pixel.
        """

        def pair(values: tuple[int, int]) -> np.ndarray:
            return np.array(values[::-1], np.float64)

        frame, image = (
            np.maximum(pair(side) - 1, 1) / 2
            for side in (self.frame, self.size)
        )
        scale = pair(self.size) / pair(self.inside)
        first = (frame - pair(self.corner) + 0.5) * scale - 0.5
        factor, shift = frame * scale / image, first / image - 1
        return factor.astype(np.float32), shift.astype(np.float32)


#: Space beside a garment in the frame, of its longer side; as in VITON.
_MARGIN = 0.04


def garment_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Return rows and columns of a garment, with a margin, in its photograph.

    Networks have learnt from photographs that the garment fills.

    Args:
        mask (np.ndarray): (h, w) uint8, on from 128.

    Returns:
        tuple[slice, slice]: Of the whole image, if the mask is empty.
    """
    on = mask >= 128
    if not on.any():
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    ends = [np.flatnonzero(on.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    margin = round(_MARGIN * max(int(last - first) for first, last in ends))
    rows, columns = (
        slice(max(int(first) - margin, 0), int(last) + 1 + margin)
        for first, last in ends
    )
    return rows, columns


#: Space around a person, of the height of the box.
PERSON_MARGIN = 0.05


def region_around(
    box: Sequence[float], size: tuple[int, int], ratio: float
) -> tuple[slice, slice]:
    """Return the part of a photograph that shows a person as networks know it.

    The box with a margin, made higher or wider to a ratio, and moved into the
    photograph where it fits.

    Args:
        box (Sequence[float]): x1, y1, x2, y2 px; may reach beyond the
            photograph.
        size (tuple[int, int]): (h, w) px of the photograph.
        ratio (float): Width by height of the part, where the photograph is
            large enough.

    Returns:
        tuple[slice, slice]: Rows and columns, px.

    Raises:
        UserError: The box is empty, or lies beside the photograph.
    """
    (left, top, right, bottom), (h, w) = box, size
    if min(right, w) <= max(left, 0) or min(bottom, h) <= max(top, 0):
        raise UserError(
            f'the box of a person is {[*map(float, box)]}, expected x1, y1, '
            f'x2, y2 px inside a photograph of {w} x {h} px'
        )
    tall = (bottom - top) * (1 + 2 * PERSON_MARGIN)
    tall = max(tall, (right - left) * (1 + 2 * PERSON_MARGIN) / ratio)
    tall = min(tall, h)
    return (
        _span((top + bottom) / 2, tall, h),
        _span((left + right) / 2, min(tall * ratio, w), w),
    )


def _span(middle: float, length: float, size: int) -> slice:
    """Return ``length`` px around a position, moved into 0 ... ``size``."""
    length = min(size, max(1, round(length)))
    start = min(max(0, round(middle - length / 2)), size - length)
    return slice(start, start + length)
