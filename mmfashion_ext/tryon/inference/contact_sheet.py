# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Contact sheet of all person-garment combinations."""

import cv2
import numpy as np

from ...errors import UserError
from ...utils.image_grid import draw_sheet
from ...utils.images import ImageInput, read_image

#: Greatest height of an image on the sheet, px.
HEIGHT = 256
#: Greatest side of the sheet, px; a JPEG has 65,535 at most.
SIDE = 32_768


class ContactSheet:
    """Contact sheet: a row for each person, a column for each garment.

    The first column shows the persons, the first row the garments: the sheet
    has (rows + 1, columns + 1) cells. A cell whose image is missing stays
    white.

    Args:
        rows (int): Number of persons.
        columns (int): Number of garments.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self._cell_size: tuple[int, int] | None = None  # (w, h) px
        self._cells: dict[tuple[int, int], np.ndarray] = {}

    def add(self, row: int, column: int, image: np.ndarray) -> None:
        """Put an image on the sheet, resized to the size of a cell.

        Args:
            row (int): Index of the person; -1 for the row of garments.
            column (int): Index of the garment; -1 for the column of persons.
            image (np.ndarray): (h, w, 3) uint8 BGR. The first one sets the
                cell size of all: its own, or smaller where the sheet would
                exceed ``HEIGHT`` a cell or ``SIDE`` px in all.
        """
        if self._cell_size is None:
            h, w = image.shape[:2]
            max_width = SIDE // (self.columns + 1)
            max_height = min(HEIGHT, SIDE // (self.rows + 1))
            scale = min(1, max_height / h, max_width / w)
            self._cell_size = max(1, int(w * scale)), max(1, int(h * scale))
        self._cells[row, column] = cv2.resize(
            image, self._cell_size, interpolation=cv2.INTER_AREA
        )

    def add_source(self, row: int, column: int, source: ImageInput) -> None:
        """Read an image and put it on the sheet; skip it if unreadable.

        Args:
            row (int): See :meth:`add`.
            column (int): See :meth:`add`.
            source (ImageInput): Such as a file, or a BGR array (h, w, 3).
        """
        try:
            self.add(row, column, read_image(source))
        except UserError:
            return

    def draw(self) -> np.ndarray:
        """Return the sheet, (H, W, 3) uint8 BGR."""
        images = [
            self._cells.get((row, column))
            for row in range(-1, self.rows)
            for column in range(-1, self.columns)
        ]
        cell = self._cell_size or (1, 1)
        return draw_sheet(images, columns=self.columns + 1, cell=cell)
