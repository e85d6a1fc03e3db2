# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A contact sheet of raw FLD, with boxes and landmarks drawn in."""

from pathlib import Path

import cv2
import numpy as np

from ...formats.fld.constants import VARIATIONS, ClothesType
from ...utils.image_grid import CELL, write_sheet
from ..deepfashion2.sheet import check_sheet


def draw_item(
    image: np.ndarray,
    clothes: ClothesType,
    points: np.ndarray,
    box: tuple[int, int, int, int],
    title: str = '',
) -> np.ndarray:
    """Draw a box, the lines between landmarks and their numbers.

    Visible landmarks are filled, occluded ones hollow, truncated ones absent.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        clothes (ClothesType): Type of the item.
        points (np.ndarray): (K, 3) x, y in px, v = 2, 1 or 0.
        box (tuple[int, int, int, int]): x1, y1, x2, y2 in px.
        title (str): What to write at the top.

    Returns:
        np.ndarray: A drawn copy, its longer side ``CELL`` px.
    """
    factor = CELL / max(image.shape[:2])
    image = cv2.resize(image, None, fx=factor, fy=factor)
    colour = clothes.colour[::-1]
    corners = np.round(np.reshape(box, (2, 2)) * factor).astype(int).tolist()
    cv2.rectangle(image, *corners, colour, 1)
    at = np.round(points[:, :2] * factor).astype(int).tolist()
    v = points[:, 2]
    for a, b in clothes.skeleton:
        if v[a - 1] and v[b - 1]:
            cv2.line(image, at[a - 1], at[b - 1], colour, 1, cv2.LINE_AA)
    for number, ((x, y), state) in enumerate(zip(at, v, strict=True), 1):
        if state:
            filled = -1 if state == 2 else 1
            cv2.circle(image, (x, y), 4, (255, 255, 255), filled, cv2.LINE_AA)
            cv2.circle(image, (x, y), 5, (0, 0, 0), 1, cv2.LINE_AA)
            _text(image, str(number), (x + 6, y - 4))
    _text(image, title, (4, 14))
    return image


def _text(image: np.ndarray, text: str, at: tuple[int, int]) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    for colour, width in ((0, 0, 0), 2), ((255, 255, 255), 1):
        cv2.putText(image, text, at, font, 0.42, colour, width, cv2.LINE_AA)


def contact_sheet(
    root: str | Path, out: str | Path, *, num: int = 30, columns: int = 6
) -> None:
    """Draw the first pictures of a data set on one sheet.

    Args:
        root (str | Path): Folder with ``Anno``, ``Eval`` and ``Img``.
        out (str | Path): Picture to write; its ending chooses the format.
        num (int): Number of pictures. Defaults to 30: each type of clothes
            in each variation twice.
        columns (int): Pictures a row. Defaults to 6.
    """
    from ...formats.fld.raw import RawFLD  # needs Pillow

    check_sheet(Path(out))
    raw, images = RawFLD(root), []
    for entry in raw.entries[:num]:
        image = cv2.imread(str(Path(root, 'Img', entry.name)))
        marks = entry.landmarks
        variation = VARIATIONS[marks.variation]
        title = f'{entry.id} {marks.clothes.name}, {variation}'
        images.append(
            draw_item(image, marks.clothes, marks.points, entry.box, title)
        )
    write_sheet(images, out, columns=columns)
