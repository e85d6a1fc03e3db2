# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Contact sheet of raw FLD, with boxes and landmarks drawn."""

from pathlib import Path

import cv2
import numpy as np

from ...formats.fld.constants import VARIATIONS, ClothesType
from ...formats.fld.raw import RawFLD
from ...utils.image_grid import CELL, draw_text, write_sheet
from ...utils.images import read_image
from ..output import check_sheet


def draw_item(
    image: np.ndarray,
    clothes: ClothesType,
    landmarks: np.ndarray,
    bbox: tuple[int, int, int, int],
) -> np.ndarray:
    """Draw a box, the skeleton and the numbers of the landmarks.

    Visible landmarks are filled circles, occluded ones are hollow, truncated
    ones are not drawn.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        clothes (ClothesType): Type of the item.
        landmarks (np.ndarray): (K, 3) x, y in px and v: 2 visible, 1
            occluded, 0 truncated.
        bbox (tuple[int, int, int, int]): x1, y1, x2, y2 in px.

    Returns:
        np.ndarray: (H, W, 3) BGR uint8, a drawn copy whose longer side is
        ``CELL`` px.
    """
    factor = CELL / max(image.shape[:2])
    image = cv2.resize(image, None, fx=factor, fy=factor)
    colour = clothes.colour[::-1]
    corners = np.round(np.reshape(bbox, (2, 2)) * factor).astype(int)
    first, second = corners.tolist()
    cv2.rectangle(image, first, second, colour, 1)
    points = np.round(landmarks[:, :2] * factor).astype(int).tolist()
    v = landmarks[:, 2]
    for a, b in clothes.skeleton:
        if v[a - 1] and v[b - 1]:
            ends = points[a - 1], points[b - 1]
            cv2.line(image, *ends, colour, 1, cv2.LINE_AA)
    for number, ((x, y), state) in enumerate(zip(points, v, strict=True), 1):
        if state:
            filled = -1 if state == 2 else 1
            cv2.circle(image, (x, y), 4, (255, 255, 255), filled, cv2.LINE_AA)
            cv2.circle(image, (x, y), 5, (0, 0, 0), 1, cv2.LINE_AA)
            draw_text(image, str(number), (x + 6, y - 4))
    return image


def contact_sheet(
    root: str | Path, out: str | Path, *, num: int = 30, columns: int = 6
) -> None:
    """Draw the first images of a dataset on one contact sheet.

    Each image is scaled to a cell of (400, 400, 3). Below it stand its number,
    its type of clothes and its variation.

    Args:
        root (str or Path): Folder with ``Anno``, ``Eval`` and ``Img``.
        out (str or Path): Image file to write; its ending chooses the format.
        num (int): Number of images, ``CELL`` (400) px each. Defaults to 30:
            each type of clothes in each variation twice.
        columns (int): Images a row. Defaults to 6.

    Raises:
        UserError: ``out`` cannot be written, or the dataset has no images.
    """
    check_sheet(Path(out))
    images, labels = [], []
    for entry in RawFLD(root).entries[:num]:
        image = read_image(Path(root, 'Img', entry.name))
        marks = entry.landmarks
        drawn = draw_item(image, marks.clothes, marks.points, entry.box)
        images.append(drawn)
        variation = VARIATIONS[marks.variation]
        labels.append(f'{entry.id}: {marks.clothes.name}, {variation}')
    write_sheet(images, out, columns=columns, labels=labels, gap=4)
