# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mask of a garment on a plain background, by GrabCut."""

import cv2
import numpy as np

from ...errors import UserError


def grabcut_mask(
    cloth: np.ndarray, name: str = 'the cloth', iterations: int = 10
) -> np.ndarray:
    """Cut a garment out of its plain background, as the published masks were.

    OpenCV's GrabCut, started from the rectangle (1, 1, w, h): the first row
    and the first column are background. What ends as background (label 0) or
    as probably background (2) is off. The result depends on the image alone;
    OpenCV's random state of this thread is set for it.

    Args:
        cloth (np.ndarray): (h, w, 3) uint8 RGB.
        name (str): Name of the image, for messages.
        iterations (int): Iterations of GrabCut.

    Returns:
        np.ndarray: (h, w) uint8, 0 or 255.

    Raises:
        UserError: No garment was found.
    """
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
