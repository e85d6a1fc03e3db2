# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Joints drawn as squares."""

import numpy as np


def draw_pose(
    pose: np.ndarray, size: tuple[int, int], radius: float = 5
) -> np.ndarray:
    """Draw each joint as a square on a map of its own.

    A joint counts as found if x > 1 and y > 1; its confidence is not looked
    at. The square reaches from (x - radius, y - radius) to (x + radius,
    y + radius), both truncated toward 0 to whole pixels and included: 11 x 11
    px by default, fewer at the border; (1.5, 1.5) covers 0 ... 6.

    Args:
        pose (np.ndarray): (N, 3) or (N, 2), x and y in px first.
        size (tuple): (h, w) in px.
        radius (float): In px.

    Returns:
        np.ndarray: (N, h, w) int8, 1 in the square and -1 elsewhere; -1 all
        over for a joint that was not found.
    """
    maps = np.full((len(pose), *size), -1, np.int8)
    points = np.asarray(pose, np.float64)[:, :2]
    found = (points > 1).all(axis=1)
    # astype truncates toward 0; beyond the picture the exact value is idle
    first = np.clip(points - radius, -1, max(size)).astype(int).clip(0)
    last = np.clip(points + radius, -1, max(size)).astype(int)
    for n in np.flatnonzero(found):
        (x1, y1), (x2, y2) = first[n], last[n]
        maps[n, y1 : y2 + 1, x1 : x2 + 1] = 1
    return maps
