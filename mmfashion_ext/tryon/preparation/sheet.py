# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Contact sheet of prepared photographs, unusable ones crossed out."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ...errors import UserError
from ...formats.viton.constants import PANTS, UPPER_CLOTHES
from ...formats.viton.layout import LAYOUTS
from ...utils.image_grid import write_sheet
from ...utils.images import read_image
from .records import Record

_FOLDERS = LAYOUTS['folder', 'train'].folders
_CELL = 180, 240  # px, (w, h)
_COLUMNS = 6
#: Photographs on the sheet; unusable ones come first.
MAX_SHOWN = 120
#: Label -> BGR colour that is laid over it.
_COLOURS = {UPPER_CLOTHES: (60, 160, 255), PANTS: (255, 150, 60)}
_RED = 40, 40, 220


def write_overview(out: Path, records: Sequence[Record]) -> Path:
    """Draw all photographs, with masks and parse maps laid over them.

    Args:
        out (Path): Folder of the prepared dataset.
        records (Sequence[Record]): Of its photographs.

    Returns:
        Path: ``sheet.jpg``: garments on white, worn garments in colour,
        unusable photographs crossed out, with the reason below.
    """
    shown = sorted(records, key=lambda record: not record.reason)[:MAX_SHOWN]
    images = [_draw(out, record) for record in shown]
    labels = [
        record.reason or f'{record.name}: {", ".join(record.classes)}'
        for record in shown
    ]
    path = out / 'sheet.jpg'
    write_sheet(
        images, path, columns=_COLUMNS, cell=_CELL, labels=labels, gap=6
    )
    return path


def _draw(out: Path, record: Record) -> np.ndarray:
    """Draw a photograph, (h, w, 3) uint8 BGR."""
    if record.reason:
        try:
            image = _small(read_image(record.source))
        except UserError:  # it may be what is wrong
            image = np.full((_CELL[1], _CELL[0], 3), 200, np.uint8)
        h, w = image.shape[:2]
        for start, end in (((0, 0), (w, h)), ((0, h), (w, 0))):
            cv2.line(image, start, end, _RED, 3, cv2.LINE_AA)
        return image
    image = read_image(out / _FOLDERS[record.kind] / record.name)
    stem = Path(record.name).stem
    if record.kind == 'cloth':
        mask = _label_map(out / _FOLDERS['cloth_mask'] / f'{stem}.png')
        return _small(np.where(mask[..., None] >= 128, image, np.uint8(255)))
    path = out / _FOLDERS['parse'] / f'{stem}.png'
    if path.is_file():
        ids = _label_map(path)
        for label, colour in _COLOURS.items():
            on = ids == label
            image[on] = image[on] // 2 + np.array(colour, np.uint8) // 2
    return _small(image)


def _label_map(path: Path) -> np.ndarray:
    """Read the grey values of an image that was written here, (h, w)."""
    return read_image(path)[..., 0]


def _small(image: np.ndarray) -> np.ndarray:
    """Return a copy of an image (h, w, 3) that fits a cell."""
    h, w = image.shape[:2]
    scale = min(1, _CELL[0] / w, _CELL[1] / h)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
