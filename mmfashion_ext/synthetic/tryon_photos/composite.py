# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Composite: a person in another garment, with the photograph's own shading.

What lies in front stays in front, and outside the repainted zone the result
equals the photograph bit by bit.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .sampling import nearest_index, sample_image, sample_mask

_GROW = 1.7, 0.6  # px beyond the region; beside what lies in front
_ERODE = 1.5  # px of the flat garment's border whose colours are not used


@dataclass(frozen=True)
class Composite:
    """Image of a person in another garment.

    Attributes:
        image (np.ndarray): (h, w, 3) BGR uint8.
        flow (np.ndarray): (h, w, 2) float32 x, y px of the flat garment, NaN
            where that is not seen.
        filled (np.ndarray): (h, w) bool, repainted without a garment above
            it: colours of the nearest garment.
        changed (np.ndarray): (h, w) bool, where the image may differ from the
            photograph.
    """

    image: np.ndarray
    flow: np.ndarray
    filled: np.ndarray
    changed: np.ndarray


def spread_colours(flat: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Carry the colours of a garment out over its border.

    Args:
        flat (np.ndarray): (H, W, 3) BGR uint8, the flat garment on its
            background.
        mask (np.ndarray): (H, W) bool, not empty.

    Returns:
        np.ndarray: (H, W, 3) BGR uint8 without any background.
    """
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    inner = distance > _ERODE
    if not inner.any():
        inner = mask
    rows, columns = np.moveaxis(nearest_index(inner), 2, 0)
    return flat[rows, columns]


def composite(
    photo: np.ndarray,
    zone: np.ndarray,
    in_front: np.ndarray,
    flow: np.ndarray,
    flat: np.ndarray,
    mask: np.ndarray,
    shading: np.ndarray,
) -> Composite:
    """Put a flat garment on a person.

    Args:
        photo (np.ndarray): (h, w, 3) BGR uint8.
        zone (np.ndarray): (h, w) bool, what is repainted.
        in_front (np.ndarray): (h, w) bool, what lies in front of it.
        flow (np.ndarray): (h, w, 2) float32, where each pixel lies on the
            flat garment, px of ``flat``; NaN outside its mesh.
        flat (np.ndarray): (H, W, 3) BGR uint8.
        mask (np.ndarray): (H, W) bool of the flat garment.
        shading (np.ndarray): (h, w) float32 factor.

    Returns:
        Composite: The image and its true flow.
    """
    lies = sample_mask(mask, flow) > 0.5
    alpha = _alpha(zone, in_front)
    painted = alpha > 0
    known = lies & painted
    empty = np.full((*zone.shape, 2), np.nan, np.float32)
    if not known.any():
        nothing = np.zeros(zone.shape, bool)
        return Composite(photo.copy(), empty, nothing, nothing)
    texture = sample_image(spread_colours(flat, mask), flow)
    missing = painted & ~lies
    if missing.any():
        rows, columns = np.moveaxis(nearest_index(known)[missing], 1, 0)
        texture[missing] = texture[rows, columns]
    colour = np.clip(texture * shading[..., None], 0, 255)
    mixed = photo + alpha[..., None] * (colour - photo)
    image = np.where(painted[..., None], np.round(mixed), photo)
    seen = lies & (alpha > 0.5)
    return Composite(
        image.astype(np.uint8),
        np.where(seen[..., None], flow, empty),
        missing & (alpha > 0.5),
        painted,
    )


def _alpha(zone: np.ndarray, in_front: np.ndarray) -> np.ndarray:
    """Compute the opacity (h, w) float32 of the repainted zone, 0-1.

    Labels are 1 to 2 px tight: the zone grows, less beside what lies in
    front of it.
    """
    outside = cv2.distanceTransform((~zone).astype(np.uint8), cv2.DIST_L2, 5)
    inside = cv2.distanceTransform(zone.astype(np.uint8), cv2.DIST_L2, 5)
    signed = np.where(zone, inside - 0.5, 0.5 - outside)
    near = in_front.astype(np.float32)
    near = cv2.GaussianBlur(cv2.dilate(near, np.ones((5, 5))), (0, 0), 1.0)
    near = np.maximum(near, in_front.astype(np.float32))
    grow = _GROW[0] + (_GROW[1] - _GROW[0]) * near
    return np.clip(signed + grow + 0.5, 0, 1).astype(np.float32)
