# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Larger zones for the inputs of inverse pairs: longer sleeves and hems.

The input covers bare arms and legs beyond the worn garment; the target is the
photograph, so a network must bring them back.
"""

from dataclasses import replace

import cv2
import numpy as np

from .worn_region import WornRegion


def enlarge_region(region: WornRegion, reach: float, hem: float) -> WornRegion:
    """Enlarge a region over skin beside it and over what is below its hem.

    Args:
        region (WornRegion): What is worn, photo frame.
        reach (float): How far it grows over skin, in heights of the region.
        hem (float): How far its hem falls, in heights of the region.

    Returns:
        WornRegion: The same with a larger mask, and with no more in front
        than is left of it.
    """
    _, y, _, height = cv2.boundingRect(region.mask.astype(np.uint8))
    grown = region.mask.copy()
    if reach > 0:
        skin = region.skin & ~_above_neck(region, y, height)
        grown |= _within(region.mask, skin, reach * height)
    if hem > 0:
        below = region.person & ~_things(region)
        grown |= _fall(region.mask, below, round(hem * height))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    closed = cv2.morphologyEx(grown.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    grown = region.mask | (closed > 0)
    return replace(
        region,
        mask=grown,
        in_front=region.in_front & ~grown,
        tucked=region.tucked & ~grown,
    )


def _above_neck(region: WornRegion, top: int, height: int) -> np.ndarray:
    """Return rows of face and neck: not arms."""
    rows = np.arange(region.mask.shape[0])[:, None]
    share = 0.12 if region.kind in ('upper', 'dress') else 0.0
    return np.broadcast_to(rows < top + share * height, region.mask.shape)


def _things(region: WornRegion) -> np.ndarray:
    """Return what lies in front and is not skin: bags, hair, coats."""
    return region.in_front & ~region.skin


def _within(
    start: np.ndarray, allowed: np.ndarray, distance: float
) -> np.ndarray:
    """Return pixels of ``allowed`` that are near along ``allowed``."""
    reached = start.astype(np.uint8)
    limit = (start | allowed).astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    square = np.ones((3, 3), np.uint8)
    for step in range(max(0, round(distance * 0.85))):
        kernel = cross if step % 2 else square
        reached = cv2.dilate(reached, kernel) & limit
    return reached.astype(bool) & ~start


def _fall(mask: np.ndarray, allowed: np.ndarray, rows: int) -> np.ndarray:
    """Return pixels of ``allowed`` at most ``rows`` below a mask."""
    reached = mask.copy()
    for _ in range(rows):
        lower = np.zeros_like(reached)
        lower[1:] = reached[:-1]
        lower &= allowed
        if not (lower & ~reached).any():
            break
        reached |= lower
    return reached & ~mask
