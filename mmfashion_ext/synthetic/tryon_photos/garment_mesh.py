# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Triangle mesh over a flat garment, and the piecewise affine map that it is.

The vertices of a regular grid move; points of the flat garment move with the
triangle that holds them.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from . import FLAT_SIZE
from .flat_garment import fill_polygon

VERTICES = 200  # about, of a mesh
_LEAST_INSIDE = (
    0.03  # share of a triangle inside the mask, below it is left out
)
_SHIFT = 4  # fractional bits of OpenCV's drawing


@dataclass(frozen=True)
class GarmentMesh:
    """Mesh in the flat frame.

    Attributes:
        rest (np.ndarray): (V, 2) float64 x, y px, the vertices of the flat
            garment.
        triangles (np.ndarray): (T, 3) int32, indices of vertices; all have
            the same orientation.
    """

    rest: np.ndarray
    triangles: np.ndarray

    @cached_property
    def inverse_edges(self) -> np.ndarray:
        """(T, 2, 2) inverse of the matrices whose columns are two edges."""
        return np.linalg.inv(_edges(self.rest, self.triangles))

    @cached_property
    def areas(self) -> np.ndarray:
        """(T,) areas of the flat triangles, px^2."""
        return 0.5 * np.abs(np.linalg.det(_edges(self.rest, self.triangles)))

    def jacobians(self, vertices: np.ndarray) -> np.ndarray:
        """Compute the deformation gradients of moved vertices.

        Args:
            vertices (np.ndarray): (V, 2) px, in any frame.

        Returns:
            np.ndarray: (T, 2, 2), the linear part of each triangle's map.
        """
        return _edges(vertices, self.triangles) @ self.inverse_edges

    def carry(self, points: np.ndarray) -> np.ndarray:
        """Express points of the flat frame by vertices.

        Args:
            points (np.ndarray): (N, 2) px of the flat frame. Those outside
                the mesh belong to the nearest triangle.

        Returns:
            np.ndarray: (N, V) float64, rows sum up to 1: ``matrix @
            vertices`` are the moved points.
        """
        corners = self.rest[self.triangles]
        inverse = self.inverse_edges
        offset = points[:, None] - corners[None, :, 0]
        second = offset[..., 0] * inverse[:, 0, 0]
        second += offset[..., 1] * inverse[:, 0, 1]
        third = offset[..., 0] * inverse[:, 1, 0]
        third += offset[..., 1] * inverse[:, 1, 1]
        weights = np.stack([1 - second - third, second, third], axis=2)
        nearest = weights.min(2).argmax(1)
        rows = np.arange(len(points))
        matrix = np.zeros((len(points), len(self.rest)))
        for corner in range(3):
            index = self.triangles[nearest, corner]
            np.add.at(matrix, (rows, index), weights[rows, nearest, corner])
        return matrix


