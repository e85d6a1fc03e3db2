# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Non-rigid registration of a garment's mesh to a worn region, without folds.

The mesh minimises, by alternating projections and one linear solve a round,

    E = a sum_t area_t |J_t - P(J_t)|^2 + sum_i w_i |x_i - target_i|^2

with the deformation gradients J_t of the triangles. P(J) is the nearest
matrix that is as rigid as possible: a rotation times singular values that are
limited in size and in ratio. Targets are, for points of the garment outside
the allowed zone, the nearest point inside (distance transform); for seen
borders of the region, the nearest outline of the garment in position and
normal (chamfer); for uncovered points of the region, the nearest point of the
garment. The weight ``a`` falls from round to round. The barrier: a step is
shortened until no triangle's determinant falls below a positive bound, so that
a mesh without folds stays without folds.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .flat_garment import FlatGarment
from .garment_mesh import GarmentMesh
from .worn_region import WornRegion

ROUNDS = 36
_RIGIDITY = 8.0, 0.35  # of the first and the last round
_SIZES = 0.75, 1.35  # singular values that cost nothing, of the placed mesh
_LEAST_DETERMINANT = 0.12  # barrier, of the placed mesh
_NORMAL = 14.0  # cost of opposite normals, in px of a region of 100 x 100 px
_FAR = 26.0, 9.0  # px alike, robust scale of the chamfer, first to last round
_BORDER, _COVER, _OUTLINE, _SAMPLES = 160, 350, 220, 420


#: Rows (n, V) of points by vertices, their targets (n, 2), weights (n,).
_Term = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Registration:
    """Result of :func:`register`.

    Attributes:
        vertices (np.ndarray): (V, 2) float64, photo frame, px.
        steps (tuple[float, ...]): Length of the step of each round, 0-1; less
            than 1 where the barrier shortened it.
    """

    vertices: np.ndarray
    steps: tuple[float, ...]


