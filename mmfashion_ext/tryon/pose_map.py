# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Render pose keypoints as one square map per joint."""

import numpy as np


def draw_pose(
    pose: np.ndarray, size: tuple[int, int], radius: float = 5
) -> np.ndarray:
    """Draw each joint as a square on its own map.

    A joint counts as detected if x > 1 and y > 1; its confidence is ignored.
    The square extends from (x - radius, y - radius) to (x + radius,
    y + radius), both truncated toward 0 to whole pixels and included: 11 x 11
    px by default, fewer at the border; (1.5, 1.5) covers 0 ... 6.

    Args:
        pose (np.ndarray): (N, 3) or (N, 2), x and y in px first.
        size (tuple): (h, w) in px.
        radius (float): Half the side of a square, px.

    Returns:
        np.ndarray: (N, h, w) int8, 1 in the square and -1 elsewhere; a map of
        -1 for a joint that was not detected.
    """
    maps = np.full((len(pose), *size), -1, np.int8)
    points = np.asarray(pose, np.float64)[:, :2]
    detected = (points > 1).all(axis=1)
    # astype truncates toward 0; outside the image the exact value is not used
    first = np.clip(points - radius, -1, max(size)).astype(int).clip(0)
    last = np.clip(points + radius, -1, max(size)).astype(int)
    for n in np.flatnonzero(detected):
        (x1, y1), (x2, y2) = first[n], last[n]
        maps[n, y1 : y2 + 1, x1 : x2 + 1] = 1
    return maps
