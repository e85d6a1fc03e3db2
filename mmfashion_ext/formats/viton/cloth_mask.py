# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mask of a garment on a plain background, by GrabCut."""

import cv2
import numpy as np

from ...errors import UserError

#: Pixels of the largest image that GrabCut sees, about a second's work; of a
#: larger image it sees a smaller copy.
WORKING_PIXELS = 512 * 512


def grabcut_mask(
    cloth: np.ndarray, name: str = 'the cloth', iterations: int = 10
) -> np.ndarray:
    """Cut a garment out of its plain background, as the published masks were.

    OpenCV's GrabCut, started from the rectangle (1, 1, w, h): the first row
    and the first column are background. What ends as background (label 0) or
    as probably background (2) is off. An image of more than
    :data:`WORKING_PIXELS` is cut at that size, and its mask is enlarged. The
    result depends on the image alone; OpenCV's random state of this thread is
    set for it.

    Args:
        cloth (np.ndarray): (h, w, 3) uint8 RGB.
        name (str): Name of the image, for messages.
        iterations (int): Iterations of GrabCut.

    Returns:
        np.ndarray: (h, w) uint8, 0 or 255.

    Raises:
        UserError: No garment was found.
    """
    found = _cut(_working_copy(cloth), name, iterations)
    if found.shape != cloth.shape[:2]:
        size = cloth.shape[1], cloth.shape[0]
        large = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)
        found = (large >= 128) * np.uint8(255)
    return found


def _working_copy(cloth: np.ndarray) -> np.ndarray:
    """Return an image (h, w, 3) of at most ``WORKING_PIXELS``, about."""
    h, w = cloth.shape[:2]
    if h * w <= WORKING_PIXELS:
        return cloth
    scale = (WORKING_PIXELS / (h * w)) ** 0.5
    size = max(2, round(w * scale)), max(2, round(h * scale))
    return cv2.resize(cloth, size, interpolation=cv2.INTER_AREA)


def _cut(cloth: np.ndarray, name: str, iterations: int) -> np.ndarray:
    """Return the mask of an image (h, w, 3) RGB: (h, w) uint8, 0 or 255."""
    h, w = cloth.shape[:2]
    labels = np.zeros((h, w), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(
            np.ascontiguousarray(cloth[:, :, ::-1]),
            labels,
            (1, 1, w, h),
            *models,
            iterations,
            cv2.GC_INIT_WITH_RECT,
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
            'its first row and column; give a mask'
        )
    return found * np.uint8(255)
