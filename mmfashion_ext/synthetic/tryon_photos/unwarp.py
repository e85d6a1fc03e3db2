# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Unwarping: the worn garment laid flat by the inverse of a registration.

Its shading is divided out; hidden parts come from the mirrored side, and what
neither side shows is filled smoothly.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .sampling import fill_smoothly, sample_image, sample_mask

LEAST_KNOWN = 0.8  # share of the garment that is seen or mirrored
_POWER = 0.8  # of the smooth shading that is divided out


@dataclass(frozen=True)
class Unwarped:
    """The worn garment in the flat frame.

    Attributes:
        image (np.ndarray): (H, W, 3) BGR uint8, white outside the mask.
        seen (np.ndarray): (H, W) bool, pixels that the photograph shows.
        known (float): Share of the garment seen or mirrored, 0-1.
    """

    image: np.ndarray
    seen: np.ndarray
    known: float


def unwarp_garment(
    photo: np.ndarray,
    worn: np.ndarray,
    shading: np.ndarray,
    positions: np.ndarray,
    mask: np.ndarray,
) -> Unwarped:
    """Lay the worn garment flat.

    Args:
        photo (np.ndarray): (h, w, 3) BGR uint8.
        worn (np.ndarray): (h, w) bool, where the garment is seen.
        shading (np.ndarray): (h, w) float32, its smooth shading, a factor.
        positions (np.ndarray): (H, W, 2) float32, where each pixel of the
            flat frame lies in the photo, px; NaN outside the mesh.
        mask (np.ndarray): (H, W) bool of the flat garment.

    Returns:
        Unwarped: The flat garment.
    """
    inner = cv2.erode(worn.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    even = photo.astype(np.float32) / (shading**_POWER)[..., None]
    seen = (sample_mask(inner, positions) > 0.9) & mask
    sampled = sample_image(even, positions)
    mirrored = seen[:, ::-1] & mask & ~seen
    colour = np.where(mirrored[..., None], sampled[:, ::-1], sampled)
    known = seen | mirrored
    share = float(known.sum() / max(mask.sum(), 1))
    weight = known.astype(np.float32)
    if not known.any():
        colour, weight = np.full_like(colour, 127), np.ones_like(weight)
    filled = fill_smoothly(colour * weight[..., None], weight)
    filled = np.where(mask[..., None], filled, 255)
    image = np.clip(np.round(filled), 0, 255).astype(np.uint8)
    return Unwarped(image, seen, share)
