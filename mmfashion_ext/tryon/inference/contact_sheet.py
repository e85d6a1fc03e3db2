# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Contact sheet of all person-garment combinations."""

from collections.abc import Sequence

import cv2
import numpy as np

from ...errors import UserError
from ...utils.image_grid import CAPTION, draw_sheet, draw_text
from ...utils.images import ImageInput, read_image

#: Greatest height of an image on the sheet, px.
HEIGHT = 256
#: Greatest side of the sheet without its texts, px.
SIDE = 32_768
#: Greatest side of a JPEG, px. Texts that would exceed it are left out.
MAX_SIDE = 65_535
#: Narrowest cell that has a text, px.
MIN_TEXT_WIDTH = 24


class ContactSheet:
    """Draw a table of images: a row for each person, a column each garment.

    The first column shows the persons, each above its name, the first row the
    garments, each below its name. All cells have one size; images keep their
    shape (h, w) in them. A cell that stays empty is white, one that is marked
    is grey and crossed out.

    Args:
        rows (int): Number of persons.
        columns (int): Number of garments.
        row_titles (Sequence[str], optional): Names of the persons.
        column_titles (Sequence[str], optional): Names of the garments.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        row_titles: Sequence[str] | None = None,
        column_titles: Sequence[str] | None = None,
    ) -> None:
        self.rows, self.columns = rows, columns
        self.row_titles, self.column_titles = row_titles, column_titles
        self._cell_size: tuple[int, int] | None = None  # (w, h) px
        self._cells: dict[tuple[int, int], np.ndarray | str] = {}

    def add(self, row: int, column: int, image: np.ndarray) -> None:
        """Put an image on the sheet, scaled to fit its cell.

        Args:
            row (int): Index of the person; -1 for the row of garments.
            column (int): Index of the garment; -1 for the column of persons.
            image (np.ndarray): (h, w, 3) uint8 BGR. The first one sets the
                cell size of all: its own, or smaller where the sheet would
                exceed ``HEIGHT`` a cell or ``SIDE`` px in all.
        """
        h, w = image.shape[:2]
        if self._cell_size is None:
            max_width = SIDE // (self.columns + 1)
            max_height = min(HEIGHT, SIDE // (self.rows + 1))
            scale = min(1, max_height / h, max_width / w)
            self._cell_size = max(1, int(w * scale)), max(1, int(h * scale))
        width, height = self._cell_size
        scale = min(width / w, height / h)
        size = (
            min(width, max(1, round(w * scale))),
            min(height, max(1, round(h * scale))),
        )
        self._cells[row, column] = cv2.resize(
            image, size, interpolation=cv2.INTER_AREA
        )

    def mark(self, row: int, column: int, text: str) -> None:
        """Cross out a cell that has no image.

        Args:
            row (int): See :meth:`add`.
            column (int): See :meth:`add`.
            text (str): Why, in a few words.
        """
        self._cells.setdefault((row, column), text)

    def add_source(self, row: int, column: int, source: ImageInput) -> None:
        """Read an image and put it on the sheet; mark its cell if unreadable.

        Args:
            row (int): See :meth:`add`.
            column (int): See :meth:`add`.
            source (ImageInput): Such as a file, or a BGR array (h, w, 3).
        """
        try:
            self.add(row, column, read_image(source))
        except UserError:
            self.mark(row, column, 'not readable')

    def draw(self) -> np.ndarray:
        """Return the sheet, (H, W, 3) uint8 BGR."""
        cell = self._cell_size or (1, 1)
        places = [
            (row, column)
            for row in range(-1, self.rows)
            for column in range(-1, self.columns)
        ]
        images = [
            self._image(self._cells.get(place), cell) for place in places
        ]
        labels = titles = None
        height = (self.rows + 1) * (cell[1] + CAPTION) + CAPTION
        if cell[0] >= MIN_TEXT_WIDTH and height <= MAX_SIDE:
            if self.row_titles is not None:
                labels = [
                    self.row_titles[row] if row >= 0 > column else ''
                    for row, column in places
                ]
            if self.column_titles is not None:
                titles = ['', *self.column_titles]
        return draw_sheet(
            images,
            columns=self.columns + 1,
            cell=cell,
            labels=labels,
            column_titles=titles,
        )

    @staticmethod
    def _image(
        content: np.ndarray | str | None, cell: tuple[int, int]
    ) -> np.ndarray | None:
        if isinstance(content, str):
            return _crossed_out(content, cell)
        return content


def _crossed_out(text: str, cell: tuple[int, int]) -> np.ndarray:
    """Return a grey cell (h, w, 3) with a cross and a text."""
    w, h = cell
    image = np.full((h, w, 3), 200, np.uint8)
    for start, end in (
        ((0, 0), (w - 1, h - 1)),
        ((0, h - 1), (w - 1, 0)),
    ):
        cv2.line(image, start, end, (120, 120, 120), 1, cv2.LINE_AA)
    if w >= MIN_TEXT_WIDTH and h >= CAPTION:
        draw_text(image, text, (2, h // 2), scale=0.4)
    return image
