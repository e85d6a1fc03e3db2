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
from .limbs import Limb, find_limbs
from .worn_region import WornRegion

_HALF = 0.5  # scale of the rasters on which placings are compared
_OUTLINE = 140  # points of the outline that is drawn
_HIDDEN = 0.15  # cost of a garment's part that lies in front of nothing seen
_STRETCH = {'upper': 1.45}  # largest ratio of the two scales; others below
_STRETCH_OTHERS = 2.1


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
