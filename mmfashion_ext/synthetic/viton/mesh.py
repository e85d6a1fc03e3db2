# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Rasterise meshes whose vertices carry values, such as a flow."""

import cv2
import numpy as np

_SHIFT = 4  # fractional bits of OpenCV's drawing


def _triangles(grid: np.ndarray) -> np.ndarray:
    """Return the (T, 3, k) corners of two triangles per cell of a grid."""
    a, b = grid[:-1, :-1], grid[:-1, 1:]
    c, d = grid[1:, :-1], grid[1:, 1:]
    both = np.stack([np.stack([a, b, c], 2), np.stack([b, d, c], 2)], 2)
    return both.reshape(-1, 3, grid.shape[2])


def rasterise(
    vertices: np.ndarray, values: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Interpolate the values of a mesh's vertices at the centres of pixels.

    Where the mesh folds over itself, its later rows lie on top; triangles that
    show their back are not drawn. Pixels that a triangle only touches get its
    nearest value.

    Args:
        vertices (np.ndarray): (R, C, 2) x, y in px; 0 is the centre of the
            first pixel.
        values (np.ndarray): (R, C, k) values of the vertices.
        size (tuple[int, int]): (h, w) of the image, px.

    Returns:
        np.ndarray: (h, w, k) float32, NaN outside the mesh.
    """
    corners, carried = _triangles(vertices), _triangles(values)
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    front = area * np.sign(np.median(area)) > 1e-2
    corners, carried, area = corners[front], carried[front], area[front]
    u, v = u[front] / area[:, None], v[front] / area[:, None]

    fixed = np.round(corners * 2**_SHIFT).astype(np.int32)
    number = np.zeros(size, np.int32)  # 0: no triangle
    for index, points in enumerate(fixed, 1):
        cv2.fillConvexPoly(number, points, index, cv2.LINE_8, _SHIFT)

    # In each triangle the values are an affine function of x and y.
    du, dv = carried[:, 1] - carried[:, 0], carried[:, 2] - carried[:, 0]
    by_x = du * v[:, 1:] - dv * u[:, 1:]
    by_y = dv * u[:, :1] - du * v[:, :1]
    at_0 = carried[:, 0] - by_x * corners[:, 0, :1] - by_y * corners[:, 0, 1:]

    image = np.full((*size, values.shape[2]), np.nan, np.float32)
    row, column = np.nonzero(number)
    triangle = number[row, column] - 1
    inside = at_0[triangle] + by_x[triangle] * column[:, None]
    inside = inside + by_y[triangle] * row[:, None]
    least, most = carried.min(1), carried.max(1)
    image[row, column] = np.clip(inside, least[triangle], most[triangle])
    return image
