# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Page "Analyse a photo": clothes with boxes, masks and landmarks."""

from typing import Any, NamedTuple

import numpy as np

from ..utils.duplicates import DUPLICATE_IOU
from ..utils.result_writer import to_plain
from .uploads import Upload, read_photo


class Analysis(NamedTuple):
    """The clothes of a photograph.

    Attributes:
        drawn (np.ndarray): (h, w, 3) uint8 BGR, with boxes, masks, landmarks.
        rows (list[tuple[str, ...]]): Category, score, box and number of
            landmarks of each garment, best first.
        prediction (dict): The same in plain values, as
            ``predictions/NAME.json`` has it.
        notes (list[str]): What was done to the photograph.
    """

    drawn: np.ndarray
    rows: list[tuple[str, ...]]
    prediction: dict
    notes: list[str]


HEADINGS = 'garment', 'score', 'box: x1 y1 x2 y2 px', 'landmarks'


def analyse(upload: Upload | None, infer: Any, score_thr: float) -> Analysis:
    """Find the clothes of a photograph, as ``mmfashion predict`` does.

    Args:
        upload (Upload, optional): The photograph; None if none was chosen.
        infer (ClothesInferencer): Of Match R-CNN.
        score_thr (float): Lowest score, 0-1, of a garment.

    Returns:
        Analysis: Boxes are xyxy px of the photograph, after it was reduced
        if it was large.

    Raises:
        UserError: The photograph cannot be used.
    """
    photo = read_photo(upload)
    (found,) = infer(
        {photo.name: photo.image},
        draw=True,
        score_thr=score_thr,
        duplicate_iou=DUPLICATE_IOU,
        draw_score_thr=score_thr,
    )['predictions']
    drawn = found.pop('visualization')
    rows: list[tuple[str, ...]] = [
        (
            readable(category),
            f'{found["scores"][i]:.2f}',
            ' '.join(f'{value:.0f}' for value in found['bboxes'][i]),
            str(len(found['keypoints'][i])) if 'keypoints' in found else '0',
        )
        for i, category in enumerate(found['categories'])
    ]
    plain = to_plain(infer.to_json(found))
    return Analysis(drawn, rows, plain, [photo.note] if photo.note else [])


def readable(category: str) -> str:
    """Return a category's name for people: ``short sleeved shirt``."""
    return category.replace('_', ' ')
