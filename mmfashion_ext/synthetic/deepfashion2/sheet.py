# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A contact sheet of a raw DeepFashion2 split, with everything drawn in."""

import json
from pathlib import Path

import cv2
import numpy as np

from ...formats.deepfashion2.constants import CATEGORY_BY_ID, PALETTE
from ...utils.image_grid import write_sheet
from ..output import UsageError


def draw_annotation(image: np.ndarray, annotation: dict) -> np.ndarray:
    """Draw masks, boxes, skeletons, landmark numbers and names.

    Visible landmarks are filled, occluded ones hollow.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        annotation (dict): A raw annotation file.

    Returns:
        np.ndarray: A drawn copy.
    """
    image = image.copy()
    items = [v for k, v in annotation.items() if k.startswith('item')]
    for item in items:
        colour = PALETTE[item['category_id'] - 1][::-1]
        mask = np.zeros(image.shape[:2], np.uint8)
        for polygon in item['segmentation']:
            points = np.reshape(polygon, (-1, 2)).astype(np.int32)
            cv2.fillPoly(mask, [points], 1)
        inside = mask > 0
        image[inside] = (0.6 * image[inside] + 0.4 * np.array(colour)).astype(
            np.uint8
        )
    for item in items:
        _draw_item(image, item)
    return image


def _draw_item(image: np.ndarray, item: dict) -> None:
    category = CATEGORY_BY_ID[item['category_id']]
    colour = PALETTE[category.id - 1][::-1]
    dark = tuple(int(v * 0.5) for v in colour)
    for polygon in item['segmentation']:
        points = np.reshape(polygon, (-1, 2)).astype(np.int32)
        cv2.polylines(image, [points], True, colour, 1, cv2.LINE_AA)
    x1, y1, x2, y2 = item['bounding_box']
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, 1)
    marks = np.reshape(item['landmarks'], (-1, 3)).astype(int)
    for a, b in category.skeleton:
        (xa, ya, va), (xb, yb, vb) = (
            marks[a - 1].tolist(),
            marks[b - 1].tolist(),
        )
        if va and vb:
            cv2.line(image, (xa, ya), (xb, yb), dark, 1, cv2.LINE_AA)
    for number, (x, y, v) in enumerate(marks.tolist(), 1):
        if v:
            filled = -1 if v == 2 else 1
            cv2.circle(image, (x, y), 3, (255, 255, 255), filled, cv2.LINE_AA)
            _text(image, str(number), (x + 3, y - 2), 0.3)
    text = f'{category.raw_name} s{item["style"]}'
    _text(image, text, (x1 + 2, max(y1, 12) + 12), 0.45)


def _text(
    image: np.ndarray, text: str, at: tuple[int, int], size: float
) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, text, at, font, size, (0, 0, 0), 2, cv2.LINE_AA)
    cv2.putText(image, text, at, font, size, (255, 255, 255), 1, cv2.LINE_AA)


def check_sheet(out: Path) -> None:
    """Check where a sheet is to be written, before the work starts.

    Args:
        out (Path): Picture to write.

    Raises:
        UsageError: Its ending is not that of a picture, or no such folder.
    """
    if out.suffix.lower() not in ('.jpg', '.jpeg', '.png'):
        raise UsageError(f'{out}: a sheet must end in .jpg or .png')
    if not out.parent.is_dir():
        raise UsageError(f'{out.parent} does not exist; create it first')


def contact_sheet(
    split: str | Path,
    out: str | Path,
    *,
    num: int = 24,
    columns: int = 6,
    plain: bool = False,
) -> None:
    """Draw the first pictures of a split on one sheet.

    Args:
        split (str | Path): Folder with ``image`` and ``annos``.
        out (str | Path): Picture to write; its ending chooses the format.
        num (int): Number of pictures. Defaults to 24.
        columns (int): Pictures a row. Defaults to 6.
        plain (bool): Leave out the annotations.
    """
    check_sheet(Path(out))
    images = []
    for file in sorted(Path(split, 'image').glob('*.jpg'))[:num]:
        image = cv2.imread(str(file))
        if not plain:
            text = Path(split, 'annos', f'{file.stem}.json').read_text()
            image = draw_annotation(image, json.loads(text))
        images.append(image)
    write_sheet(images, out, columns=columns)
