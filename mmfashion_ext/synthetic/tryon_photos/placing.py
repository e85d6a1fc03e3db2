# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Placing of a flat garment on a worn region: scale, position, limbs turned.

The start of the registration. Its score predicts whether that succeeds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import cv2
import numpy as np

from . import FLAT_SIZE
from .flat_garment import FlatGarment
from .worn_region import WornRegion

_HALF = 0.5  # scale of the rasters on which placings are compared
_OUTLINE = 140  # points of the outline that is drawn
_HIDDEN = 0.15  # cost of a garment's part that lies in front of nothing seen
_STRETCH = {'upper': 1.45}  # largest ratio of the two scales; others below
_STRETCH_OTHERS = 2.1
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


@dataclass(frozen=True)
class Placing:
    """Parameters that place a flat garment in the photo frame.

    Attributes:
        scale (tuple[float, float]): Of x and y.
        centre (tuple[float, float]): x, y px of the photo where the middle of
            the flat frame comes to lie.
        tilt (float): Rotation of the whole, radians, clockwise.
        angles (tuple[float, ...]): Rotation of each limb, radians.
        score (float): Covered minus spilt share, at most 1.
    """

    scale: tuple[float, float]
    centre: tuple[float, float]
    tilt: float = 0.0
    angles: tuple[float, ...] = ()
    score: float = -1.0

    @property
    def linear(self) -> np.ndarray:
        """(2, 2) linear part, without turned limbs."""
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        return np.array([[cos, -sin], [sin, cos]]) * self.scale


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


class PointMover:
    """Moves points of the flat frame by a placing.

    Args:
        points (np.ndarray): (N, 2) px of the flat frame.
        limbs (list[Limb]): The garment's.
    """

    def __init__(self, points: np.ndarray, limbs: list[Limb]) -> None:
        self.points = np.asarray(points, float)
        self.limbs = limbs
        maps = self.points.astype(np.float32)[None]
        self.weights = [
            cv2.remap(
                limb.weights,
                maps,
                None,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )[0].astype(float)
            for limb in limbs
        ]

    def __call__(self, placing: Placing) -> np.ndarray:
        """Return the points (N, 2) in the photo frame, px."""
        moved = self.points
        for limb, weights, angle in zip(
            self.limbs, self.weights, placing.angles, strict=True
        ):
            if angle:
                offset = self.points - limb.pivot
                turn = angle * weights
                cos, sin = np.cos(turn), np.sin(turn)
                turned = np.stack(
                    [
                        cos * offset[:, 0] - sin * offset[:, 1],
                        sin * offset[:, 0] + cos * offset[:, 1],
                    ],
                    axis=1,
                )
                moved = moved + turned - offset
        centred = (moved - (np.array(FLAT_SIZE) - 1) / 2) * placing.scale
        cos, sin = np.cos(placing.tilt), np.sin(placing.tilt)
        turned = centred @ np.array([[cos, sin], [-sin, cos]])
        return turned + placing.centre


class _Rasters:
    """Region and free zone at half size, for the score of a placing."""

    def __init__(self, region: WornRegion, tucked: bool) -> None:
        free = region.mask | region.in_front
        if tucked:
            free = free | region.tucked
        y, x = np.nonzero(region.mask)
        margin = 40
        self.origin = np.array(
            [max(0, x.min() - margin), max(0, y.min() - margin)]
        )
        part = np.s_[
            self.origin[1] : y.max() + margin,
            self.origin[0] : x.max() + margin,
        ]
        self.worn = _shrink(region.mask[part])
        self.free = _shrink(free[part])
        self.area = max(cv2.countNonZero(self.worn), 1)

    def score(self, points: np.ndarray) -> float:
        """Return covered minus spilt share of an outline (N, 2) px."""
        drawn = np.zeros_like(self.worn)
        fixed = np.round((points - self.origin) * (_HALF * 16)).astype(
            np.int32
        )
        cv2.fillPoly(drawn, [fixed], 1, cv2.LINE_8, 4)
        total = max(cv2.contourArea(fixed) / 256, 1.0)
        covered = cv2.countNonZero(cv2.bitwise_and(drawn, self.worn))
        allowed = cv2.countNonZero(cv2.bitwise_and(drawn, self.free))
        hidden = (allowed - covered) / total
        spilt = max(0.0, 1 - allowed / total)
        return covered / self.area - spilt - _HIDDEN * hidden


