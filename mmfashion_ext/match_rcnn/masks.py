# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Masks in COCO annotations: polygons and run lengths (RLE)."""

import numpy as np
from pycocotools import mask as mask_utils

from ..errors import UserError
from ..formats.coco import rle_problem


def usable_polygons(segmentation: list) -> list[np.ndarray]:
    """Return the polygons that mmdet's loader would use.

    Args:
        segmentation (list): Polygons [x1, y1, x2, y2, ...] in px.

    Returns:
        list[np.ndarray]: (2 n,) each, n >= 3 points.
    """
    return [
        np.asarray(polygon)
        for polygon in segmentation
        if len(polygon) % 2 == 0 and len(polygon) >= 6
    ]


def mask_problem(segmentation: list | dict | None) -> str:
    """Return why an item has no mask to train with; '' if it has one.

    Args:
        segmentation (list | dict, optional): Polygons (2 n,) in px, or run
            lengths of a mask (h, w) whose form was checked.
    """
    if not segmentation:
        return 'no mask'
    if isinstance(segmentation, dict):
        empty = not mask_utils.area(_compressed(segmentation))
        return 'an empty mask' if empty else ''
    if not usable_polygons(segmentation):
        return 'no polygon of 3 or more points'
    return ''


def decode_rle(rle: dict, size: tuple[int, int]) -> np.ndarray:
    """Decode a mask of run lengths, compressed or not.

    Args:
        rle (dict): ``size`` [h, w] in px and ``counts``, text, bytes or a
            list of integers.
        size (tuple[int, int]): (h, w) of the image in px.

    Returns:
        np.ndarray: (h, w) uint8, 1 inside the mask.

    Raises:
        UserError: The run lengths are wrong, or of an image of another size.
    """
    problem = rle_problem(rle)
    if not problem and tuple(rle['size']) != tuple(size):
        problem = (
            f' of {rle["size"][0]} x {rle["size"][1]} pixels (h x w), but the '
            f'image has {size[0]} x {size[1]}'
        )
    if problem:
        raise UserError(
            f'a mask of run lengths{problem}; write the annotation again'
        )
    return mask_utils.decode(_compressed(rle))


def _compressed(rle: dict) -> dict:
    """Return run lengths in the form that pycocotools decodes."""
    if not isinstance(rle['counts'], list):
        return rle
    return mask_utils.frPyObjects(rle, *rle['size'])
