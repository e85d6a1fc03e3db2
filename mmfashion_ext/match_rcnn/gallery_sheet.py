# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sheet of retrieval results: each garment beside its matches."""

from pathlib import Path

import cv2
import numpy as np

from ..errors import UserError
from ..utils.image_grid import CAPTION, write_sheet
from ..utils.images import ImageInput, read_image
from ..utils.sources import is_url


def draw_matches(
    image: ImageInput,
    garments: list[dict],
    out: str | Path,
    cell: tuple[int, int] = (200, 260),
) -> None:
    """Write a sheet with one row per garment: the garment, then its matches.

    Titles above the columns say so.

    Args:
        image (ImageInput): The user's image.
        garments (list[dict]): Result of
            :func:`~mmfashion_ext.match_rcnn.gallery.query_gallery`.
        out (str | Path): ``.jpg`` or ``.png``.
        cell (tuple[int, int]): (w, h) px of an image and its label.

    Raises:
        UserError: The image cannot be read, or ``out`` cannot be written.
    """
    user_image = read_image(image)
    columns = 1 + max(len(garment['matches']) for garment in garments)
    size = cell[0], cell[1] - CAPTION
    images: list[np.ndarray | None] = []
    labels: list[str] = []
    for garment in garments:
        images.append(_draw_cell(user_image, garment['bbox'], size))
        labels.append(f'{garment["category"]} {garment["score"]:.2f}')
        for rank, match in enumerate(garment['matches'], 1):
            shop_image = _read_if_present(match['image'])
            images.append(_draw_cell(shop_image, match['bbox'], size))
            labels.append(f'{rank}. {match["similarity"]:.3f}')
        blanks = columns - 1 - len(garment['matches'])
        images += [None] * blanks
        labels += [''] * blanks
    write_sheet(
        images,
        out,
        columns=columns,
        cell=size,
        labels=labels,
        column_titles=['garment', *(f'match {i}' for i in range(1, columns))],
    )


def _read_if_present(path: str) -> np.ndarray | None:
    """Read an image (h, w, 3) BGR; None if it was moved since the build.

    An index may come from anywhere, so nothing is fetched that it names.
    """
    if is_url(path):
        return None
    try:
        return read_image(path)
    except UserError:
        return None


def _draw_cell(
    image: np.ndarray | None, box: list[float], size: tuple[int, int]
) -> np.ndarray:
    """Draw the surroundings of a garment and its box, (h, w, 3) BGR."""
    width, height = size
    cell = np.full((height, width, 3), 255, np.uint8)
    if image is None:
        at = 8, (height + CAPTION) // 2
        cv2.putText(cell, 'gone', at, 0, 0.6, (0, 0, 160), 1, cv2.LINE_AA)
    else:
        x1, y1, x2, y2 = box
        margin = 0.1 * max(x2 - x1, y2 - y1)
        left, top = int(max(0, x1 - margin)), int(max(0, y1 - margin))
        image = image[top : int(y2 + margin) + 1, left : int(x2 + margin) + 1]
        factor = min((width - 6) / image.shape[1], height / image.shape[0])
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        image = cv2.resize(
            image, None, fx=factor, fy=factor, interpolation=method
        )
        corners = (np.array(box).reshape(2, 2) - (left, top)) * factor
        first, second = corners.round().astype(int).tolist()
        cv2.rectangle(image, first, second, (60, 160, 60), 1)
        top, left = np.subtract(cell.shape, image.shape)[:2] // 2
        bottom, right = top + image.shape[0], left + image.shape[1]
        cell[top:bottom, left:right] = image
    return cell
