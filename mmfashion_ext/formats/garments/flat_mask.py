# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mask of a garment laid flat or on a hanger, by colours of the border.

The background is what the border of the image shows, in up to five colours
(carpets, beds); GrabCut refines the difference.
"""

import cv2
import numpy as np

from ...errors import UserError

WORKING_SIDE = 160  # px, longer side of the image that is segmented
_STRIP = 0.04  # of the shorter side, width of the border strip
_COLOURS, _LEAST_SHARE = 5, 0.06
_LIGHTNESS = 0.6  # weight of L in Lab: shadows of folds count less
_ROUNDS = 4  # of GrabCut
#: Limits of the share of the image, of the border that is touched, of the
#: second largest part, and of holes, each of the mask.
AREA, CONTACT, SECOND_PART, HOLES = (0.10, 0.80), 0.10, 0.25, 0.06


#: Least :func:`separation` of a mask that nobody looks at.
SEPARATION = 0.55


class MaskError(UserError):
    """Error: no mask of an image is plausible; says why."""


def mask_garment(
    image: np.ndarray, least_separation: float = 0.0
) -> np.ndarray:
    """Cut a garment out of a photograph of it alone, at its full size.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        least_separation (float): Least :func:`separation`, 0-1.

    Returns:
        np.ndarray: (h, w) uint8, 0 or 255.

    Raises:
        MaskError: No mask is plausible; says why.
    """
    found = cut_flat_garment(image)
    size = found.shape[1], found.shape[0]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if (separated := separation(small, found)) < least_separation:
        raise MaskError(
            'garment and background have the same colours, separation '
            f'{separated:.2f}'
        )
    mask = found * np.uint8(255)
    size = image.shape[1], image.shape[0]
    large = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
    return (large >= 128) * np.uint8(255)


def cut_flat_garment(image: np.ndarray) -> np.ndarray:
    """Cut a garment out of a photograph of it alone, at a small size.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.

    Returns:
        np.ndarray: (h', w') bool, the longer side ``WORKING_SIDE`` px; one
        part without holes.

    Raises:
        MaskError: No mask is plausible; says why.
    """
    scale = WORKING_SIDE / max(image.shape[:2])
    size = [max(8, round(side * scale)) for side in image.shape[1::-1]]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    problem: MaskError | None = None
    for centre in (False, True):
        try:
            return _check(_segment(small, centre))
        except MaskError as error:
            problem = problem or error
    raise problem or MaskError('empty mask')


def separation(image: np.ndarray, mask: np.ndarray) -> float:
    """Measure how well a mask separates a garment from its background.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        mask (np.ndarray): (h, w) bool, neither empty nor full.

    Returns:
        float: 0-1, the share of pairs of a pixel inside and one outside of
        which that inside is farther from the colours of the image's border;
        0.5 for a mask that has nothing to do with the image.
    """
    distance = _background_distance(image)
    ranks = np.empty(distance.size)
    ranks[distance.ravel().argsort(kind='stable')] = np.arange(distance.size)
    inside = int(mask.sum())
    above = ranks[mask.ravel()].sum() - inside * (inside - 1) / 2
    return float(above / (inside * (mask.size - inside)))


def _segment(image: np.ndarray, centre: bool) -> np.ndarray:
    """Return the raw mask (h, w) uint8 0-1.

    With ``centre`` the middle of the image is garment from the start, for
    garments of the colours of their background.
    """
    h, w = image.shape[:2]
    distance = _background_distance(image)
    strip = _border(h, w)
    y, x = np.mgrid[:h, :w]
    middle = np.hypot((x / (w - 1) - 0.5) / 0.30, (y / (h - 1) - 0.5) / 0.34)
    inner = distance[middle < (0.6 if centre else 1)]
    far = np.median(inner) if inner.size else 0.0
    near = np.median(distance[strip])
    threshold = max(0.5 * (near + far), near * 1.2)
    labels = np.where(distance > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    labels[distance > 1.6 * threshold] = cv2.GC_FGD
    if centre:
        labels[middle < 1] = cv2.GC_PR_FGD
        labels[middle < 0.5] = cv2.GC_FGD
    labels[strip & (distance < threshold)] = cv2.GC_BGD
    labels = labels.astype(np.uint8)
    foreground = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if not 0 < foreground.sum() < foreground.size:
        raise MaskError('garment and background have the same colours')
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, labels, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return cv2.morphologyEx(found, cv2.MORPH_OPEN, ellipse)


def _border(h: int, w: int) -> np.ndarray:
    """Return the border strip, (h, w) bool."""
    width = max(2, round(_STRIP * min(h, w)))
    strip = np.ones((h, w), bool)
    strip[width:-width, width:-width] = False
    return strip


def _background_distance(image: np.ndarray) -> np.ndarray:
    """Compute the distance to the nearest colour of the border, (h, w).

    The unit is the spread of that colour.
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    lab *= np.array([_LIGHTNESS, 1, 1], np.float32)
    pixels = lab[_border(*image.shape[:2])]
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    cv2.setRNGSeed(0)
    count = min(_COLOURS, len(pixels))
    _, labels, centres = cv2.kmeans(
        pixels, count, None, criteria, 2, cv2.KMEANS_PP_CENTERS
    )
    distances = []
    for index, centre in enumerate(centres):
        members = pixels[labels[:, 0] == index]
        if len(members) < _LEAST_SHARE * len(pixels):
            continue
        spread = max(3.0, float(np.sqrt(members.var(0).sum())))
        distances.append(np.linalg.norm(lab - centre, axis=2) / spread)
    return np.min(distances, axis=0)


def _check(raw: np.ndarray) -> np.ndarray:
    """Return the largest part, filled; MaskError if not plausible."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(raw)
    if count < 2:
        raise MaskError('empty mask')
    areas = statistics[1:, cv2.CC_STAT_AREA]
    order = np.argsort(areas)[::-1]
    part = (labels == 1 + order[0]).astype(np.uint8)
    if count > 2 and areas[order[1]] > SECOND_PART * areas[order[0]]:
        raise MaskError('two parts')
    contours, _ = cv2.findContours(
        part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    mask = cv2.drawContours(np.zeros_like(part), contours, -1, 1, -1)
    share = mask.mean()
    if not AREA[0] <= share <= AREA[1]:
        raise MaskError(f'area {share:.2f} of the image')
    if (mask.sum() - part.sum()) > HOLES * mask.sum():
        raise MaskError('holes')
    rim = np.ones(mask.shape, bool)
    rim[1:-1, 1:-1] = False
    contact = mask[rim].mean()
    if contact > CONTACT:
        raise MaskError(f'{contact:.2f} of the border is touched')
    return mask.astype(bool)
