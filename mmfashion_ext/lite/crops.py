# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Crops of garments and landmarks of heat maps, as mmpose computes them (UDP).

UDP: Huang et al., The Devil is in the Details, arXiv:1911.07524; the refined
maximum is that of DARK, arXiv:1910.06278.
"""

import cv2
import numpy as np


def crop(
    image: np.ndarray, box: np.ndarray, size: list[int], padding: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut out a box, widened to the ratio of the network's input.

    Args:
        image (np.ndarray): (h, w, 3) uint8 BGR.
        box (np.ndarray): (4,) float32 xyxy px.
        size (list[int]): (w, h) px of the network's input.
        padding (float): Factor of the box's sides.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: The crop (h, w, 3) uint8
        BGR, and the centre (2,) and sides (2,) of what it shows, float32 px.
    """
    sides = (box[2:] - box[:2]) * padding
    center = (box[2:] + box[:2]) * 0.5
    ratio = size[0] / size[1]
    if sides[0] > sides[1] * ratio:
        sides = np.array([sides[0], sides[0] / ratio], np.float32)
    else:
        sides = np.array([sides[1] * ratio, sides[1]], np.float32)
    factor = [
        (side - 1) / full for side, full in zip(size, sides, strict=True)
    ]
    matrix = np.zeros((2, 3), np.float32)
    for axis in range(2):
        matrix[axis, axis] = factor[axis]
        matrix[axis, 2] = factor[axis] * (
            -0.5 * (center[axis] * 2) + 0.5 * sides[axis]
        )
    cut = cv2.warpAffine(
        image, matrix, (size[0], size[1]), flags=cv2.INTER_LINEAR
    )
    return cut, center, sides


def decode_heatmaps(
    maps: np.ndarray, blur: int, size: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Decode landmarks from heat maps with sub-cell precision.

    Args:
        maps (np.ndarray): (K, h, w) float32.
        blur (int): Side of the Gaussian that smooths them, cells.
        size (list[int]): (w, h) px of the network's input.

    Returns:
        tuple[np.ndarray, np.ndarray]: Landmarks (K, 2) float64 x, y px of the
        input, and the maxima (K,) float32.
    """
    count, h, w = maps.shape
    flat = maps.reshape(count, -1)
    best = flat.argmax(axis=1)
    scores = flat.max(axis=1)
    points = np.stack((best % w, best // w), axis=1).astype(np.float32)
    points[scores <= 0] = -1
    points -= _shift(maps, points, blur)
    return points / [w - 1, h - 1] * size, scores


def _shift(maps: np.ndarray, points: np.ndarray, blur: int) -> np.ndarray:
    """Return the step of Newton's method at the maxima, (K, 2) cells."""
    count, _, w = maps.shape
    smooth = np.stack([_smooth(values, blur) for values in maps])
    logs = np.log(np.clip(smooth, 1e-3, 50.0))
    padded = np.pad(logs, ((0, 0), (1, 1), (1, 1)), mode='edge')
    flat, row = padded.ravel(), w + 2
    at = points[:, 0] + 1 + (points[:, 1] + 1) * row
    at = (at + padded[0].size * np.arange(count)).astype(int)
    middle, right, left = flat[at], flat[at + 1], flat[at - 1]
    below, above = flat[at + row], flat[at - row]
    slope = 0.5 * np.stack((right - left, below - above), axis=1)
    xx = right - 2 * middle + left
    yy = below - 2 * middle + above
    xy = 0.5 * (
        flat[at + row + 1]
        - right
        - below
        + middle
        + middle
        - left
        - above
        + flat[at - row - 1]
    )
    hessian = np.stack((xx, xy, xy, yy), axis=1).reshape(-1, 2, 2)
    inverse = np.linalg.inv(hessian + np.finfo(np.float32).eps * np.eye(2))
    return np.einsum('imn,in->im', inverse, slope)


def _smooth(values: np.ndarray, blur: int) -> np.ndarray:
    """Smooth a map (h, w); its maximum stays."""
    border = (blur - 1) // 2
    wide = cv2.GaussianBlur(np.pad(values, border), (blur, blur), 0)
    cut = wide[border:-border, border:-border]
    return cut * (values.max() / cut.max())
