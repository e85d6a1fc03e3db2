# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pairing: choose a garment for a person, register it, and test the result."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from . import RejectedError
from .flat_garment import FlatGarment
from .garment_mesh import GarmentMesh, mesh_over
from .limbs import find_limbs
from .placing import Placing, PointMover, place_garment
from .quality import LIMITS, Limits, Quality, measure_fit
from .registration import register
from .worn_region import WornRegion

Hem = Literal['seen', 'tucked']
LEAST_SCORE = 0.7  # of a placing; below it a registration rarely succeeds
_TUCKED_GAIN = 0.03  # by which a tucked hem must be better than a seen one
_TUCKED_TRIES = 2  # of the best garments are tried with a tucked hem
_UNEQUAL = 0.08  # cost of a scale of y twice that of x


@dataclass(frozen=True)
class Fit:
    """A garment registered to a region.

    Attributes:
        garment (FlatGarment): The garment.
        mesh (GarmentMesh): Its mesh.
        vertices (np.ndarray): (V, 2) px of the photo frame.
        hem (str): ``'seen'`` or ``'tucked'``.
        score (float): Of the placing.
        quality (Quality): Measures of the registration.
    """

    garment: FlatGarment
    mesh: GarmentMesh
    vertices: np.ndarray
    hem: Hem
    score: float
    quality: Quality


def free_zone(region: WornRegion, hem: Hem) -> np.ndarray:
    """Return where a garment may lie hidden, (h, w) bool."""
    if hem == 'tucked':
        return region.in_front | region.tucked
    return region.in_front


def best_placing(
    garments: Iterable[FlatGarment], region: WornRegion
) -> tuple[FlatGarment, Placing, Hem]:
    """Return the garment of several that can be placed best.

    Args:
        garments (Iterable[FlatGarment]): At least one.
        region (WornRegion): Where it is to be put on.

    Returns:
        tuple[FlatGarment, Placing, str]: The garment, its placing and hem.

    Raises:
        RejectedError: There is no garment.
    """
    found: list[tuple[FlatGarment, Placing, Hem]] = [
        (garment, place_garment(garment, region, 'seen'), 'seen')
        for garment in garments
    ]
    if not found:
        raise RejectedError('no garment to choose from')
    found.sort(key=_worth, reverse=True)
    if region.tucked.any():
        for garment, seen, _ in found[:_TUCKED_TRIES]:
            other = place_garment(garment, region, 'tucked')
            if other.score > seen.score + _TUCKED_GAIN:
                found.append((garment, other, 'tucked'))
    return max(found, key=_worth)


def _worth(choice: tuple[FlatGarment, Placing, Hem]) -> float:
    """Return a placing's score less the cost of unequal scales."""
    x, y = choice[1].scale
    return choice[1].score - _UNEQUAL * abs(float(np.log2(y / x)))


def fit_garment(
    garments: Iterable[FlatGarment],
    region: WornRegion,
    limits: Limits | None = None,
    least_score: float = LEAST_SCORE,
) -> Fit:
    """Register the best of several garments to a region.

    Args:
        garments (Iterable[FlatGarment]): At least one.
        region (WornRegion): Where it is to be put on, photo frame.
        limits (Limits, optional): What the result must satisfy. None: those
            of the kind.
        least_score (float): Least score of the placing.

    Returns:
        Fit: The registered garment.

    Raises:
        RejectedError: The placing is too poor, or a limit is exceeded; names
            it.
    """
    garment, placing, hem = best_placing(garments, region)
    if placing.score < least_score:
        raise RejectedError('placing')
    mesh = mesh_over(garment.outline)
    free = free_zone(region, hem)
    start = unfolded_start(garment, mesh, placing)
    found = register(garment, mesh, start, region, free, placing.linear)
    quality = measure_fit(garment, mesh, found.vertices, region, free)
    problem = quality.problem(limits or LIMITS[region.kind])
    if problem:
        raise RejectedError(problem)
    return Fit(garment, mesh, found.vertices, hem, placing.score, quality)


def unfolded_start(
    garment: FlatGarment, mesh: GarmentMesh, placing: Placing
) -> np.ndarray:
    """Place a mesh; limbs are turned as far as no triangle is inverted.

    Args:
        garment (FlatGarment): The garment.
        mesh (GarmentMesh): Its mesh.
        placing (Placing): Where it comes to lie.

    Returns:
        np.ndarray: (V, 2) px of the photo frame.
    """
    move: Callable[[Placing], np.ndarray]
    move = PointMover(mesh.rest, find_limbs(garment))
    area = abs(placing.scale[0] * placing.scale[1])
    for share in (1.0, 0.75, 0.5, 0.25):
        angles = tuple(share * angle for angle in placing.angles)
        vertices = move(replace(placing, angles=angles))
        determinants = np.linalg.det(mesh.jacobians(vertices))
        if (determinants > 0.1 * area).all():
            return vertices
    return move(replace(placing, angles=(0.0,) * len(placing.angles)))
