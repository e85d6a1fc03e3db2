# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mask of a garment: by GrabCut on a plain background, or on a patterned one.

Shops show their clothes on a plain background, where GrabCut makes the mask as
the published ones were made. Photographs of one's own show floors, beds and
walls, where it would cut out parts of the background.
"""

import cv2
import numpy as np

from ...errors import UserError
from ..garments.flat_mask import SEPARATION, MaskError, mask_garment
from .plausibility import doubt_mask

#: Largest difference of the corners' colours on a plain background, and
#: standard deviation of the colours within a corner, grey levels.
_SAME_CORNERS, _SMOOTH_CORNER = 30, 12
#: Side of a corner and width of the border, of the shorter side of the image.
_CORNER, _BORDER = 1 / 12, 1 / 24
#: Share of each side of the border that has the colour of the corners, at
#: least: garments may touch it.
_PLAIN_SIDE = 0.6
#: Pixels of the largest image that GrabCut sees, about a second's work; of a
#: larger image it sees a smaller copy.
WORKING_PIXELS = 512 * 512


def make_mask(cloth: np.ndarray, name: str = 'the cloth') -> np.ndarray:
    """Cut a garment out of a photograph of it alone.

    On a plain background by :func:`grabcut_mask`, on another one, or if that
    mask is not plausible and another one is, by
    :func:`~mmfashion_ext.formats.garments.flat_mask.mask_garment`.

    Args:
        cloth (np.ndarray): (h, w, 3) uint8 RGB.
        name (str): Name of the image, for messages.

    Returns:
        np.ndarray: (h, w) uint8, 0 or 255.

    Raises:
        UserError: No garment was found, or on a patterned background no mask
            is plausible; says why.
    """
    cut = grabcut_mask(cloth, name) if is_plain(cloth) else None
    if cut is not None and not any(doubt_mask(cut, cloth)):
        return cut
    try:
        image = np.ascontiguousarray(cloth[:, :, ::-1])
        found = mask_garment(image, SEPARATION)
    except MaskError as error:
        if cut is not None:
            return cut
        raise UserError(
            f'{name}: no plausible mask of the garment on its patterned '
            f'background ({error}); give a mask, or a photograph on a plain '
            'background'
        ) from None
    return cut if cut is not None and any(doubt_mask(found, cloth)) else found


def is_plain(cloth: np.ndarray) -> bool:
    """Return whether corners and border of an image are of one colour.

    Args:
        cloth (np.ndarray): (h, w, 3) uint8.
    """
    h, w = cloth.shape[:2]
    n = max(1, round(_CORNER * min(h, w)))
    corners = [
        cloth[rows, columns].reshape(-1, 3).astype(np.float32)
        for rows in (slice(n), slice(-n, None))
        for columns in (slice(n), slice(-n, None))
    ]
    means = np.array([corner.mean(axis=0) for corner in corners])
    spread = max(float(corner.std(axis=0).max()) for corner in corners)
    colour = np.median(means, axis=0)
    apart = np.abs(means - colour).max()
    if apart > _SAME_CORNERS or spread > _SMOOTH_CORNER:
        return False
    n = max(1, round(_BORDER * min(h, w)))
    strips = cloth[:n], cloth[-n:], cloth[:, :n], cloth[:, -n:]
    return all(
        (np.abs(strip - colour).max(axis=2) <= _SAME_CORNERS).mean()
        >= _PLAIN_SIDE
        for strip in strips
    )


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
