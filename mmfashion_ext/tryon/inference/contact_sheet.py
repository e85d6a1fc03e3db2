# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Everybody in everything, on one picture."""

import cv2
import numpy as np

from ...errors import UserError
from ...formats.viton.files import ImageInput, read_rgb

#: Greatest height of a picture on the sheet, px.
HEIGHT = 256
#: Greatest side of the sheet, px; a JPEG has 65,535 at most.
SIDE = 32_768


class ContactSheet:
    """A row for each person, a column for each garment.

    The persons themselves stand to the left, the garments on top. What is not
    there stays white.

    Args:
        rows (int): Persons.
        columns (int): Garments.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self._cell: tuple[int, int] | None = None  # (w, h) px
        self._small: dict[tuple[int, int], np.ndarray] = {}

    def add(self, row: int, column: int, picture: np.ndarray) -> None:
        """Put a picture on the sheet.

        Args:
            row (int): Of the person; -1: of the garments themselves.
            column (int): Of the garment; -1: of the persons themselves.
            picture (np.ndarray): (h, w, 3) uint8. The first one decides the
                size of all.
        """
        if self._cell is None:
            h, w = picture.shape[:2]
            widest = SIDE // (self.columns + 1)
            highest = min(HEIGHT, SIDE // (self.rows + 1))
            scale = min(1, highest / h, widest / w)
            self._cell = max(1, int(w * scale)), max(1, int(h * scale))
        self._small[row, column] = cv2.resize(
            picture, self._cell, interpolation=cv2.INTER_AREA
        )

    def add_file(self, row: int, column: int, source: ImageInput) -> None:
        """Put a picture of a file on the sheet, unless it cannot be read."""
        try:
            self.add(row, column, read_rgb(source))
        except UserError:
            return

    def draw(self) -> np.ndarray:
        """The sheet, (H, W, 3) uint8."""
        w, h = self._cell or (1, 1)
        sheet = np.full(
            ((self.rows + 1) * h, (self.columns + 1) * w, 3), 255, np.uint8
        )
        for (row, column), picture in self._small.items():
            top, left = (row + 1) * h, (column + 1) * w
            sheet[top : top + h, left : left + w] = picture
        return sheet
