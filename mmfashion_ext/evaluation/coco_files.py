# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2 in COCO form: ground truth and result lists, read and checked.

Whatever cannot be evaluated is refused here, by file and item, since COCO's
evaluators crash on it or, worse, count it silently.
"""

import os
from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np

from ..errors import UserError, describe
from ..formats.checks import Fields, find_problems, list_problem
from ..formats.coco import (
    ANNOTATION_FIELDS,
    BBOX,
    CocoFields,
    Segmentation,
    read_coco,
    rle_problem,
)
from ..formats.deepfashion2.constants import (
    ATTRIBUTES,
    CATEGORY_BY_ID,
    NUM_LANDMARKS,
)
from ..formats.rules import (
    MAX_SIDE,
    Integer,
    Number,
    Numbers,
    OptionalField,
    Text,
    show,
)
from ..utils.files import read_json
from ..utils.skipped import warn_named

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


class EvaluationError(UserError):
    """Ground truth or results that cannot be evaluated."""


_KEYPOINTS = Numbers(3 * NUM_LANDMARKS, 'x, y, v of 294 landmarks')
_GROUND_TRUTH = CocoFields(
    image={
        'id': Integer(),
        'width': OptionalField(Number(1, MAX_SIDE, 'px')),
        'height': OptionalField(Number(1, MAX_SIDE, 'px')),
    },
    annotation={
        **ANNOTATION_FIELDS,
        'category_id': Integer(1, len(CATEGORY_BY_ID)),
        'area': Number(0, MAX_SIDE**2, 'px^2'),
        'keypoints': OptionalField(_KEYPOINTS),
        'num_keypoints': OptionalField(Integer(0)),
        'segmentation': OptionalField(Segmentation()),
        **{name: OptionalField(Integer(0, 3)) for name in ATTRIBUTES},
    },
    category={
        'id': Integer(1, len(CATEGORY_BY_ID), 'DeepFashion2'),
        'name': Text('a name'),
    },
    remedy=_CONVERT,
    error=EvaluationError,
)
#: Fields of a result entry; the one that is evaluated is not optional.
_RESULT: Fields = {
    'image_id': Integer(),
    'category_id': Integer(1, len(CATEGORY_BY_ID), 'label + 1'),
    'score': Number(note='the model diverged if it is not finite'),
    'bbox': OptionalField(BBOX),
}
_EVALUATED: dict[str, Fields] = {
    'bbox': {'bbox': BBOX},
    'segm': {'segmentation': None},
    'keypoints': {'keypoints': _KEYPOINTS},
}


def load_ground_truth(gt: dict | str | os.PathLike) -> dict:
    """Read and check a COCO ground truth.

    Args:
        gt (dict | str | os.PathLike): COCO dict, left as it is, or its file.

    Returns:
        dict: ``images``, ``annotations`` and ``categories``; the annotations
        are copies with ``iscrowd`` filled in and ``keypoints`` as (882,)
        float64 arrays: the rows of (294, 3), x and y in px and v.

    Raises:
        EvaluationError: The ground truth is not one of DeepFashion2.
    """
    where = 'ground truth' if isinstance(gt, dict) else str(gt)
    truth = read_coco(gt, _GROUND_TRUTH)
    annotations = []
    for annotation in truth.annotations:
        # 0 means "unmatched" in COCO's matching
        if annotation['id'] == 0:
            raise EvaluationError(
                f'{where}: annotation ids must not be 0; {_CONVERT}'
            )
        annotation = {'iscrowd': 0, **annotation}
        if 'keypoints' in annotation:
            keypoints = np.asarray(annotation['keypoints'], dtype=float)
            annotation['keypoints'] = keypoints
            annotation.setdefault(
                'num_keypoints', int(np.count_nonzero(keypoints[2::3]))
            )
        annotations.append(annotation)
    return {
        'images': list(truth.images.values()),
        'annotations': annotations,
        'categories': truth.categories,
    }


def check_covers(
    gt: dict, dataset: Any, where: str, *, whole: bool = False
) -> None:
    """Check that a ground truth has the images of a dataset, and items.

    Args:
        gt (dict): Of :func:`load_ground_truth`.
        dataset (Any): With ``get_data_info`` and ``img_id`` in its items.
        where (str): File of the ground truth, for the message.
        whole (bool): Warn if the dataset lacks images with items.

    Raises:
        EvaluationError: There are no items to find, or images of the dataset
            are not in the ground truth.
    """
    if not gt['annotations']:
        raise EvaluationError(
            f'{where}: the ground truth has no items, there is nothing to '
            f'evaluate; {_CONVERT}'
        )
    known = {image['id'] for image in gt['images']}
    ids = {dataset.get_data_info(i)['img_id'] for i in range(len(dataset))}
    if unknown := sorted(ids - known):
        raise EvaluationError(
            f'{where}: {len(unknown)} of {len(ids)} images of the dataset are '
            f'not in the ground truth (ids {describe(unknown)}); set ann_file '
            'of the evaluator to that of the dataset'
        )
    untested = {ann['image_id'] for ann in gt['annotations']} - ids
    if whole and untested:
        warn_named(
            f'{where}: {len(untested)} images with items are not in the '
            'dataset, their items count as missed; if that is not meant, set '
            'ann_file of the evaluator to that of the dataset. Ids',
            sorted(untested),
        )


def check_ground_truth(
    task: Task,
    annotations: list[dict],
    subsets: bool = False,
    images: Sequence[dict] = (),
) -> None:
    """Check what only one kind of evaluation needs of the ground truth.

    Args:
        task (str): ``'bbox'``, ``'segm'`` or ``'keypoints'``.
        annotations (list[dict]): Those of :func:`load_ground_truth`.
        subsets (bool): Whether the attribute codes are needed.
        images (Sequence[dict]): Those of :func:`load_ground_truth`; masks
            need their sizes.

    Raises:
        EvaluationError: Names the annotations or images.
    """
    of_task = {'segm': ['segmentation'], 'keypoints': ['keypoints']}
    keys = of_task.get(task, []) + (list(ATTRIBUTES) if subsets else [])
    for key in keys:
        if lacking := [ann['id'] for ann in annotations if key not in ann]:
            needed = f'{task} evaluation needs'
            if key in ATTRIBUTES:
                needed = 'the subsets need and the official JSON files lack'
            raise EvaluationError(
                f'ground truth: annotations {describe(lacking)} have no '
                f'{key!r}, which {needed}; {_CONVERT}'
            )
    sizeless = [
        image['id']
        for image in images
        if not {'height', 'width'} <= image.keys()
    ]
    if task == 'segm' and sizeless:
        raise EvaluationError(
            f'ground truth: images {describe(sizeless)} have no height or '
            f'width, which segm evaluation needs; {_CONVERT}'
        )
    if task == 'segm' and (
        broken := [a['id'] for a in annotations if not _is_mask(a)]
    ):
        raise EvaluationError(
            f'ground truth: annotations {describe(broken)} have a '
            f'segmentation without area; {_CONVERT} --skip-invalid'
        )


def visible_only(gt: dict) -> dict:
    """The "visible" ground truth made from the "visible and occluded" one.

    Args:
        gt (dict): COCO dict with all labelled landmarks, the rows of
            (294, 3) in each annotation; left as it is.

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
            flat: Any = keypoints.ravel()
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
            ``category_id`` (1..13), ``score`` and ``bbox`` (x, y, w, h) in
            px, ``segmentation`` (run lengths of a mask (h, w)) or
            ``keypoints`` (882 numbers: the rows of (294, 3), x and y in px,
            v arbitrary), left as it is, or its file.

    Returns:
        list[dict]: Copies of the entries, ``keypoints`` as float64 arrays.

    Raises:
        EvaluationError: An entry cannot be evaluated; names it.
    """
    where, content = 'results', cast(Any, results)
    if not isinstance(results, list):
        where = str(results)
        content = read_json(results, 'result list', error=EvaluationError)
    if problem := list_problem(content, 'detections'):
        raise EvaluationError(
            f'{where} {problem}; write official results, for instance with '
            'tools/test.py --dump'
        )
    sizes = {
        image['id']: [image.get('height'), image.get('width')]
        for image in gt['images']
    }
    fields = {**_RESULT, **_EVALUATED[task]}
    entries = []
    for index, entry in enumerate(content):
        problem = next(
            (p.text for p in find_problems(entry, fields)), ''
        ) or _reference_problem(task, entry, sizes)
        if problem:
            raise EvaluationError(
                f'{where}: entry {index} {problem}; write official {task} '
                'results, for instance with tools/test.py --dump'
            )
        entry = dict(entry)
        if task == 'keypoints':
            keypoints = np.asarray(entry['keypoints'], dtype=float)
            entry['keypoints'] = keypoints
        entries.append(entry)
    # COCO looks at the first entry to see where all their areas come from
    for key in ('bbox', 'segmentation'):
        if len({key in entry for entry in entries}) > 1:
            raise EvaluationError(
                f'{where}: some entries have {key!r} and some do not; it '
                'sets the area of a detection, so give it to all or to none'
            )
    return entries


def _reference_problem(task: Task, entry: dict, sizes: dict[int, list]) -> str:
    """Return what of a result does not fit its image; '' if all does."""
    if entry['image_id'] not in sizes:
        return (
            f'has image_id {entry["image_id"]}, which is not in the ground '
            'truth; use the ground truth of the split that was predicted'
        )
    return _mask_problem(entry, sizes) if task == 'segm' else ''


def _mask_problem(entry: dict, sizes: dict[int, list]) -> str:
    """Return what is wrong with the mask of a result; '' if nothing."""
    rle, size = entry['segmentation'], sizes[entry['image_id']]
    if not isinstance(rle, dict) or not {'size', 'counts'} <= rle.keys():
        return (
            f'has segmentation {show(rle)}, expected run lengths '
            '{"size": [h, w], "counts": "..."}'
        )
    if not (isinstance(rle['size'], list | tuple) and [*rle['size']] == size):
        return (
            f'has a mask of (h, w) {show(rle["size"])}, its image is {size}; '
            'masks must be those of the original image'
        )
    problem = rle_problem(rle)
    return f'has a segmentation{problem}' if problem else ''


def _is_mask(annotation: dict) -> bool:
    """Check that pycocotools can draw it; further polygons may be anything."""
    segmentation = annotation['segmentation']
    if isinstance(segmentation, dict):
        return True
    return bool(segmentation) and len(segmentation[0]) >= 6
