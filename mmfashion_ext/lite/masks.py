# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Paste predicted masks of boxes into the image, as mmdet does."""

import numpy as np


def paste_masks(
    masks: np.ndarray,
    boxes: np.ndarray,
    size: tuple[int, int],
    threshold: float,
) -> np.ndarray:
    """Return the masks of an image.

    Values between cells are interpolated, and 0 outside of the box.

    Args:
        masks (np.ndarray): (N, S, S) float32, 0-1, each over its box.
        boxes (np.ndarray): (N, 4) float32 xyxy px.
        size (tuple[int, int]): (h, w) px of the image.
        threshold (float): Lowest value of a pixel of the item.

    Returns:
        np.ndarray: (N, h, w) bool.
    """
    pasted = np.zeros((len(masks), *size), bool)
    for result, mask, (x0, y0, x1, y1) in zip(
        pasted, masks, boxes, strict=True
    ):
        left, top = (
            max(int(np.floor(x0)) - 1, 0),
            max(int(np.floor(y0)) - 1, 0),
        )
        right = min(int(np.ceil(x1)) + 1, size[1])
        bottom = min(int(np.ceil(y1)) + 1, size[0])
        if right <= left or bottom <= top:
            continue
        columns = _interpolation(left, right, x0, x1, mask.shape[1])
        rows = _interpolation(top, bottom, y0, y1, mask.shape[0])
        values = rows @ mask @ columns.T
        result[top:bottom, left:right] = values >= np.float32(threshold)
    return pasted


def _interpolation(
    first: int, last: int, start: np.float32, end: np.float32, cells: int
) -> np.ndarray:
    """Return the weights of the cells of a side for each pixel.

    Args:
        first (int): First pixel.
        last (int): Pixel after the last one.
        start (np.float32): Where the box begins, px.
        end (np.float32): Where it ends.
        cells (int): S, of the mask.

    Returns:
        np.ndarray: (last - first, S) float32; a row has two values at most.
    """
    pixels = np.arange(first, last, dtype=np.float32) + np.float32(0.5)
    with np.errstate(divide='ignore', invalid='ignore'):
        grid = (pixels - start) / (end - start) * 2 - 1
    grid[np.isinf(grid)] = 0
    position = ((grid + 1) * cells - 1) / 2
    distance = np.abs(position[:, None] - np.arange(cells, dtype=np.float32))
    weights = np.maximum(1 - distance, 0)
    return np.where(np.isnan(weights), 0, weights).astype(np.float32)
