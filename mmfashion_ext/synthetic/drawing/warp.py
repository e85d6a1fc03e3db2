# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Smooth map from body space to the image."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Warp:
    """Map from body space to the image: smooth displacement, then affine map.

    Attributes:
        matrix (np.ndarray): (2, 3) affine map from body units to px.
        waves (np.ndarray): (m, 5) rows of wave vector (x and y, radians per
            body unit), phase (radians), and amplitude in x and y (body
            units).
    """

    matrix: np.ndarray
    waves: np.ndarray

    @cached_property
    def scale(self) -> float:
        """Scale of the affine map, px per body unit."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    def _displacement(self, points: np.ndarray) -> np.ndarray:
        """Return the (n, 2) displacement of (n, 2) points, body units."""
        phase = points @ self.waves[:, :2].T + self.waves[:, 2]
        return np.sin(phase) @ self.waves[:, 3:]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Map points of body space to the image.

        Args:
            points (np.ndarray): (n, 2) x, y in body units.

        Returns:
            np.ndarray: (n, 2) x, y in px.
        """
        moved = points + self._displacement(points)
        return moved @ self.matrix[:, :2].T + self.matrix[:, 2]

    def inverse(self, pixels: np.ndarray) -> np.ndarray:
        """Map points of the image to body space.

        Args:
            pixels (np.ndarray): (n, 2) x, y in px.

        Returns:
            np.ndarray: (n, 2) x, y in body units, to about 0.01 units.
        """
        inverted = np.linalg.inv(self.matrix[:, :2])
        moved = (pixels - self.matrix[:, 2]) @ inverted.T
        points = moved
        for _ in range(2):  # the displacement is a contraction
            points = moved - self._displacement(points)
        return points


def random_warp(
    rng: np.random.Generator, matrix: np.ndarray, strength: float
) -> Warp:
    """Sample a smooth deformation around an affine map.

    Args:
        rng (np.random.Generator): Source of randomness.
        matrix (np.ndarray): (2, 3) affine map from body units to px.
        strength (float): Size of the displacement, body units; none of the
            four waves exceeds 0.35 of it.

    Returns:
        Warp: The map from body space to the image.
    """
    count = 4
    waves = np.concatenate(
        [
            rng.uniform(-1.6, 1.6, (count, 2)),
            rng.uniform(0, 2 * np.pi, (count, 1)),
            rng.uniform(-0.35, 0.35, (count, 2)) * strength,
        ],
        axis=1,
    )
    return Warp(matrix, waves)
