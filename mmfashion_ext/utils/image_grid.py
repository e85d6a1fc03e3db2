# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pictures side by side on one sheet, to be looked at."""

from pathlib import Path

import cv2
import numpy as np

from .files import atomic_write

CELL = 400  # px, longer side of a picture on the sheet


def write_sheet(
    images: list[np.ndarray],
    out: str | Path,
    *,
    columns: int,
    cell: tuple[int, int] = (CELL, CELL),
) -> None:
    """Write pictures of any size on one sheet, row by row.

    Args:
        images (list[np.ndarray]): (h, w, 3) BGR uint8 each.
        out (str | Path): Picture to write; its ending chooses the format.
        columns (int): Pictures a row.
        cell (tuple[int, int]): (w, h) px that each picture is fitted into.
    """
    width, height = cell
    rows = -(-len(images) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for index, image in enumerate(images):
        factor = min(width / image.shape[1], height / image.shape[0])
        image = cv2.resize(image, None, fx=factor, fy=factor)
        h, w = image.shape[:2]
        row, column = divmod(index, columns)
        sheet[row * height :, column * width :][:h, :w] = image
    _, packed = cv2.imencode(Path(out).suffix, sheet)
    with atomic_write(out) as temporary:
        temporary.write_bytes(packed)
