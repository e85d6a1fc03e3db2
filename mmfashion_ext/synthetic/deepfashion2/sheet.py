# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Contact sheet of a raw DeepFashion2 split, with its annotations drawn."""

import json
from pathlib import Path

import cv2
import numpy as np

from ...formats.deepfashion2.constants import CATEGORY_BY_ID, PALETTE
from ...utils.image_grid import draw_text, write_sheet
from ...utils.images import read_image
from ..output import check_sheet


def draw_annotation(image: np.ndarray, annotation: dict) -> np.ndarray:
    """Draw masks, boxes, skeletons, landmark numbers and category names.

    Visible landmarks are filled circles, occluded ones are hollow.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        annotation (dict): Content of a raw annotation file.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8, a drawn copy.
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
    for item in items:  # last, so that nothing covers them
        category = CATEGORY_BY_ID[item['category_id']]
        x1, y1 = item['bounding_box'][:2]
        text = f'{category.raw_name}, style {item["style"]}'
        draw_text(image, text, (x1 + 2, max(y1, 12) + 12), 0.4)
    return image


def _draw_item(image: np.ndarray, item: dict) -> None:
    """Draw the outline, box, skeleton and landmarks of an item in place."""
    category = CATEGORY_BY_ID[item['category_id']]
    colour = PALETTE[category.id - 1][::-1]
    dark = tuple(int(v * 0.5) for v in colour)
    for polygon in item['segmentation']:
        points = np.reshape(polygon, (-1, 2)).astype(np.int32)
        cv2.polylines(image, [points], True, colour, 1, cv2.LINE_AA)
    x1, y1, x2, y2 = item['bounding_box']
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, 1)
    landmarks = np.reshape(item['landmarks'], (-1, 3)).astype(int).tolist()
    for a, b in category.skeleton:
        (xa, ya, va), (xb, yb, vb) = landmarks[a - 1], landmarks[b - 1]
        if va and vb:
            cv2.line(image, (xa, ya), (xb, yb), dark, 1, cv2.LINE_AA)
    for number, (x, y, v) in enumerate(landmarks, 1):
        if v:
            filled = -1 if v == 2 else 1
            cv2.circle(image, (x, y), 3, (255, 255, 255), filled, cv2.LINE_AA)
            draw_text(image, str(number), (x + 3, y - 2), 0.3)


def contact_sheet(
    split: str | Path,
    out: str | Path,
    *,
    num: int = 24,
    columns: int = 6,
    plain: bool = False,
) -> None:
    """Draw the first images of a split on one contact sheet.

    Each image is scaled to a cell of (400, 400, 3). Below it stand its number,
    its source and its pair.

    Args:
        split (str or Path): Folder with ``image`` and ``annos``.
        out (str or Path): Image file to write; its ending chooses the format.
        num (int): Number of images, 400 px each. Defaults to 24.
        columns (int): Images a row. Defaults to 6.
        plain (bool): Leave out the annotations. Defaults to False.

    Raises:
        UserError: ``out`` cannot be written, or the split has no images.
    """
    check_sheet(Path(out))
    images, labels = [], []
    for file in sorted(Path(split, 'image').glob('*.jpg'))[:num]:
        image = read_image(file)
        text = Path(split, 'annos', f'{file.stem}.json').read_text()
        annotation = json.loads(text)
        if not plain:
            image = draw_annotation(image, annotation)
        images.append(image)
        source, pair_id = annotation['source'], annotation['pair_id']
        labels.append(f'{file.stem}: {source}, pair {pair_id}')
    write_sheet(images, out, columns=columns, labels=labels, gap=4)
