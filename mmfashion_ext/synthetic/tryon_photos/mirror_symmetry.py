# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mirror symmetry of a flat garment's mask: its upright angle and its axis."""

from typing import NamedTuple

import cv2
import numpy as np

_MOST_ANGLE, _COARSE, _FINE = 24, 4, 1  # degrees
_SHIFTS = np.arange(-6, 7, 2)  # px, of the axis from the centroid


class MirrorSymmetry(NamedTuple):
    """Best mirror axis of a mask.

    Attributes:
        iou (float): Of the upright mask and its mirror image, 0-1.
        angle (float): Degrees by which the mask is turned, as
            ``cv2.getRotationMatrix2D`` counts them, to be upright.
        centre (tuple[float, float]): x, y of the centroid, px of the mask.
        axis (float): x of the axis after the rotation about ``centre``, px.
    """

    iou: float
    angle: float
    centre: tuple[float, float]
    axis: float


def find_mirror_axis(mask: np.ndarray) -> MirrorSymmetry:
    """Find the upright angle of -24 ... 24 degrees with the best mirror IoU.

    Args:
        mask (np.ndarray): (h, w) bool, not empty.

    Returns:
        MirrorSymmetry: IoU, angle and axis.
    """
    y, x = np.nonzero(mask)
    centre = float(x.mean()), float(y.mean())
    side = 2 * int(np.hypot(x - centre[0], y - centre[1]).max() + 8) + 1
    half = side // 2
    best = (-1.0, 0.0, 0.0)
    for angle in range(-_MOST_ANGLE, _MOST_ANGLE + 1, _COARSE):
        best = max(best, _score(mask, centre, angle, half))
    coarse = best[1]
    for fine in np.arange(coarse - _COARSE + 1, coarse + _COARSE, _FINE):
        best = max(best, _score(mask, centre, float(fine), half))
    iou, upright, shift = best
    return MirrorSymmetry(iou, upright, centre, centre[0] + shift)


def _score(
    mask: np.ndarray, centre: tuple[float, float], angle: float, half: int
) -> tuple[float, float, float]:
    """Return the best IoU of an angle, the angle and the axis' shift."""
    matrix = cv2.getRotationMatrix2D(centre, angle, 1)
    matrix[:, 2] += half - np.array(centre)
    side = 2 * half + 1
    turned = cv2.warpAffine(mask.astype(np.uint8), matrix, (side, side))
    mirrored = turned[:, ::-1]
    total = 2 * cv2.countNonZero(turned)
    best = (-1.0, float(angle), 0.0)
    for shift in _SHIFTS:
        # the axis shifted by s moves the mirror image by 2 s
        moved = np.roll(mirrored, int(2 * shift), axis=1)
        both = cv2.countNonZero(cv2.bitwise_and(turned, moved))
        iou = both / max(total - both, 1)
        best = max(best, (iou, float(angle), float(shift)))
    return best
