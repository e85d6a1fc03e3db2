# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Draw boxes, masks and landmarks of clothes with OpenCV."""

import colorsys

import cv2
import numpy as np

from ..formats.deepfashion2.constants import CATEGORIES


def category_color(label: int | None) -> tuple[int, int, int]:
    """Return the colour of a category, BGR 0-255; grey without one."""
    if label is None:
        return (160, 160, 160)
    hue = label / len(CATEGORIES)
    r, g, b = colorsys.hsv_to_rgb(hue, 0.75, 0.95)
    return round(255 * b), round(255 * g), round(255 * r)


def draw_items(
    image: np.ndarray,
    items: dict,
    chosen: np.ndarray,
    kpt_thr: float,
    draw_boxes: bool = True,
) -> np.ndarray:
    """Draw detected clothes, the best on top.

    Args:
        image (np.ndarray): (h, w, 3) uint8 BGR.
        items (dict): A prediction: ``bboxes`` (N, 4) xyxy px, ``scores`` and,
            as there are, ``labels``, ``masks`` and ``keypoints``.
        chosen (np.ndarray): (n,) indices of the items to draw.
        kpt_thr (float): Lowest score, 0-1, of a drawn landmark.
        draw_boxes (bool): Draw boxes and categories. Defaults to True.

    Returns:
        np.ndarray: (h, w, 3) uint8 BGR, a copy.
    """
    drawn = image.copy()
    size = max(1, round(max(image.shape[:2]) / 500))
    for index in chosen[::-1].tolist():
        label = None
        if items['labels'] is not None:
            label = int(items['labels'][index])
        color = category_color(label)
        if 'masks' in items:
            inside = items['masks'][index]
            drawn[inside] = (
                0.55 * drawn[inside] + 0.45 * np.array(color)
            ).astype(np.uint8)
        if draw_boxes:
            _draw_box(drawn, items, index, color, size)
        if 'keypoints' in items:
            _draw_landmarks(drawn, items, index, label, kpt_thr, size)
    return drawn


def _draw_box(
    drawn: np.ndarray, items: dict, index: int, color: tuple, size: int
) -> None:
    """Draw the box of an item and its category, in place on (h, w, 3)."""
    x0, y0, x1, y1 = items['bboxes'][index].round().astype(int).tolist()
    cv2.rectangle(drawn, (x0, y0), (x1, y1), color, size)
    text = f'{100 * float(items["scores"][index]):.0f} %'
    if items['categories'] is not None:
        text = f'{items["categories"][index].replace("_", " ")} {text}'
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.4 * size
    (w, h), base = cv2.getTextSize(text, font, scale, size)
    top = max(y0 - h - base, 0)
    cv2.rectangle(drawn, (x0, top), (x0 + w, top + h + base), color, -1)
    cv2.putText(
        drawn, text, (x0, top + h), font, scale, (0, 0, 0), size, cv2.LINE_AA
    )


def _draw_landmarks(
    drawn: np.ndarray,
    items: dict,
    index: int,
    label: int | None,
    kpt_thr: float,
    size: int,
) -> None:
    """Draw the landmarks of an item and the lines between them, in place."""
    shown = items['keypoint_scores'][index] >= kpt_thr
    points = items['keypoints'][index].round().astype(int).tolist()
    skeleton = CATEGORIES[label].skeleton if label is not None else ()
    for first, second in skeleton:
        if shown[first - 1] and shown[second - 1]:
            cv2.line(
                drawn,
                points[first - 1],
                points[second - 1],
                (255, 255, 255),
                size,
                cv2.LINE_AA,
            )
    for point in np.flatnonzero(shown).tolist():
        cv2.circle(drawn, points[point], 2 * size, (40, 40, 230), -1)
