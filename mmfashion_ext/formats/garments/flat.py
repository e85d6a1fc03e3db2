# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Flat garments: the mask of a garment on a floor, bed or wall, by GrabCut.

The photographs of the CC0 garments have carpets, tiles and wood behind the
garment. So GrabCut starts from a frame at all four borders, at a small size at
which textures are smooth, and only what hangs together is kept. A mask that is
not plausible says so.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..viton.cloth_mask import grabcut_mask

_FRAME = 0.03  # of the shorter side, background at each border
_PIXELS = 160 * 120  # of the copy that GrabCut sees
_ITERATIONS = 5
#: Parts of a mask that are smaller, as a share of the largest, are dropped.
_SMALL_PART = 0.1
#: Shares of the image that a garment covers.
_COVER = 0.05, 0.85
#: Share of the frame's inner edge that a garment may touch.
_CONTACT = 0.25


class FlatGarment(NamedTuple):
    """A mask, and whether it is plausible.

    Attributes:
        mask (np.ndarray): (h, w) uint8, 0 or 255.
        doubt (str): What is not plausible about it, to follow "the mask";
            ``''`` if nothing is.
    """

    mask: np.ndarray
    doubt: str


def cut_garment(image: np.ndarray, name: str = 'the garment') -> FlatGarment:
    """Cut a garment out of a photograph of it alone.

    Args:
        image (np.ndarray): (h, w, 3) uint8 RGB.
        name (str): Name of the image, for messages.

    Returns:
        FlatGarment: Its mask.

    Raises:
        UserError: No garment was found.
    """
    mask = grabcut_mask(
        image, name, _ITERATIONS, frame=_FRAME, working_pixels=_PIXELS
    )
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(mask)
    if count > 2:
        areas = statistics[1:, cv2.CC_STAT_AREA]
        large = np.flatnonzero(areas >= _SMALL_PART * areas.max()) + 1
        mask = np.isin(parts, large) * np.uint8(255)
    return FlatGarment(mask, _doubt(mask > 0))


def _doubt(mask: np.ndarray) -> str:
    """Return what is not plausible about a mask (h, w) bool; '' if nothing."""
    cover = mask.mean()
    if not _COVER[0] <= cover <= _COVER[1]:
        return (
            f'covers {cover:.0%} of the image, expected {_COVER[0]:.0%} to '
            f'{_COVER[1]:.0%}'
        )
    n = round(_FRAME * min(mask.shape)) + 2  # the enlarged mask is smooth
    inner = mask[n:-n, n:-n]
    edges = inner[0], inner[-1], inner[1:-1, 0], inner[1:-1, -1]
    contact = np.concatenate(edges).mean()
    if contact > _CONTACT:
        return (
            f'touches {contact:.0%} of the frame that counts as background, '
            f'expected {_CONTACT:.0%} at most'
        )
    return ''