def signed_parts(jacobians: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split 2 x 2 matrices into similarity z and anti-similarity w.

    J acts on a complex number p as z p + w conj(p). The singular values are
    abs(|z| +- |w|), the determinant is |z|^2 - |w|^2.

    Args:
        jacobians (np.ndarray): (T, 2, 2).

    Returns:
        tuple[np.ndarray, np.ndarray]: (T,) complex each.
    """
    a, b = jacobians[:, 0, 0], jacobians[:, 0, 1]
    c, d = jacobians[:, 1, 0], jacobians[:, 1, 1]
    z = 0.5 * ((a + d) + 1j * (c - b))
    w = 0.5 * ((a - d) + 1j * (c + b))
    return z, w


def nearest_allowed(jacobians: np.ndarray, ratio: float) -> np.ndarray:
    """Project matrices on those that are as rigid as possible.

    Args:
        jacobians (np.ndarray): (T, 2, 2).
        ratio (float): Largest ratio of the singular values that costs
            nothing; 1 allows rotations times a size only.

    Returns:
        np.ndarray: (T, 2, 2), singular values within ``_SIZES`` and
        ``ratio``, determinants positive.
    """
    z, w = signed_parts(jacobians)
    size = np.abs(z)
    direction = np.where(size > 1e-9, z / np.maximum(size, 1e-9), 1.0)
    size = np.clip(size, *_SIZES)
    most = size * (ratio - 1) / (ratio + 1)
    shear = np.abs(w)
    w = w * np.minimum(1.0, most / np.maximum(shear, 1e-9))
    z = size * direction
    result = np.empty_like(jacobians)
    result[:, 0, 0] = z.real + w.real
    result[:, 0, 1] = -z.imag + w.imag
    result[:, 1, 0] = z.imag + w.imag
    result[:, 1, 1] = z.real - w.real
    return result


class _Targets:
    """Correspondences between the garment and a region."""

    def __init__(
        self,
        garment: FlatGarment,
        mesh: GarmentMesh,
        region: WornRegion,
        free: np.ndarray,
    ) -> None:
        self.unit = np.sqrt(region.mask.sum()) / 100
        step = max(1, len(garment.outline) // _OUTLINE)
        outline = garment.outline[::step]
        self.outline = mesh.carry(outline)
        self.samples = mesh.carry(_inside(garment.mask(), _SAMPLES))
        allowed = region.mask | free
        outside = (~allowed).astype(np.uint8)
        self.distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5)
        blurred = cv2.GaussianBlur(self.distance, (0, 0), 1.0)
        self.slope = np.stack(
            [
                cv2.Sobel(blurred, cv2.CV_32F, 1, 0, scale=1 / 8),
                cv2.Sobel(blurred, cv2.CV_32F, 0, 1, scale=1 / 8),
            ],
            axis=2,
        )
        self.border, self.normals = _seen_border(region.mask, free)
        self.cover = _inside(region.mask, _COVER)
        garment_area = cv2.contourArea(garment.outline) / len(self.samples)
        self.spacing = np.sqrt(garment_area)

    def find(
        self, vertices: np.ndarray, progress: float, scale: float
    ) -> list[_Term]:
        """Return (rows (n, V), targets (n, 2), weights (n,)) of each term."""
        outline = self.outline @ vertices
        samples = self.samples @ vertices
        terms = [
            self._zone(self.outline, outline, 1.2),
            self._zone(self.samples, samples, 0.6),
        ]
        if len(self.border):
            terms.append(self._chamfer(outline, progress))
        terms.append(self._uncovered(samples, outline, scale))
        return terms

    def _zone(
        self, rows: np.ndarray, points: np.ndarray, weight: float
    ) -> _Term:
        maps = points.astype(np.float32)[None]
        option = (None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        distance = cv2.remap(self.distance, maps, *option)[0]
        slope = cv2.remap(self.slope, maps, *option)[0]
        length = np.linalg.norm(slope, axis=1, keepdims=True)
        slope = slope / np.maximum(length, 0.2)
        outside = distance > 0.5
        targets = points - distance[:, None] * slope
        weights = np.full(outside.sum(), weight / len(points))
        return rows[outside], targets[outside], weights

    def _chamfer(self, outline: np.ndarray, progress: float) -> _Term:
        normal = _NORMAL * self.unit
        mine = np.hstack([outline, normal * outline_normals(outline)])
        theirs = np.hstack([self.border, normal * self.normals])
        squared = (
            (theirs**2).sum(1)[:, None]
            + (mine**2).sum(1)[None]
            - 2 * theirs @ mine.T
        )
        nearest = squared.argmin(1)
        gap = np.maximum(squared[np.arange(len(theirs)), nearest], 0)
        far = self.unit * _blend(_FAR, progress)
        weights = 1 / (1 + gap / far**2) ** 2
        weights *= 3.0 / len(theirs)
        return self.outline[nearest], self.border, weights

    def _uncovered(
        self, samples: np.ndarray, outline: np.ndarray, scale: float
    ) -> _Term:
        rows = np.concatenate([self.samples, self.outline])
        points = np.concatenate([samples, outline])
        squared = (
            (self.cover**2).sum(1)[:, None]
            + (points**2).sum(1)[None]
            - 2 * self.cover @ points.T
        )
        nearest = squared.argmin(1)
        gap = np.sqrt(np.maximum(squared[np.arange(len(nearest)), nearest], 0))
        open_ = gap > 0.9 * self.spacing * scale
        weights = np.full(open_.sum(), 2.0 / len(self.cover))
        return rows[nearest[open_]], self.cover[open_], weights


def _blend(ends: tuple[float, float], progress: float) -> float:
    """Interpolate from the first to the last value, geometrically."""
    return float(ends[0] * (ends[1] / ends[0]) ** progress)


def _inside(mask: np.ndarray, count: int) -> np.ndarray:
    """Return about ``count`` points of a regular grid in a mask, (N, 2)."""
    step = max(1.0, float(np.sqrt(mask.sum() / count)))
    rows = np.arange(step / 2, mask.shape[0], step).astype(int)
    columns = np.arange(step / 2, mask.shape[1], step).astype(int)
    y, x = np.nonzero(mask[np.ix_(rows, columns)])
    return np.stack([columns[x], rows[y]], 1).astype(float)


def outline_normals(points: np.ndarray) -> np.ndarray:
    """Return unit normals of a closed polygon (N, 2), to one side of it."""
    tangent = np.roll(points, -2, axis=0) - np.roll(points, 2, axis=0)
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    tangent = tangent / np.maximum(length, 1e-9)
    area = 0.5 * np.sum(
        points[:, 0] * np.roll(points[:, 1], -1)
        - points[:, 1] * np.roll(points[:, 0], -1)
    )
    sign = 1.0 if area > 0 else -1.0  # outwards for both orientations
    return sign * np.stack([tangent[:, 1], -tangent[:, 0]], 1)


def _seen_border(
    mask: np.ndarray, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return border points (N, 2) that are the garment's own, and normals."""
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    near = cv2.dilate(free.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    points, normals = [], []
    for contour in contours:
        if len(contour) < 12:
            continue
        outline = contour[:, 0].astype(float)
        smooth = np.stack(
            [
                np.convolve(np.pad(side, 3, 'wrap'), np.ones(7) / 7, 'valid')
                for side in outline.T
            ],
            axis=1,
        )
        own = ~near[contour[:, 0, 1], contour[:, 0, 0]]
        points.append(smooth[own])
        normals.append(outline_normals(smooth)[own])
    if not points:
        return np.zeros((0, 2)), np.zeros((0, 2))
    all_points, all_normals = np.concatenate(points), np.concatenate(normals)
    step = max(1, len(all_points) // _BORDER)
    return all_points[::step], all_normals[::step]


def register(
    garment: FlatGarment,
    mesh: GarmentMesh,
    start: np.ndarray,
    region: WornRegion,
    free: np.ndarray,
    placed: np.ndarray,
    rounds: int = ROUNDS,
) -> Registration:
    """Deform a placed mesh until it fills the region.

    Args:
        garment (FlatGarment): The garment.
        mesh (GarmentMesh): Its mesh.
        start (np.ndarray): (V, 2) placed vertices, limbs turned, px.
        region (WornRegion): The region, photo frame.
        free (np.ndarray): (h, w) bool, where the garment may lie hidden.
        placed (np.ndarray): (2, 2) linear part of the placing without turned
            limbs: the rest shape is the flat garment in its scale.
        rounds (int): Number of rounds.

    Returns:
        Registration: Vertices without inverted triangles, if ``start`` or
        the placing without turned limbs has none.
    """
    targets = _Targets(garment, mesh, region, free)
    unplaced = np.linalg.inv(placed)
    gradient = _gradient_operator(mesh, unplaced)
    areas = mesh.areas * abs(np.linalg.det(placed))
    areas = areas / areas.sum()
    flat_gradient = gradient.reshape(-1, len(mesh.rest))
    weighted_gradient = (gradient * areas[:, None, None]).reshape(
        flat_gradient.shape
    )
    stiffness = weighted_gradient.T @ flat_gradient
    # lengths in px of a region of 100 x 100 px, so that weights are alike
    stiffness *= (100 * targets.unit) ** 2 / 100
    vertices, steps = start.copy(), []
    scale = float(np.sqrt(abs(np.linalg.det(placed))))
    for number in range(rounds):
        progress = number / max(rounds - 1, 1)
        rigidity = _blend(_RIGIDITY, progress)
        current = mesh.jacobians(vertices) @ unplaced
        goal = nearest_allowed(current, 1.0 + 0.5 * progress)
        left = rigidity * stiffness + 1e-8 * np.eye(len(vertices))
        pull = weighted_gradient.T @ goal.transpose(0, 2, 1).reshape(-1, 2)
        right = rigidity * (100 * targets.unit) ** 2 / 100 * pull
        for rows, goals, weights in targets.find(vertices, progress, scale):
            weighted = rows * weights[:, None]
            left += weighted.T @ rows
            right += weighted.T @ goals
        wanted = np.linalg.solve(left, right)
        vertices, step = _step(mesh, unplaced, vertices, wanted)
        steps.append(step)
    return Registration(vertices, tuple(steps))


def _gradient_operator(mesh: GarmentMesh, unplaced: np.ndarray) -> np.ndarray:
    """Return (T, 2, V): J_t = (operator_t @ vertices).T."""
    edges = mesh.inverse_edges @ unplaced  # (T, 2, 2)
    operator = np.zeros((len(mesh.triangles), 2, len(mesh.rest)))
    index = np.arange(len(mesh.triangles))
    first, second, third = mesh.triangles.T
    for axis in range(2):
        operator[index, axis, second] += edges[:, 0, axis]
        operator[index, axis, third] += edges[:, 1, axis]
        operator[index, axis, first] -= edges[:, 0, axis] + edges[:, 1, axis]
    return operator


def _step(
    mesh: GarmentMesh,
    unplaced: np.ndarray,
    vertices: np.ndarray,
    wanted: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Go towards the wanted vertices as far as the barrier allows."""
    factor = np.linalg.det(unplaced)
    now = factor * _determinants(mesh.jacobians(vertices))
    bound = np.minimum(_LEAST_DETERMINANT, 0.5 * now)
    bound = np.where(now > 0, bound, now)  # a fold must not get worse
    size = 1.0
    while size > 0.02:
        moved = vertices + size * (wanted - vertices)
        determinants = factor * _determinants(mesh.jacobians(moved))
        if (determinants >= bound).all():
            return moved, size
        size *= 0.6
    return vertices, 0.0


def _determinants(matrices: np.ndarray) -> np.ndarray:
    """Return the determinants (T,) of (T, 2, 2)."""
    return (
        matrices[:, 0, 0] * matrices[:, 1, 1]
        - matrices[:, 0, 1] * matrices[:, 1, 0]
    )
