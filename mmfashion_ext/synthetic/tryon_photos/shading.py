# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Shading of a worn garment: what light and folds do to its colours.

The logarithm of the luminance, without the garment's own pattern: of printed
garments the median of each of four colour clusters is subtracted first,
otherwise stripes would stay as ghosts.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_CLUSTERS = 4
_BLUR = 0.07  # of the square root of the region's area
_TRUST = 0.7  # power of the smooth shading of printed garments
_FINE = 0.9  # px, blur of the fine part
RANGE = 0.4, 1.45  # of the factor
_DARK = 0.08  # added to the luminance: highlights of dark cloth are strong
_DARKEST, _BRIGHT = 0.6, 0.6  # strength for black, luminance for 1.6 of it
_ROUGH = 0.195  # deviation of the fine part; prints have more
_PLAIN = 15.0  # 85th percentile of the colour distance to the median, Lab
_LIGHTNESS = 0.35  # weight of L in that distance


@dataclass(frozen=True)
class Shading:
    """Factors of a garment's colours, (h, w) float32 each, 1 on average.

    Attributes:
        smooth (np.ndarray): Light and large folds.
        fine (np.ndarray): Small folds; 1 everywhere for printed garments.
        plain (bool): Whether the garment has one colour.
    """

    smooth: np.ndarray
    fine: np.ndarray
    plain: bool

    @property
    def full(self) -> np.ndarray:
        """(h, w) float32, both together, within ``RANGE``."""
        return np.clip(self.smooth * self.fine, *RANGE)


def estimate_shading(image: np.ndarray, region: np.ndarray) -> Shading:
    """Estimate the shading of a garment.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        region (np.ndarray): (h, w) bool, the garment. Outside it the values
            are continued smoothly.

    Returns:
        Shading: All 1 if fewer than 30 px are in the region.
    """
    ones = np.ones(region.shape, np.float32)
    if region.sum() < 30:
        return Shading(ones, ones, True)
    inner = cv2.erode(region.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if inner.sum() < 30:
        inner = region
    colour = image.astype(np.float32) / 255
    lab = cv2.cvtColor(colour, cv2.COLOR_BGR2LAB)
    luminance = colour @ np.array([0.114, 0.587, 0.299], np.float32)
    logarithm = np.log(luminance + _DARK)
    middle = float(np.median(luminance[inner]))
    logarithm -= np.median(logarithm[inner])
    logarithm *= min(1.0, _DARKEST + middle / _BRIGHT)
    sigma = max(1.5, _BLUR * float(np.sqrt(region.sum())))
    smooth = _masked_blur(logarithm, inner, sigma)
    detail = _masked_blur(logarithm, inner, _FINE) - smooth
    plain = _is_plain(lab[inner]) and detail[inner].std() < _ROUGH
    if plain:
        fine = np.exp(np.clip(detail, -0.5, 0.3)).astype(np.float32)
    else:  # a part of the smooth one may still be the pattern
        even = _without_pattern(logarithm, lab, inner)
        smooth, fine = _TRUST * _masked_blur(even, inner, sigma), ones
    low, high = np.log(RANGE[0]), np.log(RANGE[1])
    smooth = np.exp(np.clip(smooth, low, high)).astype(np.float32)
    return Shading(smooth, fine, plain)


def _is_plain(pixels: np.ndarray) -> bool:
    """Return whether pixels (N, 3) Lab have one colour."""
    weighted = pixels * np.array([_LIGHTNESS, 1, 1], np.float32)
    distance = np.linalg.norm(weighted - np.median(weighted, axis=0), axis=1)
    return float(np.percentile(distance, 85)) < _PLAIN


def _without_pattern(
    logarithm: np.ndarray, lab: np.ndarray, region: np.ndarray
) -> np.ndarray:
    """Subtract the median of each colour cluster inside a region."""
    pixels = lab[region]
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 15, 1.0)
    cv2.setRNGSeed(0)
    count = min(_CLUSTERS, len(pixels))
    _, labels, _ = cv2.kmeans(
        pixels, count, None, criteria, 1, cv2.KMEANS_PP_CENTERS
    )
    values = logarithm[region]
    flat = np.zeros_like(values)
    for cluster in range(count):
        members = labels[:, 0] == cluster
        if members.any():
            flat[members] = values[members] - np.median(values[members])
    result = np.zeros_like(logarithm)
    result[region] = flat
    return result


def _masked_blur(
    values: np.ndarray, region: np.ndarray, sigma: float
) -> np.ndarray:
    """Blur values inside a region only, and continue them outside."""
    weight = region.astype(np.float32)
    size = (0, 0)
    total = cv2.GaussianBlur(values * weight, size, sigma)
    share = cv2.GaussianBlur(weight, size, sigma)
    wide_total = cv2.GaussianBlur(values * weight, size, 3 * sigma)
    wide_share = cv2.GaussianBlur(weight, size, 3 * sigma)
    wide = wide_total / np.maximum(wide_share, 1e-4)
    trust = np.minimum(1.0, share / 0.05)
    near = total / np.maximum(share, 1e-4)
    return trust * near + (1 - trust) * wide
