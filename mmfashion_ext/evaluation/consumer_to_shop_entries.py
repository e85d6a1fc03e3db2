# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tables of fields of the retrieval lists, and of what is read of COCO files.

Boxes of the lists are [x1, y1, x2, y2] in px, those of COCO files
[x, y, w, h].
"""

from dataclasses import dataclass

import numpy as np

from ..errors import describe
from ..formats.checks import Fields, find_problems
from ..formats.coco import BBOX
from ..formats.deepfashion2.constants import CATEGORY_BY_ID
from ..formats.rules import (
    Integer,
    Number,
    Numbers,
    as_numbers,
    show,
)

_CORNERS = '[x1, y1, x2, y2] with x1 <= x2 and y1 <= y2'
_CATEGORY_ID = Integer(1, len(CATEGORY_BY_ID))


@dataclass(frozen=True)
class CornerBox:
    """Rule for a box (x1, y1, x2, y2) in px, list or array (4,).

    It may have no area.
    """

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        if problem := Numbers(4, 'x1, y1, x2, y2 in px')(value):
            return problem
        box = np.asarray(value)
        if (box[2:] >= box[:2]).all():
            return ''
        return (
            f' {show(box.tolist())}, expected {_CORNERS} '
            '(corners, not width and height)'
        )


@dataclass(frozen=True)
class CornerBoxes:
    """Rule for a list or array (n, 4) of boxes [x1, y1, x2, y2] in px."""

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        boxes = as_numbers(value)
        if boxes is not None and boxes.shape == (0,):
            return ''
        if (
            boxes is None
            or boxes.ndim != 2
            or boxes.shape[1] != 4
            or not np.isfinite(boxes).all()
        ):
            return (
                f' {show(value)}, expected a list of boxes {_CORNERS} of '
                'finite numbers'
            )
        inverted = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
        if inverted.any():
            index = int(inverted.argmax())
            return f'[{index}]{CornerBox()(boxes[index])}'
        return ''


@dataclass(frozen=True)
class SizedBox:
    """Rule for a COCO box (x, y, w, h) in px, a list of 4 numbers."""

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        if problem := BBOX(value):
            return problem
        if (np.asarray(value)[2:] >= 0).all():
            return ''
        return f' {show(value)}, expected [x, y, w, h] with w and h 0 or more'


@dataclass(frozen=True)
class Integers:
    """Rule for a flat list or array of integers."""

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        numbers = as_numbers(value)
        if (
            numbers is not None
            and numbers.ndim == 1
            and (numbers.dtype.kind in 'iu' or not numbers.size)
        ):
            return ''
        return f' {show(value)}, expected a flat list of integers'


#: Fields of an entry of the two ground-truth lists.
GT_FIELDS: dict[str, Fields] = {
    'query': {
        'query_image_id': Integer(),
        'style': Integer(0),
        'cls': _CATEGORY_ID,
        'pair_id': Integer(),
        'bbox': CornerBox(),
    },
    'gallery': {
        'gallery_image_id': Integer(),
        'style': Integer(0),
        'pair_id': Integer(),
        'bbox': CornerBox(),
    },
}
#: Fields of an entry of the result list; the lists may be arrays.
RESULT_FIELDS: Fields = {
    'query_image_id': Integer(),
    'query_bbox': CornerBox(),
    'query_cls': _CATEGORY_ID,
    'query_score': Number(),
    'gallery_image_id': Integers(),
    'gallery_bbox': CornerBoxes(),
}
#: Fields of a COCO annotation that become an entry.
ANNOTATION_FIELDS: Fields = {
    'id': Integer(),
    'image_id': Integer(),
    'category_id': _CATEGORY_ID,
    'style': Integer(0),
    'bbox': SizedBox(),
}


def gt_problem(entry: object, kind: str) -> str:
    """Return what is wrong with an entry of a ground truth; '' if nothing.

    Args:
        entry (object): The entry; its box is (x1, y1, x2, y2) in px.
        kind (str): ``'query'`` or ``'gallery'``.
    """
    return _first_problem(entry, GT_FIELDS[kind])


def result_problem(entry: object) -> str:
    """Return what is wrong with an entry of a result list; '' if nothing.

    Args:
        entry (object): The entry; its boxes are a list or array (n, 4) of
            x1, y1, x2, y2 in px.
    """
    if problem := _first_problem(entry, RESULT_FIELDS):
        return problem
    assert isinstance(entry, dict)
    num_ids = len(entry['gallery_image_id'])
    num_boxes = len(entry['gallery_bbox'])
    if num_ids != num_boxes:
        return (
            f'has {num_ids} gallery_image_id but {num_boxes} gallery_bbox, '
            'expected a box of each image'
        )
    return ''


def _first_problem(entry: object, fields: Fields) -> str:
    for problem in find_problems(entry, fields):
        if isinstance(entry, dict) and not problem.field:
            keys = describe(f'{key!s:.30}' for key in entry) or 'no keys'
            return f'{problem.text}; got {" ".join(keys.split())}'
        return problem.text
    return ''
