# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Flat garments: mask, mirror axis, outline and arm pits in the flat frame.

:func:`find_flat_garment` accepts a photograph of a garment if its mask has the
shape of its kind and is symmetric; the mirror test is the best single one.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from ...formats.garments.flat_mask import MaskError, cut_flat_garment
from ...formats.viton.garment_classes import GarmentClass
from . import FLAT_SIZE, RejectedError
from .mirror_symmetry import find_mirror_axis

Kind = Literal['upper', 'trousers', 'shorts', 'skirt', 'dress']
#: Kind -> class of try-on.
CLASSES: dict[Kind, GarmentClass] = {
    'upper': 'upper_body',
    'trousers': 'lower_body',
    'shorts': 'lower_body',
    'skirt': 'lower_body',
    'dress': 'dresses',
}
#: Part of the flat frame that the garment fills, of the width and height.
FILL = 0.90, 0.90
_EDGE = 1.45  # longest outline, of its convex hull's


@dataclass(frozen=True)
class ShapeLimits:
    """What the mask of a kind looks like.

    Attributes:
        solidity (tuple[float, float]): Area by that of the convex hull.
        aspect (tuple[float, float]): Height by width of the upright box.
        symmetry (float): Least IoU with the mirror image.
    """

    solidity: tuple[float, float]
    aspect: tuple[float, float]
    symmetry: float


LIMITS: dict[Kind, ShapeLimits] = {
    'upper': ShapeLimits((0.55, 0.97), (0.5, 1.9), 0.80),
    'trousers': ShapeLimits((0.55, 0.97), (1.15, 3.5), 0.78),
    'shorts': ShapeLimits((0.70, 0.98), (0.45, 1.25), 0.80),
    'skirt': ShapeLimits((0.85, 1.0), (0.4, 2.5), 0.85),
    'dress': ShapeLimits((0.55, 0.99), (1.1, 3.2), 0.80),
}


@dataclass(frozen=True)
class FlatGarment:
    """A garment in the flat frame.

    Attributes:
        name (str): Its photograph, relative to the folder of garments.
        kind (Kind): Kind of garment.
        outline (np.ndarray): (N, 2) float32, closed polygon, px.
        to_photo (np.ndarray): (2, 3) float64, affine map from the flat frame
            to the photograph of the garment, px of both.
    """

    name: str
    kind: Kind
    outline: np.ndarray
    to_photo: np.ndarray

    def mask(self, size: tuple[int, int] = FLAT_SIZE) -> np.ndarray:
        """Draw the mask.

        Args:
            size (tuple[int, int]): (w, h) px of the flat frame.

        Returns:
            np.ndarray: (h, w) bool.
        """
        return fill_polygon(scale_points(self.outline, FLAT_SIZE, size), size)

    def cut_out(
        self, photo: np.ndarray, size: tuple[int, int] = FLAT_SIZE
    ) -> np.ndarray:
        """Draw the garment's photograph in the flat frame, background kept.

        Args:
            photo (np.ndarray): (h, w, 3) BGR uint8, of the size that
                ``to_photo`` is for.
            size (tuple[int, int]): (w, h) px of the flat frame.

        Returns:
            np.ndarray: (h, w, 3) BGR uint8; beyond the photograph its border
            is repeated.
        """
        scale = np.array(FLAT_SIZE) / size
        matrix = self.to_photo.copy()
        matrix[:, 2] += matrix[:, :2] @ (0.5 * scale - 0.5)
        matrix[:, :2] *= scale
        return cv2.warpAffine(
            photo,
            matrix,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )


def scale_points(
    points: np.ndarray, size: tuple[int, int], new_size: tuple[int, int]
) -> np.ndarray:
    """Scale positions of an image of ``size`` (w, h) to one of ``new_size``.

    Args:
        points (np.ndarray): (..., 2) x, y in px, 0 is a pixel's centre.
        size (tuple[int, int]): (w, h) px.
        new_size (tuple[int, int]): (w, h) px.

    Returns:
        np.ndarray: (..., 2) px.
    """
    return (points + 0.5) * (np.array(new_size) / size) - 0.5


