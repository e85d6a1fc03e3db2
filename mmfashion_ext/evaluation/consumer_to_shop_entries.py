# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What an entry of the retrieval lists must look like.

The checks raise a ``ValueError`` that continues "entry 7 ...": what is wrong
and what was expected. :mod:`.retrieval_files` adds the file and the remedy.
"""

from typing import Any

import numpy as np

from ..formats.deepfashion2.constants import CATEGORY_BY_ID

#: Keys of the entries of the two ground-truth lists.
GT_KEYS: dict[str, tuple[str, ...]] = {
    'query': ('query_image_id', 'style', 'cls', 'pair_id', 'bbox'),
    'gallery': ('gallery_image_id', 'style', 'pair_id', 'bbox'),
}
#: Keys of the entries of the result list.
RESULT_KEYS = (
    'query_image_id',
    'query_bbox',
    'query_cls',
    'query_score',
    'gallery_image_id',
    'gallery_bbox',
)
_CORNERS = '[x1, y1, x2, y2] with x1 <= x2 and y1 <= y2'
_NUM_CLASSES = len(CATEGORY_BY_ID)


def check_gt_entry(entry: Any, kind: str) -> None:
    """Check an entry of a ground-truth list.

    Args:
        entry: The entry.
        kind (str): ``'query'`` or ``'gallery'``.

    Raises:
        ValueError: A key is missing or its value cannot be.
    """
    _check_keys(entry, GT_KEYS[kind])
    check_integer(entry, f'{kind}_image_id')
    check_integer(entry, 'style', 0)
    check_integer(entry, 'pair_id')
    if kind == 'query':
        check_integer(entry, 'cls', 1, _NUM_CLASSES)
    check_box(entry, 'bbox')


def check_result_entry(entry: Any) -> None:
    """Check an entry of a result list.

    Args:
        entry: The entry; its lists may be arrays.

    Raises:
        ValueError: A key is missing or its value cannot be.
    """
    _check_keys(entry, RESULT_KEYS)
    check_integer(entry, 'query_image_id')
    check_integer(entry, 'query_cls', 1, _NUM_CLASSES)
    score = _numbers(entry['query_score'])
    if score is None or score.ndim:
        raise ValueError(
            f'has query_score {entry["query_score"]!r:.60}, expected a '
            'finite number'
        )
    check_box(entry, 'query_bbox')
    image_ids = _numbers(entry['gallery_image_id'])
    if (
        image_ids is None
        or image_ids.ndim != 1
        or (image_ids.size and image_ids.dtype.kind == 'f')
    ):
        raise ValueError(
            f'has gallery_image_id {entry["gallery_image_id"]!r:.60}, '
            'expected a flat list of integers'
        )
    _check_gallery_boxes(entry['gallery_bbox'], len(image_ids))


def check_coco_annotation(ann: Any) -> None:
    """Check what retrieval needs of a COCO annotation.

    Args:
        ann: The annotation.

    Raises:
        ValueError: A key is missing or its value cannot be.
    """
    _check_keys(ann, ('image_id', 'category_id', 'style', 'bbox'))
    check_integer(ann, 'image_id')
    check_integer(ann, 'category_id', 1, _NUM_CLASSES)
    check_integer(ann, 'style', 0)
    box = _numbers(ann['bbox'])
    if box is None or box.shape != (4,) or (box[2:] < 0).any():
        raise ValueError(
            f'has bbox {ann["bbox"]!r:.60}, expected 4 finite numbers '
            '[x, y, w, h]'
        )


def check_integer(
    item: Any, key: str, low: int | None = None, high: int | None = None
) -> None:
    """Check that an item has an integer.

    Args:
        item: The item.
        key (str): Where the integer is.
        low (int, optional): The least it may be.
        high (int, optional): The most it may be.

    Raises:
        ValueError: The item is no dict, the value no integer or too far off.
    """
    _check_keys(item, (key,))
    value = item[key]
    if (
        not isinstance(value, int | np.integer)
        or isinstance(value, bool)
        or (low is not None and value < low)
        or (high is not None and value > high)
    ):
        limits = '' if low is None else f' from {low}'
        limits += '' if high is None else f' to {high}'
        raise ValueError(
            f'has {key} {value!r:.60}, expected an integer{limits}'
        )


def check_box(item: dict, key: str) -> None:
    """Check that an item has a box [x1, y1, x2, y2] in px.

    Args:
        item (dict): The item.
        key (str): Where the box is.

    Raises:
        ValueError: It is none, or inverted.
    """
    box = _numbers(item[key])
    if box is None or box.shape != (4,) or (box[2:] < box[:2]).any():
        raise ValueError(
            f'has {key} {item[key]!r:.80}, expected 4 finite numbers '
            f'{_CORNERS} (corners, not width and height)'
        )


def _check_gallery_boxes(value: Any, number: int) -> None:
    boxes = _numbers(value)
    if (
        boxes is None
        or boxes.ndim == 0
        or (boxes.size and boxes.shape[1:] != (4,))
    ):
        raise ValueError(
            f'has a gallery_bbox that is no list of boxes {_CORNERS} of '
            'finite numbers'
        )
    if len(boxes) != number:
        raise ValueError(
            f'has {number} gallery_image_id but {len(boxes)} gallery_bbox, '
            'expected a box of each image'
        )
    boxes = boxes.reshape(-1, 4)
    inverted = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if inverted.any():
        raise ValueError(
            f'has {boxes[inverted.argmax()].tolist()} in gallery_bbox, '
            f'expected {_CORNERS} (corners, not width and height)'
        )


def _check_keys(entry: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f'is {entry!r:.60}, expected an object')
    for key in keys:
        if key not in entry:
            raise ValueError(
                f'has no {key!r}, expected {", ".join(keys)}, got '
                f'{", ".join(map(str, entry)) or "no keys"}'
            )


def _numbers(value: Any) -> np.ndarray | None:
    """Finite numbers as an array; None if they are not."""
    try:
        numbers = np.asarray(value)
    except ValueError:  # lists of different lengths inside
        return None
    if numbers.dtype.kind not in 'iuf' or not np.isfinite(numbers).all():
        return None
    return numbers
