# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sampling of images and masks at positions, and filling of gaps."""

import cv2
import numpy as np


def sample_image(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Sample an image bilinearly.

    Args:
        image (np.ndarray): (h, w[, 3]) uint8 or float32.
        positions (np.ndarray): (H, W, 2) float32 x, y px, NaN: not sampled.

    Returns:
        np.ndarray: (H, W[, 3]) of the image's type, 0 at NaN. Outside the
        image its border is repeated.
    """
    at = np.nan_to_num(positions, nan=-1e4).astype(np.float32)
    sampled = cv2.remap(
        image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    sampled[np.isnan(positions[:, :, 0])] = 0
    return sampled


def sample_mask(mask: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Sample a mask bilinearly.

    Args:
        mask (np.ndarray): (h, w) bool.
        positions (np.ndarray): (H, W, 2) float32 x, y px, NaN: outside.

    Returns:
        np.ndarray: (H, W) float32, 0-1, 0 outside the mask.
    """
    at = np.nan_to_num(positions, nan=-1e4).astype(np.float32)
    return cv2.remap(
        mask.astype(np.float32),
        at,
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )


def fill_smoothly(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill unknown pixels by pull-push: means of ever larger blocks.

    Args:
        image (np.ndarray): (h, w, c) float32.
        known (np.ndarray): (h, w) float32 weights, 0-1.

    Returns:
        np.ndarray: (h, w, c) float32; known pixels (weight 1) are kept.
    """
    levels = [(image * known[..., None], known)]
    while max(levels[-1][1].shape) > 1:
        colour, weight = levels[-1]
        h, w = weight.shape
        size = (w + 1) // 2, (h + 1) // 2
        total = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
        mean = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
        mean = mean.reshape(*total.shape, -1)
        # a block is as sure as its surest pixels
        gain = np.minimum(1.0, 4 * total) / np.maximum(total, 1e-6)
        levels.append((mean * gain[..., None], total * gain))
    filled = levels[-1][0] / np.maximum(levels[-1][1], 1e-6)[..., None]
    for colour, weight in levels[-2::-1]:
        h, w = weight.shape
        coarse = cv2.resize(filled, (w, h), interpolation=cv2.INTER_LINEAR)
        coarse = coarse.reshape(h, w, -1)
        filled = colour + coarse * (1 - weight)[..., None]
    return filled


def nearest_index(known: np.ndarray) -> np.ndarray:
    """Return for each pixel the position of the nearest known one.

    Args:
        known (np.ndarray): (h, w) bool, not empty.

    Returns:
        np.ndarray: (h, w, 2) int, row and column.
    """
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8),
        cv2.DIST_L2,
        5,
        labelType=cv2.DIST_LABEL_PIXEL,
    )
    rows, columns = np.nonzero(known)
    table = np.zeros((labels.max() + 1, 2), int)
    table[labels[rows, columns]] = np.stack([rows, columns], 1)
    return table[labels]