def fill_polygon(outline: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Fill a polygon (N, 2) px in an image of ``size`` (w, h): (h, w) bool."""
    image = np.zeros(size[::-1], np.uint8)
    points = np.round(np.asarray(outline) * 16).astype(np.int32)
    cv2.fillPoly(image, [points], 1, cv2.LINE_8, 4)
    return image.astype(bool)


def outline_of(mask: np.ndarray) -> np.ndarray:
    """Return the outline of a mask's largest part.

    Args:
        mask (np.ndarray): (h, w) bool, not empty.

    Returns:
        np.ndarray: (N, 2) float32 x, y px, a vertex at every border pixel.
    """
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    return max(contours, key=cv2.contourArea)[:, 0].astype(np.float32)


def find_flat_garment(
    image: np.ndarray, kind: Kind, name: str = 'garment'
) -> FlatGarment:
    """Cut out a garment, set it upright and test its shape.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8, one garment laid flat or on a
            hanger.
        kind (Kind): Kind of garment.
        name (str): Kept in the result.

    Returns:
        FlatGarment: The garment in the flat frame.

    Raises:
        RejectedError: There is no plausible mask, or its shape is not that of
            the kind.
    """
    try:
        mask = cut_flat_garment(image)
    except MaskError as error:
        raise RejectedError(str(error)) from None
    limits = LIMITS[kind]
    _check_outline(mask, limits)
    found = find_mirror_axis(mask)
    if found.iou < limits.symmetry:
        raise RejectedError(f'not symmetric: IoU {found.iou:.2f}')
    upright = cv2.getRotationMatrix2D(found.centre, found.angle, 1)
    points = outline_of(mask) @ upright[:, :2].T + upright[:, 2]
    fit = _fit_frame(points, found.axis, limits)
    # flat = fit o upright o (px of the mask from px of the photograph)
    scale = np.array(mask.shape[::-1]) / image.shape[1::-1]
    to_mask = np.array(
        [
            [scale[0], 0, 0.5 * scale[0] - 0.5],
            [0, scale[1], 0.5 * scale[1] - 0.5],
        ]
    )
    to_flat = _chain(fit, _chain(upright, to_mask))
    matrix = _chain(fit, upright)
    smooth = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
    large = cv2.warpAffine(smooth, matrix, FLAT_SIZE, flags=cv2.INTER_LINEAR)
    outline = outline_of(large > 0.5)
    return FlatGarment(name, kind, outline, cv2.invertAffineTransform(to_flat))


def _chain(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the affine map (2, 3) of ``first`` and then ``second``."""
    linear = second[:, :2] @ first
    linear[:, 2] += second[:, 2]
    return linear


def _check_outline(mask: np.ndarray, limits: ShapeLimits) -> None:
    outline = outline_of(mask)
    hull = cv2.convexHull(outline)
    solidity = cv2.contourArea(outline) / max(cv2.contourArea(hull), 1)
    low, high = limits.solidity
    if not low <= solidity <= high:
        raise RejectedError(f'solidity {solidity:.2f}')
    # a smooth outline: that of single pixels has steps
    smooth = cv2.approxPolyDP(outline, 1.0, True)
    edge = cv2.arcLength(smooth, True) / max(cv2.arcLength(hull, True), 1)
    if edge > _EDGE:
        raise RejectedError(f'ragged outline: {edge:.2f} of the hull')


def _fit_frame(
    points: np.ndarray, axis: float, limits: ShapeLimits
) -> np.ndarray:
    """Return the map (2, 3) that puts upright points into the flat frame."""
    low, high = points.min(0), points.max(0)
    half = max(axis - low[0], high[0] - axis)
    height = high[1] - low[1]
    aspect = height / max(high[0] - low[0], 1)
    if not limits.aspect[0] <= aspect <= limits.aspect[1]:
        raise RejectedError(f'height {aspect:.2f} of the width')
    size = np.array(FLAT_SIZE) * FILL
    scale = min(size[0] / (2 * half), size[1] / height)
    centre = (np.array(FLAT_SIZE) - 1) / 2
    middle = np.array([axis, (low[1] + high[1]) / 2])
    shift = centre - scale * middle
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
