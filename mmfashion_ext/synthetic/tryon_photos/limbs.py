# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Limbs of a flat garment: sleeves and legs, and where they turn."""

from dataclasses import dataclass

import cv2
import numpy as np

from . import FLAT_SIZE
from .flat_garment import FlatGarment

_LEAST_DEFECT = 0.05  # depth of an arm pit or crotch, of the garment's height


@dataclass(frozen=True)
class Limb:
    """A sleeve or a leg that turns about a pivot.

    Attributes:
        pivot (np.ndarray): (2,) px of the flat frame.
        weights (np.ndarray): (h, w) float32 of the flat frame, 0-1, how much
            a point turns with the limb.
    """

    pivot: np.ndarray
    weights: np.ndarray


def find_limbs(garment: FlatGarment) -> list[Limb]:
    """Find the sleeves or the legs of a flat garment.

    Arm pits and the crotch are the deepest defects of its convex hull.

    Args:
        garment (FlatGarment): The garment.

    Returns:
        list[Limb]: None, or two, the left one of the image first.
    """
    outline = garment.outline
    low, high = outline.min(0), outline.max(0)
    height = high[1] - low[1]
    axis = (FLAT_SIZE[0] - 1) / 2
    defects = _hull_defects(outline)
    defects = [d for d in defects if d[3] > _LEAST_DEFECT * height]
    if garment.kind in ('trousers', 'shorts'):
        return _legs(defects, low, high, axis)
    if garment.kind == 'skirt':
        return []
    limbs = []
    for sign in (-1, 1):
        found = [
            defect
            for defect in defects
            if sign * (defect[1][0] - axis) > 0.05 * (high[0] - low[0])
            and 0.08 < (defect[1][1] - low[1]) / height < 0.75
            and sign * ((defect[0] + defect[2]) / 2 - defect[1])[0] > 0
            and ((defect[0] + defect[2]) / 2)[1] > defect[1][1]
        ]
        if not found:
            return []
        limbs.append(_sleeve(max(found, key=lambda d: d[3]), outline, sign))
    return limbs


def _hull_defects(outline: np.ndarray) -> list[tuple]:
    """Return (start, deepest point, end, depth) of the hull's defects."""
    points = np.round(outline).astype(np.int32)[:, None]
    hull = np.sort(cv2.convexHull(points, returnPoints=False).ravel())[::-1]
    defects = cv2.convexityDefects(points, hull.astype(np.int32)[:, None])
    if defects is None:
        return []
    return [
        (outline[start], outline[far], outline[end], depth / 256)
        for start, end, far, depth in defects.reshape(-1, 4)
    ]


def _sleeve(defect: tuple, outline: np.ndarray, sign: int) -> Limb:
    start, pit, end, _ = defect
    above = outline[outline[:, 1] < pit[1]]
    near = above[np.abs(above[:, 0] - pit[0]).argsort()[:5]]
    shoulder = near[near[:, 1].argmin()] if len(near) else pit
    gap = (start + end) / 2
    gap = pit + 3 * (gap - pit)
    far = 2.0 * FLAT_SIZE[0] * sign
    polygon = np.array(
        [
            [shoulder[0], -50],
            shoulder,
            pit,
            gap,
            [gap[0] + far, gap[1]],
            [shoulder[0] + far, -50],
        ]
    )
    return Limb(np.asarray(shoulder, float), _soft(polygon, 4.0))


def _soft(polygon: np.ndarray, sigma: float) -> np.ndarray:
    """Fill a polygon in the flat frame, with a soft border."""
    image = np.zeros(FLAT_SIZE[::-1], np.float32)
    fixed = np.round(polygon * 16).astype(np.int32)
    cv2.fillPoly(image, [fixed], 1.0, cv2.LINE_8, 4)
    return cv2.GaussianBlur(image, (0, 0), sigma)


def _legs(
    defects: list[tuple], low: np.ndarray, high: np.ndarray, axis: float
) -> list[Limb]:
    height, width = high[1] - low[1], high[0] - low[0]
    inner = [
        defect
        for defect in defects
        if abs(defect[1][0] - axis) < 0.2 * width
        and (defect[0][1] + defect[2][1]) / 2 > low[1] + 0.7 * height
    ]
    if not inner:
        return []
    crotch = max(inner, key=lambda d: d[3])[1]
    hip = low[1] + 0.5 * (crotch[1] - low[1])
    limbs = []
    for sign in (-1, 1):
        far = crotch[0] + sign * 2 * FLAT_SIZE[0]
        polygon = np.array(
            [
                [crotch[0], 2 * FLAT_SIZE[1]],
                [crotch[0], hip],
                [far, hip],
                [far, 2 * FLAT_SIZE[1]],
            ]
        )
        pivot = np.array([axis + sign * 0.25 * width, hip])
        limbs.append(Limb(pivot, _soft(polygon, 0.12 * height)))
    return limbs
