# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2 in COCO form: ground truth and result lists, read and checked.

Whatever cannot be evaluated is refused here, by file and item, since COCO's
evaluators crash on it or, worse, count it silently.
"""

import json
import os
from collections import Counter
from typing import Any, Literal

import numpy as np

from ..errors import UserError
from ..formats.deepfashion2.constants import (
    ATTRIBUTES,
    CATEGORY_BY_ID,
    NUM_LANDMARKS,
)

Task = Literal['bbox', 'segm', 'keypoints']

#: Task -> the field of a result entry that is evaluated.
RESULT_FIELDS: dict[str, str] = {
    'bbox': 'bbox',
    'segm': 'segmentation',
    'keypoints': 'keypoints',
}
_CONVERT = (
    'convert the raw annotations with tools/dataset_converters/deepfashion2.py'
)


class EvaluationError(UserError, ValueError):
    """Ground truth or results that cannot be evaluated."""


def load_ground_truth(gt: dict | str | os.PathLike) -> dict:
    """Read and check a COCO ground truth.

    Args:
        gt (dict | str | os.PathLike): COCO dict, left as it is, or its file.

    Returns:
        dict: ``images``, ``annotations`` and ``categories``; the annotations
        are copies with ``iscrowd`` filled in and ``keypoints`` as (882,)
        float64 arrays.

    Raises:
        EvaluationError: The ground truth is not one of DeepFashion2.
    """
    where = 'ground truth'
    if not isinstance(gt, dict):
        where, gt = str(gt), _read_json(gt, 'ground truth')
    for key in ('images', 'annotations', 'categories'):
        if not isinstance(gt, dict) or not isinstance(gt.get(key), list):
            raise EvaluationError(
                f'{where}: is no COCO ground truth, a list {key!r} is '
                f'missing; {_CONVERT}'
            )
    image_ids = {image['id'] for image in gt['images']}
    category_ids = {category['id'] for category in gt['categories']}
    if unknown := category_ids - CATEGORY_BY_ID.keys():
        raise EvaluationError(
            f'{where}: category ids {_some(sorted(unknown))} are not among '
            f'the 1..13 of DeepFashion2; {_CONVERT}'
        )
    annotations = []
    for index, ann in enumerate(gt['annotations']):
        try:
            annotations.append(_annotation(ann, image_ids, category_ids))
        except ValueError as error:
            item = ann.get('id', f'number {index}')
            raise EvaluationError(
                f'{where}: annotation {item} {error}; {_CONVERT}'
            ) from None
    ids = Counter(ann['id'] for ann in annotations)
    # 0 means "unmatched" in COCO's matching
    if wrong := [i for i, n in ids.items() if n > 1 or i == 0]:
        raise EvaluationError(
            f'{where}: annotation ids must be unique and not 0, got '
            f'{_some(wrong)}; {_CONVERT}'
        )
    return {
        'images': gt['images'],
        'annotations': annotations,
        'categories': gt['categories'],
    }


def check_ground_truth(
    task: Task, annotations: list[dict], subsets: bool = False
) -> None:
    """Check what only one kind of evaluation needs of the ground truth.

    Args:
        task (str): ``'bbox'``, ``'segm'`` or ``'keypoints'``.
        annotations (list[dict]): Those of :func:`load_ground_truth`.
        subsets (bool): Whether the attribute codes are needed.

    Raises:
        EvaluationError: Names the annotations.
    """
    fields = {'segm': ['segmentation'], 'keypoints': ['keypoints']}
    fields = fields.get(task, []) + (list(ATTRIBUTES) if subsets else [])
    for key in fields:
        if lacking := [ann['id'] for ann in annotations if key not in ann]:
            needed = f'{task} evaluation needs'
            if key in ATTRIBUTES:
                needed = 'the subsets need and the official JSON files lack'
            raise EvaluationError(
                f'ground truth: annotations {_some(lacking)} have no {key!r},'
                f' which {needed}; {_CONVERT}'
            )
    if task == 'segm' and (
        broken := [a['id'] for a in annotations if not _is_mask(a)]
    ):
        raise EvaluationError(
            f'ground truth: annotations {_some(broken)} have a segmentation '
            f'without area; {_CONVERT} --skip-invalid'
        )


def visible_only(gt: dict) -> dict:
    """The "visible" ground truth made from the "visible and occluded" one.

    Args:
        gt (dict): COCO dict with all labelled landmarks; left as it is.

    Returns:
        dict: The same with only v = 2 kept: x = y = v = 0 for the other
        landmarks and ``num_keypoints`` counted again.
    """
    annotations = []
    for ann in gt['annotations']:
        if 'keypoints' in ann:
            keypoints = np.array(ann['keypoints']).reshape(-1, 3)
            visible = keypoints[:, 2] == 2
            keypoints[~visible] = 0
            flat = keypoints.ravel()
            if isinstance(ann['keypoints'], list):
                flat = flat.tolist()
            count = int(visible.sum())
            ann = {**ann, 'keypoints': flat, 'num_keypoints': count}
        annotations.append(ann)
    return {**gt, 'annotations': annotations}


def load_results(
    task: Task, gt: dict, results: list[dict] | str | os.PathLike
) -> list[dict]:
    """Read and check official results.

    Args:
        task (str): ``'bbox'``, ``'segm'`` or ``'keypoints'``.
        gt (dict): Output of :func:`load_ground_truth`.
        results (list[dict] | str | os.PathLike): Flat list of ``image_id``,
            ``category_id`` (1..13), ``score`` and ``bbox`` [x, y, w, h] px,
            ``segmentation`` (RLE) or ``keypoints`` (882 numbers: x, y in px,
            v arbitrary), left as it is, or its file.

    Returns:
        list[dict]: Copies of the entries, ``keypoints`` as float64 arrays.

    Raises:
        EvaluationError: An entry cannot be evaluated; names it.
    """
    where = 'results'
    if not isinstance(results, list):
        where, results = str(results), _read_json(results, 'results')
    if not isinstance(results, list):
        raise EvaluationError(
            f'{where}: expected a flat list of detections, got '
            f'{type(results).__name__}; write official results, for instance '
            'with tools/test.py --dump'
        )
    sizes = {
        image['id']: [image.get('height'), image.get('width')]
        for image in gt['images']
    }
    entries = []
    for index, entry in enumerate(results):
        try:
            entries.append(_entry(task, entry, sizes))
        except ValueError as error:
            raise EvaluationError(f'{where}: entry {index} {error}') from None
    # COCO looks at the first entry to see where all their areas come from
    for key in ('bbox', 'segmentation'):
        if len({key in entry for entry in entries}) > 1:
            raise EvaluationError(
                f'{where}: some entries have {key!r} and some do not; it '
                'sets the area of a detection, so give it to all or to none'
            )
    return entries


def _read_json(path: str | os.PathLike, what: str) -> Any:
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except OSError as error:
        raise EvaluationError(
            f'{path}: cannot read the {what} ({error.strerror}); check the '
            'path'
        ) from error
    except ValueError as error:
        raise EvaluationError(
            f'{path}: the {what} is not valid JSON ({error}); write the file '
            'again'
        ) from error


def _annotation(ann: dict, image_ids: set, category_ids: set) -> dict:
    for key in ('id', 'image_id', 'category_id', 'bbox', 'area'):
        if key not in ann:
            raise ValueError(f'has no {key!r}')
    if ann['image_id'] not in image_ids:
        raise ValueError(f'is of image {ann["image_id"]}, which is not listed')
    if ann['category_id'] not in category_ids:
        raise ValueError(
            f'is of category {ann["category_id"]}, which is not listed'
        )
    ann = {'iscrowd': 0, **ann}
    _numbers(ann, 'bbox', 4)
    if 'keypoints' in ann:
        ann['keypoints'] = _numbers(ann, 'keypoints', NUM_LANDMARKS * 3)
        visibility = ann['keypoints'][2::3]
        ann.setdefault('num_keypoints', int(np.count_nonzero(visibility)))
    return ann


def _entry(task: Task, entry: dict, sizes: dict[int, list[int]]) -> dict:
    field = RESULT_FIELDS[task]
    for key in ('image_id', 'category_id', 'score', field):
        if key not in entry:
            raise ValueError(f'has no {key!r}, which {task} results need')
    if entry['image_id'] not in sizes:
        raise ValueError(
            f'is of image {entry["image_id"]}, which is not in the ground '
            'truth; take the ground truth of the split that was predicted'
        )
    if entry['category_id'] not in CATEGORY_BY_ID:
        raise ValueError(
            f'has category_id {entry["category_id"]}, expected 1..13 '
            '(label + 1)'
        )
    if not np.isfinite(entry['score']):
        raise ValueError(f'has score {entry["score"]}: the model diverged')
    entry = dict(entry)
    if 'bbox' in entry:
        _numbers(entry, 'bbox', 4)
    if task == 'keypoints':
        entry['keypoints'] = _numbers(entry, 'keypoints', NUM_LANDMARKS * 3)
    elif task == 'segm':
        rle, size = entry['segmentation'], sizes[entry['image_id']]
        if not isinstance(rle, dict) or not {'size', 'counts'} <= rle.keys():
            raise ValueError(
                'has a segmentation that is no RLE, expected '
                '{"size": [h, w], "counts": "..."}'
            )
        if list(rle['size']) != size:
            raise ValueError(
                f'has a mask of (h, w) {rle["size"]}, its image is {size}; '
                'masks must be those of the original image'
            )
    return entry


def _numbers(item: dict, key: str, length: int) -> np.ndarray:
    values = np.asarray(item[key], dtype=float)
    if values.shape != (length,):
        raise ValueError(
            f'has {values.size} numbers in {key!r}, expected {length}'
            + (' (x, y, v of 294 landmarks)' if key == 'keypoints' else '')
        )
    if not np.isfinite(values).all():
        raise ValueError(f'has numbers in {key!r} that are not finite')
    return values


def _is_mask(ann: dict) -> bool:
    """Whether pycocotools can draw it; further polygons may be anything."""
    segmentation = ann['segmentation']
    if isinstance(segmentation, dict):
        return True
    return bool(segmentation) and len(segmentation[0]) >= 6


def _some(ids: list, limit: int = 5) -> str:
    shown = ', '.join(str(i) for i in ids[:limit])
    return shown + (f' and {len(ids) - limit} more' if ids[limit:] else '')
