# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Image grids (contact sheets) with equal cells, labels and column titles.

Images are (h, w, 3) BGR uint8. Text is measured with OpenCV before it is
drawn, because the size of its letters differs between OpenCV 4 and 5.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..errors import UserError
from .images import write_image

CELL = 400  # px, width and height of a cell unless the caller says otherwise
CAPTION = 20  # px, height of a line of text outside the images
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SCALE, _SMALLEST = 0.45, 0.3  # of the font, in captions


def text_size(text: str, scale: float = _SCALE) -> tuple[int, int, int]:
    """Return the size of a line of text.

    Args:
        text (str): One line.
        scale (float): Scale of the font. Defaults to 0.45.

    Returns:
        tuple[int, int, int]: (w, h, d) px: width, height above the baseline
        and depth below it.
    """
    (width, height), depth = cv2.getTextSize(text, _FONT, scale, 1)
    return width, height, depth


def draw_text(
    image: np.ndarray,
    text: str,
    at: tuple[int, int],
    scale: float = _SCALE,
) -> None:
    """Draw white text with a black outline into an image, in place.

    The text is moved as far as needed to lie inside the image.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        text (str): One line.
        at (tuple[int, int]): x, y of the left end of the baseline, px.
        scale (float): Scale of the font. Defaults to 0.45.
    """
    width, height, depth = text_size(text, scale)
    x = max(1, min(at[0], image.shape[1] - width - 1))
    y = max(height + 1, min(at[1], image.shape[0] - depth - 1))
    # An outline of thicker strokes would be longer: in OpenCV 5 the thickness
    # changes the advance of the letters.
    black, white = (0, 0, 0), (255, 255, 255)
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        origin = x + dx, y + dy
        cv2.putText(image, text, origin, _FONT, scale, black, 1, cv2.LINE_AA)
    cv2.putText(image, text, (x, y), _FONT, scale, white, 1, cv2.LINE_AA)


def _draw_caption(strip: np.ndarray, text: str) -> None:
    """Draw black text in the middle of a white strip, shortened to fit."""
    height, width = strip.shape[:2]
    scale, free = _SCALE, width - 4
    needed = text_size(text, scale)[0]
    if needed > free:
        scale = max(_SMALLEST, scale * free / needed)
    shown = text
    while len(shown) > 1 and text_size(shown, scale)[0] > free:
        text = text[:-1]
        shown = f'{text}..'
    length, above, below = text_size(shown, scale)
    at = (width - length) // 2, (height + above - below) // 2
    cv2.putText(strip, shown, at, _FONT, scale, (0, 0, 0), 1, cv2.LINE_AA)


def _place(image: np.ndarray, cell: np.ndarray) -> None:
    """Scale an image to fit a cell (h, w, 3) and put it in the middle."""
    height, width = cell.shape[:2]
    factor = min(width / image.shape[1], height / image.shape[0])
    w = min(width, max(1, round(image.shape[1] * factor)))
    h = min(height, max(1, round(image.shape[0] * factor)))
    if (h, w) != image.shape[:2]:
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        image = cv2.resize(image, (w, h), interpolation=method)
    top, left = (height - h) // 2, (width - w) // 2
    cell[top : top + h, left : left + w] = image


def draw_sheet(
    images: Sequence[np.ndarray | None],
    *,
    columns: int,
    cell: tuple[int, int] = (CELL, CELL),
    labels: Sequence[str] | None = None,
    column_titles: Sequence[str] | None = None,
    gap: int = 0,
) -> np.ndarray:
    """Draw images of any size in a grid of equal cells, row by row.

    Args:
        images (Sequence[np.ndarray or None]): (h, w, 3) BGR uint8 each, scaled
            to fit its cell; None leaves its cell white.
        columns (int): Images a row.
        cell (tuple[int, int]): (w, h) of the images' cells, px.
        labels (Sequence[str], optional): One line of text below each image,
            as many as images; shortened where a cell is too narrow.
        column_titles (Sequence[str], optional): One line of text above each
            column, as many as columns.
        gap (int): White to the right of and below each cell, px.

    Returns:
        np.ndarray: (H, W, 3) BGR uint8; W is columns * (w + gap), H is rows *
        (h + gap), plus ``CAPTION`` for each row of labels and for the titles.

    Raises:
        UserError: ``images`` is empty.
        ValueError: Labels or titles are more or fewer than expected.
    """
    if not images:
        raise UserError('the sheet has no images')
    for name, texts, expected in (
        ('labels', labels, len(images)),
        ('column titles', column_titles, columns),
    ):
        if texts is not None and len(texts) != expected:
            raise ValueError(f'got {len(texts)} {name}, expected {expected}')
    width, height = cell
    rows = -(-len(images) // columns)
    step = height + gap + (CAPTION if labels is not None else 0)
    start = CAPTION if column_titles is not None else 0
    shape = start + rows * step, columns * (width + gap), 3
    sheet = np.full(shape, 255, np.uint8)
    for column, title in enumerate(column_titles or ()):
        left = column * (width + gap)
        _draw_caption(sheet[:CAPTION, left : left + width], title)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = start + row * step, column * (width + gap)
        block = sheet[top : top + step, left : left + width]
        if image is not None:
            _place(image, block[:height])
        if labels is not None:
            _draw_caption(block[height : height + CAPTION], labels[index])
    return sheet


def write_sheet(
    images: Sequence[np.ndarray | None],
    out: str | Path,
    *,
    columns: int,
    cell: tuple[int, int] = (CELL, CELL),
    labels: Sequence[str] | None = None,
    column_titles: Sequence[str] | None = None,
    gap: int = 0,
) -> None:
    """Write images of any size in a grid of equal cells to one image file.

    Args:
        images (Sequence[np.ndarray or None]): (h, w, 3) BGR uint8 each.
        out (str or Path): File to write; its ending chooses the format.
        columns (int): Images a row.
        cell (tuple[int, int]): (w, h) of the images' cells, px.
        labels (Sequence[str], optional): See :func:`draw_sheet`.
        column_titles (Sequence[str], optional): See :func:`draw_sheet`.
        gap (int): White between cells, px.

    Raises:
        UserError: ``images`` is empty, or ``out`` cannot be written.
        ValueError: Labels or titles are more or fewer than expected.
    """
    sheet = draw_sheet(
        images,
        columns=columns,
        cell=cell,
        labels=labels,
        column_titles=column_titles,
        gap=gap,
    )
    write_image(out, sheet)
