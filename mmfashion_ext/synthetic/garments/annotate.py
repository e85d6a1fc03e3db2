# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Annotate drawn garments: items of a raw DeepFashion2 annotation file."""

from dataclasses import dataclass

import cv2
import numpy as np

from ...formats.deepfashion2.constants import (
    CATEGORY_BY_ID,
    occlusion_code,
    scale_code,
    zoom_in_code,
)
from ..drawing.canvas import Canvas

#: A landmark farther than this inside other clothes (body units) is not
#: labelled.
MAX_HIDDEN_DEPTH = 0.45

#: Rows and columns of the image, and their (h, w) uint8 coverage 0-255.
Mask = tuple[tuple[slice, slice], np.ndarray]


@dataclass
class DrawnGarment:
    """A garment as it was drawn on the canvas.

    Attributes:
        category (int), style (int): As annotated.
        landmarks (np.ndarray): (n, 2) x, y in px, also outside the image.
        part_landmarks (list[frozenset[int]]): Landmarks of each part,
            numbered from 1.
        part_kinds (list[str]): Kind of each part, see ``Part.kind``.
        part_masks (list[Mask or None]): Where each part was drawn; None if it
            lies outside the image.
        first_layer (int): Layer id of the first part; the others follow.
    """

    category: int
    style: int
    landmarks: np.ndarray
    part_landmarks: list[frozenset[int]]
    part_kinds: list[str]
    part_masks: list[Mask | None]
    first_layer: int


def annotate(
    canvas: Canvas, drawn: list[DrawnGarment], viewpoint: int
) -> dict[str, dict]:
    """Annotate the clothes of an image.

    The mask of a garment is its whole outline without what other garments
    hide; bags, hair and arms do not cut holes into it.

    Args:
        canvas (Canvas): Image (h, w, 3) on which everything was drawn.
        drawn (list[DrawnGarment]): The clothes, innermost first.
        viewpoint (int): 1 not worn, 2 frontal, 3 side or back.

    Returns:
        dict[str, dict]: ``item1`` and so on as in a raw annotation file
        (coordinates in px), without garments that are hardly visible.
    """
    covered = np.zeros(canvas.layers.shape, bool)
    items = []
    for garment in reversed(drawn):
        full = np.zeros(canvas.layers.shape, np.uint8)
        for mask in garment.part_masks:
            if mask is not None:
                full[mask[0]] |= (mask[1] > 127).astype(np.uint8)
        visible = full & ~covered
        covered |= full.astype(bool)
        item = _item(canvas, garment, visible, viewpoint)
        if item is not None:
            items.append(item)
    return {f'item{k}': item for k, item in enumerate(items[::-1], 1)}


def _item(
    canvas: Canvas, garment: DrawnGarment, visible: np.ndarray, viewpoint: int
) -> dict | None:
    """Return one item, or None if too little of it is visible."""
    height, width = visible.shape
    polygons = _polygons(garment, visible)
    if not polygons or visible.mean() < 0.002:
        return None
    outlines = [
        np.array(polygon, np.int32).reshape(-1, 2) for polygon in polygons
    ]
    mask = np.zeros_like(visible)
    for outline in outlines:  # one by one: their union
        cv2.fillPoly(mask, [outline], 1)
    landmarks, outside = _landmarks(canvas, garment, mask)
    labelled = landmarks[landmarks[:, 2] > 0]
    seen = (labelled[:, 2] == 2).sum()
    if not seen:
        return None
    corners = np.concatenate([*outlines, labelled[:, :2]])
    x1, y1 = np.maximum(corners.min(0) - 1, 0)
    x2, y2 = np.minimum(corners.max(0) + 1, (width, height))
    box = [int(v) for v in (x1, y1, x2, y2)]
    area = (box[2] - box[0]) * (box[3] - box[1])
    category = CATEGORY_BY_ID[garment.category]
    return {
        'segmentation': polygons,
        'scale': scale_code(area, width * height),
        'viewpoint': viewpoint,
        'zoom_in': zoom_in_code(outside / len(landmarks)),
        'landmarks': landmarks.ravel().tolist(),
        'style': garment.style,
        'bounding_box': box,
        'category_id': category.id,
        'occlusion': occlusion_code((len(labelled) - seen) / len(labelled)),
        'category_name': category.raw_name,
    }


def _landmarks(
    canvas: Canvas, garment: DrawnGarment, mask: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return (n, 3) int x, y, v, and how many lie outside the image.

    A landmark is visible if one of its parts is the topmost layer close by,
    on the annotated mask. One deep under other clothes is not labelled, as an
    annotator could not know its position.
    """
    height, width = canvas.layers.shape
    depth = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
    deep = MAX_HIDDEN_DEPTH * canvas.warp.scale
    reach = max(1, round(0.05 * canvas.warp.scale))
    rows = np.zeros((len(garment.landmarks), 3), int)
    outside = 0
    for index, (x, y) in enumerate(np.round(garment.landmarks).astype(int)):
        if not (0 <= x < width and 0 <= y < height):
            outside += 1
            continue
        if depth[y, x] > deep:
            continue
        patch = canvas.layers[
            max(y - reach, 0) : y + reach + 1,
            max(x - reach, 0) : x + reach + 1,
        ]
        layers = [
            garment.first_layer + k
            for k, landmarks in enumerate(garment.part_landmarks)
            if index + 1 in landmarks
        ]
        seen = depth[y, x] <= reach + 1 and np.isin(patch, layers).any()
        rows[index] = x, y, 2 if seen else 1
    return rows, outside


def _polygons(garment: DrawnGarment, visible: np.ndarray) -> list[list[int]]:
    """Return the outline, then sleeves and trouser legs inside it, px."""
    found = _contours(visible)
    if not found:
        return []
    least = max(8.0, 0.02 * sum(cv2.contourArea(c) for c in found))
    polygons = [c for c in found if cv2.contourArea(c) >= least]
    parts = zip(garment.part_kinds, garment.part_masks, strict=True)
    for kind, mask in parts:
        if kind != 'limb' or mask is None:
            continue
        part = np.zeros_like(visible)
        part[mask[0]] = (mask[1] > 127) & (visible[mask[0]] > 0)
        inside = [c for c in _contours(part) if cv2.contourArea(c) >= least]
        polygons += inside[:1]
    return [_closed(contour) for contour in polygons]


def _contours(mask: np.ndarray) -> list[np.ndarray]:
    """Return the outer contours of a mask, largest first, to 1 px."""
    contours, _ = cv2.findContours(
        mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    contours = [cv2.approxPolyDP(c, 1.0, True) for c in contours]
    contours = [c for c in contours if len(c) >= 3]
    return sorted(contours, key=cv2.contourArea, reverse=True)


def _closed(contour: np.ndarray) -> list[int]:
    """Return x1, y1, x2, y2 ... of a contour that ends where it begins."""
    points = contour[:, 0]
    return np.concatenate([points, points[:1]]).ravel().tolist()