def _edges(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return (T, 2, 2) matrices whose columns are two edges."""
    corners = vertices[triangles]
    return np.stack(
        [corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=2
    )


def mesh_over(outline: np.ndarray, count: int = VERTICES) -> GarmentMesh:
    """Build a regular mesh over a garment in the flat frame.

    Args:
        outline (np.ndarray): (N, 2) polygon in the flat frame, px.
        count (int): About how many vertices.

    Returns:
        GarmentMesh: The mesh; it covers the polygon.
    """
    mask = fill_polygon(outline, FLAT_SIZE)
    step = max(4.0, float(np.sqrt(mask.sum() / count)))
    low = outline.min(0) - 0.5
    high = outline.max(0) + 0.5
    # the middle of the frame is the mirror axis: the mesh is symmetric too
    middle = (FLAT_SIZE[0] - 1) / 2
    columns = int(np.ceil(max(high[0] - middle, middle - low[0]) / step))
    rows = int(np.ceil((high[1] - low[1]) / step))
    x = middle + step * np.arange(-columns, columns + 1)
    y = low[1] + (high[1] - low[1]) * np.arange(rows + 1) / max(rows, 1)
    grid = np.stack(np.meshgrid(x, y), axis=2)
    index = np.arange(grid.shape[0] * grid.shape[1]).reshape(grid.shape[:2])
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    right = np.arange(2 * columns)[None] >= columns
    # diagonals are mirrored at the axis
    first = np.where(
        right[..., None], np.stack([a, b, c], 2), np.stack([a, b, d], 2)
    )
    second = np.where(
        right[..., None], np.stack([b, d, c], 2), np.stack([a, d, c], 2)
    )
    triangles = np.concatenate([first, second]).reshape(-1, 3)
    points = grid.reshape(-1, 2)
    triangles = triangles[_touching(points, triangles, mask)]
    used, inverse = np.unique(triangles, return_inverse=True)
    return GarmentMesh(
        points[used], inverse.reshape(triangles.shape).astype(np.int32)
    )


def _touching(
    points: np.ndarray, triangles: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """Return which triangles (T,) hold enough of a mask (h, w)."""
    number = draw_triangles(points, triangles, mask.shape)
    inside = np.bincount(number[mask], minlength=len(triangles) + 1)[1:]
    corners = points[triangles]
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = 0.5 * np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    return inside > _LEAST_INSIDE * area


def draw_triangles(
    vertices: np.ndarray, triangles: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Draw the number of the triangle, from 1, at every pixel.

    Args:
        vertices (np.ndarray): (V, 2) x, y px.
        triangles (np.ndarray): (T, 3) indices; later ones lie on top.
        shape (tuple[int, int]): (h, w) px of the image.

    Returns:
        np.ndarray: (h, w) int32, 0 outside the mesh.
    """
    number = np.zeros(shape, np.int32)
    fixed = np.round(vertices * 2**_SHIFT).astype(np.int32)[triangles]
    for index, corners in enumerate(fixed, 1):
        cv2.fillConvexPoly(number, corners, index, cv2.LINE_8, _SHIFT)
    return number


def rasterise_map(
    mesh: GarmentMesh, vertices: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Compute where each pixel of an image lies on the flat garment.

    Args:
        mesh (GarmentMesh): The mesh.
        vertices (np.ndarray): (V, 2) its vertices in the image, px.
        shape (tuple[int, int]): (h, w) of the image.

    Returns:
        np.ndarray: (h, w, 2) float32 x, y px of the flat frame, NaN outside
        the mesh.
    """
    number = draw_triangles(vertices, mesh.triangles, shape)
    y, x = np.nonzero(number)
    triangle = number[y, x] - 1
    jacobians = mesh.jacobians(vertices)
    determinant = np.linalg.det(jacobians)
    flat = np.abs(determinant) < 1e-6
    jacobians[flat] = np.eye(2)
    inverse = np.linalg.inv(jacobians)[triangle]
    corner = mesh.triangles[triangle, 0]
    offset = np.stack([x, y], 1) - vertices[corner]
    image = np.full((*shape, 2), np.nan, np.float32)
    image[y, x] = mesh.rest[corner] + np.einsum('nij,nj->ni', inverse, offset)
    return image


def rasterise_inverse(mesh: GarmentMesh, vertices: np.ndarray) -> np.ndarray:
    """Compute where each pixel of the flat frame lies in the image.

    Args:
        mesh (GarmentMesh): The mesh.
        vertices (np.ndarray): (V, 2) its vertices in the image, px.

    Returns:
        np.ndarray: (H, W, 2) float32 x, y px of the image, for the flat frame;
        NaN outside the mesh.
    """
    shape = FLAT_SIZE[::-1]
    number = draw_triangles(mesh.rest, mesh.triangles, shape)
    y, x = np.nonzero(number)
    triangle = number[y, x] - 1
    jacobians = mesh.jacobians(vertices)[triangle]
    corner = mesh.triangles[triangle, 0]
    offset = np.stack([x, y], 1) - mesh.rest[corner]
    image = np.full((*shape, 2), np.nan, np.float32)
    moved = np.einsum('nij,nj->ni', jacobians, offset)
    image[y, x] = vertices[corner] + moved
    return image
