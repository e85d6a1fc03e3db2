# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mask of a garment on a plain background, by GrabCut."""

import cv2
import numpy as np

from ...errors import UserError

#: Pixels of the largest image that GrabCut sees, about a second's work; of a
#: larger image it sees a smaller copy.
WORKING_PIXELS = 512 * 512


def grabcut_mask(
    cloth: np.ndarray,
    name: str = 'the cloth',
    iterations: int = 10,
    *,
    frame: float = 0.0,
    working_pixels: int = WORKING_PIXELS,
) -> np.ndarray:
    """Cut a garment out of its plain background, as the published masks were.

    OpenCV's GrabCut, started from the rectangle (1, 1, w, h): the first row
    and the first column are background. What ends as background (label 0) or
    as probably background (2) is off. A larger image is cut at
    ``working_pixels``, and its mask is enlarged. The result depends on the
    image alone; OpenCV's random state of this thread is set for it.

    Args:
        cloth (np.ndarray): (h, w, 3) uint8 RGB.
        name (str): Name of the image, for messages.
        iterations (int): Iterations of GrabCut.
        frame (float): Background at all four borders, as a share of the
            shorter side; for photographs whose background is not plain.
            Defaults to 0: the rectangle above.
        working_pixels (int): Pixels of the largest image that GrabCut sees.

    Returns:
        np.ndarray: (h, w) uint8, 0 or 255.

    Raises:
        UserError: No garment was found.
    """
    copy = _working_copy(cloth, working_pixels)
    found = _cut(copy, name, iterations, frame)
    if found.shape != cloth.shape[:2]:
        size = cloth.shape[1], cloth.shape[0]
        large = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)
        found = (large >= 128) * np.uint8(255)
    return found


def _working_copy(cloth: np.ndarray, pixels: int) -> np.ndarray:
    """Return an image (h, w, 3) of at most so many pixels, about."""
    h, w = cloth.shape[:2]
    if h * w <= pixels:
        return cloth
    scale = (pixels / (h * w)) ** 0.5
    size = max(2, round(w * scale)), max(2, round(h * scale))
    return cv2.resize(cloth, size, interpolation=cv2.INTER_AREA)


def _cut(
    cloth: np.ndarray, name: str, iterations: int, frame: float
) -> np.ndarray:
    """Return the mask of an image (h, w, 3) RGB: (h, w) uint8, 0 or 255."""
    h, w = cloth.shape[:2]
    labels = np.zeros((h, w), np.uint8)
    mode = cv2.GC_INIT_WITH_RECT
    if frame:
        n = max(1, round(frame * min(h, w)))
        labels[n:-n, n:-n] = cv2.GC_PR_FGD
        mode = cv2.GC_INIT_WITH_MASK
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(
            np.ascontiguousarray(cloth[:, :, ::-1]),
            labels,
            (1, 1, w, h),
            *models,
            iterations,
            mode,
        )
    except cv2.error as error:
        raise UserError(
            f'{name}: GrabCut cannot cut an image of {w} x {h} px '
            f'({error.err or error}); give a mask'
        ) from None
    found = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    if not found.any():
        raise UserError(
            f'{name}: GrabCut found no garment, the whole image looks like '
            f'its {"border" if frame else "first row and column"}; give a mask'
        )
    return found * np.uint8(255)
