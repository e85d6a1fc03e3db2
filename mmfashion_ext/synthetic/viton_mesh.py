# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Meshes that carry a position on the flat garment to a picture."""

import cv2
import numpy as np

_SHIFT = 4  # fractional bits of OpenCV's drawing


def _triangles(grid: np.ndarray) -> np.ndarray:
    """(T, 3, k) corners of two triangles a cell of an (R, C, k) grid."""
    a, b = grid[:-1, :-1], grid[:-1, 1:]
    c, d = grid[1:, :-1], grid[1:, 1:]
    both = np.stack([np.stack([a, b, c], 2), np.stack([b, d, c], 2)], 2)
    return both.reshape(-1, 3, grid.shape[2])


def rasterise(
    vertices: np.ndarray, values: np.ndarray, size: tuple[int, int]
) -> tuple[tuple[slice, slice], np.ndarray] | None:
    """Interpolate what the vertices carry at the centres of pixels.

    Where the mesh folds over itself its later rows lie on top; triangles that
    show their back are not seen. Pixels that the rim of the mesh only touches
    are extrapolated.

    Args:
        vertices (np.ndarray): (R, C, 2) x, y in px, 0 = centre of a pixel.
        values (np.ndarray): (R, C, k) what they carry.
        size (tuple[int, int]): (h, w) of the picture.

    Returns:
        tuple: Rows and columns that the mesh touches and (h, w, k) float32
        values there, NaN between; None if it is outside the picture.
    """
    low = np.maximum(np.floor(vertices.min((0, 1))).astype(int), 0)
    high = np.ceil(vertices.max((0, 1))).astype(int) + 1
    x0, y0 = low
    x1, y1 = np.minimum(high, size[::-1])
    if x1 <= x0 or y1 <= y0:
        return None
    corners = _triangles(vertices - low)
    carried = _triangles(values)
    (ux, uy), (vx, vy) = ((corners[:, i] - corners[:, 0]).T for i in (1, 2))
    area = ux * vy - uy * vx
    front = area * np.sign(np.median(area)) > 1e-2
    if not front.all():
        corners, carried, area = corners[front], carried[front], area[front]
        ux, uy, vx, vy = (array[front] for array in (ux, uy, vx, vy))
    fixed = np.round(corners * 2**_SHIFT).astype(np.int32)
    number = np.zeros((y1 - y0, x1 - x0), np.int32)  # 0: between
    for index, triangle in enumerate(fixed, 1):
        cv2.fillConvexPoly(number, triangle, index, cv2.LINE_8, _SHIFT)

    # In each triangle the values are an affine function of x and y.
    area = area[:, None]
    du, dv = carried[:, 1] - carried[:, 0], carried[:, 2] - carried[:, 0]
    by_x = (du * vy[:, None] - dv * uy[:, None]) / area
    by_y = (dv * ux[:, None] - du * vx[:, None]) / area
    at_0 = carried[:, 0] - by_x * corners[:, 0, :1] - by_y * corners[:, 0, 1:]

    found = np.full((*number.shape, values.shape[2]), np.nan, np.float32)
    row, column = np.nonzero(number)
    own = number[row, column] - 1
    found[row, column] = (
        at_0[own] + by_x[own] * column[:, None] + by_y[own] * row[:, None]
    )
    return (slice(y0, y1), slice(x0, x1)), found