def _shrink(mask: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(mask[::2, ::2]).astype(np.uint8)


def place_garment(
    garment: FlatGarment, region: WornRegion, hem: Literal['seen', 'tucked']
) -> Placing:
    """Find scale, position and the angles of limbs that fit a region best.

    Args:
        garment (FlatGarment): The garment.
        region (WornRegion): Where it is to be put on, photo frame.
        hem (str): ``'tucked'``: it may reach under other clothes.

    Returns:
        Placing: The best one found, with its score.
    """
    limbs = find_limbs(garment)
    step = max(1, len(garment.outline) // _OUTLINE)
    mover = PointMover(garment.outline[::step], limbs)
    rasters = _Rasters(region, hem == 'tucked')
    limit = _STRETCH.get(garment.kind, _STRETCH_OTHERS)

    def rate(placing: Placing) -> Placing:
        score = rasters.score(mover(placing))
        return replace(placing, score=score)

    starts = [rate(start) for start in _starts(garment, region, len(limbs))]
    starts.sort(key=lambda placing: -placing.score)
    best = starts[0]
    for start in starts[:2]:
        found = _turn_limbs(start, rate)
        found = _refine(found, rate, limit)
        best = max(best, found, key=lambda placing: placing.score)
    return best


def _starts(
    garment: FlatGarment, region: WornRegion, limbs: int
) -> list[Placing]:
    """Return placings of several sizes on the region."""
    low, high = garment.outline.min(0), garment.outline.max(0)
    y, x = np.nonzero(region.mask)
    middle = float(np.median(x))
    top, bottom = np.percentile(y, (0.5, 99.5))
    scale_y = (bottom - top) / (high[1] - low[1])
    # The mean of the widths of rows: sleeves and legs count as they are.
    flat_area = cv2.contourArea(garment.outline.astype(np.float32))
    flat_width = flat_area / (high[1] - low[1])
    scale_x = region.mask.sum() / (bottom - top) / flat_width
    limit = _STRETCH.get(garment.kind, _STRETCH_OTHERS)
    scales = []
    for factor_x in (0.85, 1.0, 1.2, 1.45):
        for factor_y in (0.9, 1.0):
            ratio = factor_y * scale_y / (factor_x * scale_x)
            ratio = float(np.clip(ratio, 1 / limit, limit))
            size = factor_x * scale_x
            scales.append((size, size * ratio))
    flat_top = low[1] - (FLAT_SIZE[1] - 1) / 2
    return [
        Placing(
            scale=scale,
            centre=(middle, float(top - flat_top * scale[1])),
            angles=(0.0,) * limbs,
        )
        for scale in scales
    ]


def _turn_limbs(
    placing: Placing, rate: Callable[[Placing], Placing]
) -> Placing:
    """Try angles of each limb in turn."""
    for limb in range(len(placing.angles)):
        candidates = [placing]
        for angle in np.radians((-60, -45, -30, -15, 15, 30, 45, 60)):
            angles = list(placing.angles)
            angles[limb] = float(angle)
            candidates.append(rate(replace(placing, angles=tuple(angles))))
        placing = max(candidates, key=lambda one: one.score)
    return placing


def _refine(
    placing: Placing, rate: Callable[[Placing], Placing], limit: float
) -> Placing:
    """Improve the parameters one by one, with shrinking steps."""
    size = 0.06
    for _ in range(4):
        improved = True
        for _ in range(2):
            if not improved:
                break
            improved = False
            for option in _neighbours(placing, size, limit):
                found = rate(option(placing))
                if found.score > placing.score + 1e-4:
                    placing, improved = found, True
        size *= 0.55
    return placing


def _neighbours(
    placing: Placing, size: float, limit: float
) -> list[Callable[[Placing], Placing]]:
    """Return changes of one parameter each, as functions of a placing."""
    options: list[Callable[[Placing], Placing]] = []
    for step in (-size, size):
        factor = float(np.exp(2 * step))
        options += [
            partial(_scaled, x=factor, limit=limit),
            partial(_scaled, y=factor, limit=limit),
            partial(_moved, x=step),
            partial(_moved, y=step),
            partial(_tilted, by=step),
        ]
        options += [
            partial(_turned, limb=limb, by=3 * step)
            for limb in range(len(placing.angles))
        ]
    return options


def _scaled(
    placing: Placing, x: float = 1.0, y: float = 1.0, limit: float = 1.0
) -> Placing:
    scale_x, scale_y = placing.scale[0] * x, placing.scale[1] * y
    ratio = float(np.clip(scale_y / scale_x, 1 / limit, limit))
    return replace(placing, scale=(scale_x, scale_x * ratio))


def _moved(placing: Placing, x: float = 0.0, y: float = 0.0) -> Placing:
    """Move by parts of the garment's height."""
    length = placing.scale[1] * FLAT_SIZE[1]
    centre = placing.centre[0] + x * length, placing.centre[1] + y * length
    return replace(placing, centre=centre)


def _tilted(placing: Placing, by: float) -> Placing:
    return replace(placing, tilt=float(np.clip(placing.tilt + by, -0.5, 0.5)))


def _turned(placing: Placing, limb: int, by: float) -> Placing:
    angles = list(placing.angles)
    angles[limb] = float(np.clip(angles[limb] + by, -1.6, 1.6))
    return replace(placing, angles=tuple(angles))
