# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The official DeepFashion2 evaluation of boxes, masks and landmarks.

Plain data in, plain numbers out: a COCO ground truth (dict or file) and the
official flat result list give ``{metric: number in 0-1}``, equal to the last
digit to stock pycocotools with ``params.kpt_oks_sigmas`` set to the 294
sigmas of the data set. ``-1.0`` is COCO's "there is no such ground truth"
(it is kept because JSON knows no NaN).

What the protocol means, in one place:

- thresholds .50:.05:.95; the mean runs over the categories that have ground
  truth; at most 100 boxes or masks and 20 landmark sets per *(image,
  category)* are looked at, best first.
- small, medium and large are split at 32^2 and 96^2 px of *box* area, which
  is also the area in the object keypoint similarity (OKS). A predicted
  landmark set without ``bbox`` is as large as the extent of all 294 points.
- a ground truth without landmarks is ignored for landmarks: what is matched
  to it is neither right nor wrong.
- subsets (``scale=small`` ...): items of the other values are ignored in the
  same way, unmatched detections count as false positives in every subset.
  How the paper did this was never published; this is our reading.
"""

import contextlib
import importlib.util
import io
import json
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rich import box
from rich.console import Console
from rich.table import Table

from .deepfashion2 import ATTRIBUTES, CATEGORY_BY_ID, NUM_LANDMARKS, SIGMAS

Task = Literal['bbox', 'segm', 'keypoints']
Backend = Literal['auto', 'pycocotools', 'faster']

_DETECTION = (
    'AP AP50 AP75 AP_small AP_medium AP_large '
    'AR@1 AR@10 AR@100 AR_small AR_medium AR_large'
)
_KEYPOINTS = 'AP AP50 AP75 AP_medium AP_large AR AR50 AR75 AR_medium AR_large'
#: Task -> names of its overall metrics.
METRIC_NAMES: dict[str, tuple[str, ...]] = {
    'bbox': tuple(_DETECTION.split()),
    'segm': tuple(_DETECTION.split()),
    'keypoints': tuple(_KEYPOINTS.split()),
}
#: Task -> the field of a result entry that is evaluated.
RESULT_FIELDS: dict[str, str] = {
    'bbox': 'bbox',
    'segm': 'segmentation',
    'keypoints': 'keypoints',
}
#: Metrics of each subset of an attribute.
SUBSET_METRICS = ('AP', 'AP50', 'AP75')


def _read_json(path: str | os.PathLike, what: str) -> Any:
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except OSError as error:
        raise ValueError(
            f'{path}: cannot read the {what} ({error.strerror}); check the '
            'path'
        ) from error
    except ValueError as error:
        raise ValueError(
            f'{path}: the {what} is not valid JSON ({error}); write it again'
        ) from error


def write_json(content: Any, path: str | os.PathLike, **kwargs: Any) -> None:
    """Write a JSON file in one step: it is there completely or not at all.

    Args:
        content (Any): What ``json.dump`` takes.
        path (str | os.PathLike): Target; missing folders are made.
        **kwargs: Passed to ``json.dump``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.{os.getpid()}.partial')
    try:
        with open(partial, 'w', encoding='utf-8') as file:
            json.dump(content, file, **kwargs)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_ground_truth(gt: dict | str | os.PathLike) -> dict:
    """Read and check a COCO ground truth.

    Args:
        gt (dict | str | os.PathLike): COCO dict, left as it is, or its file.

    Returns:
        dict: ``images``, ``annotations`` and ``categories``; the annotations
        are copies with ``iscrowd`` filled in and ``keypoints`` as (882,)
        float64 arrays.

    Raises:
        ValueError: The ground truth is not one of DeepFashion2.
    """
    where = 'ground truth'
    if not isinstance(gt, dict):
        where, gt = str(gt), _read_json(gt, 'ground truth')
    hint = 'convert with tools/dataset_converters/deepfashion2.py'
    for key in ('images', 'annotations', 'categories'):
        if not isinstance(gt, dict) or not isinstance(gt.get(key), list):
            raise ValueError(f'{where}: expected a list {key!r}; {hint}')
    image_ids = {image['id'] for image in gt['images']}
    category_ids = {category['id'] for category in gt['categories']}
    if unknown := category_ids - CATEGORY_BY_ID.keys():
        raise ValueError(
            f'{where}: category ids {sorted(unknown)} are not 1..13 of '
            f'DeepFashion2; {hint}'
        )
    annotations = []
    for index, ann in enumerate(gt['annotations']):
        item = f'{where}: annotation {ann.get("id", f"number {index}")}'
        for key in ('id', 'image_id', 'category_id', 'bbox', 'area'):
            if key not in ann:
                raise ValueError(f'{item} has no {key!r}; {hint}')
        if ann['image_id'] not in image_ids:
            raise ValueError(f'{item}: no image {ann["image_id"]}; {hint}')
        if ann['category_id'] not in category_ids:
            raise ValueError(
                f'{item}: no category {ann["category_id"]}; {hint}'
            )
        ann = {'iscrowd': 0, **ann}
        if 'keypoints' in ann:
            ann['keypoints'] = np.asarray(ann['keypoints'], dtype=float)
            if ann['keypoints'].shape != (NUM_LANDMARKS * 3,):
                raise ValueError(
                    f'{item} has {ann["keypoints"].size} keypoint numbers, '
                    f'expected {NUM_LANDMARKS} * 3; {hint}'
                )
        annotations.append(ann)
    ids = Counter(ann['id'] for ann in annotations)
    # 0 means "unmatched" inside COCO's matching
    if wrong := [i for i, n in ids.items() if n > 1 or i == 0]:
        raise ValueError(
            f'{where}: annotation ids must be unique and not 0, got '
            f'{_some(wrong)}; {hint}'
        )
    return {
        'images': gt['images'],
        'annotations': annotations,
        'categories': gt['categories'],
    }


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
        keypoints = np.array(ann['keypoints']).reshape(-1, 3)
        visible = keypoints[:, 2] == 2
        keypoints[~visible] = 0
        annotations.append(
            {
                **ann,
                'keypoints': keypoints.ravel().tolist(),
                'num_keypoints': int(visible.sum()),
            }
        )
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
            ``segmentation`` (RLE) or ``keypoints`` (882 numbers, x, y in px,
            v arbitrary), left as it is, or its file.

    Returns:
        list[dict]: Copies of the entries, ``keypoints`` as float64 arrays.

    Raises:
        ValueError: An entry cannot be evaluated; the message names it.
    """
    where = 'results'
    if not isinstance(results, list):
        where, results = str(results), _read_json(results, 'results')
    if not isinstance(results, list):
        raise ValueError(
            f'{where}: expected a flat list of detections, got '
            f'{type(results).__name__}'
        )
    image_ids = {image['id'] for image in gt['images']}
    entries = []
    for index, entry in enumerate(results):
        try:
            entries.append(_check_entry(task, entry, image_ids))
        except ValueError as error:
            raise ValueError(f'{where}: entry {index} {error}') from None
    # COCO decides by the first entry how the area of every entry is found
    field = 'segmentation' if task == 'keypoints' else None
    for key in filter(None, ('bbox', field)):
        if len({bool(entry.get(key)) for entry in entries}) > 1:
            raise ValueError(
                f'{where}: {key!r} must be in all entries or in none, since '
                'it sets the area of a detection'
            )
    return entries


def _check_entry(task: Task, entry: dict, image_ids: set) -> dict:
    field = RESULT_FIELDS[task]
    for key in ('image_id', 'category_id', 'score', field):
        if key not in entry:
            raise ValueError(f'has no {key!r}, which results of {task!r} need')
    if entry['image_id'] not in image_ids:
        raise ValueError(
            f'is of image {entry["image_id"]}, which the ground truth does '
            'not have; evaluate with the ground truth of the same split'
        )
    if entry['category_id'] not in CATEGORY_BY_ID:
        raise ValueError(
            f'has category_id {entry["category_id"]}, expected 1..13'
        )
    entry = dict(entry)
    values = [entry['score']]
    if task == 'segm':
        segmentation = entry['segmentation']
        if not isinstance(segmentation, dict) or 'counts' not in segmentation:
            raise ValueError(
                'has a segmentation that is no RLE {size: [h, w], counts: ..}'
            )
    else:
        expected = 4 if task == 'bbox' else NUM_LANDMARKS * 3
        values = np.asarray(entry[field], dtype=float)
        if values.shape != (expected,):
            raise ValueError(
                f'has {values.size} numbers in {field!r}, expected {expected}'
                + (' (x, y, v of 294 landmarks)' if expected != 4 else '')
            )
        if task == 'keypoints':
            entry['keypoints'] = values
    if not (np.isfinite(values).all() and np.isfinite(entry['score'])):
        raise ValueError(
            f'has a score or {field!r} that is not finite; the model that '
            'wrote it diverged'
        )
    return entry


def evaluate(
    task: Task,
    gt: dict | str | os.PathLike,
    results: list[dict] | str | os.PathLike,
    *,
    backend: Backend = 'auto',
    per_category: bool = False,
    subsets: bool = False,
) -> dict[str, float]:
    """Evaluate results under the official protocol.

    Args:
        task (str): ``'bbox'``, ``'segm'`` or ``'keypoints'``.
        gt (dict | str | os.PathLike): COCO ground truth or its file.
        results (list[dict] | str | os.PathLike): Official results or their
            file, see :func:`load_results`.
        backend (str): ``'pycocotools'``, ``'faster'`` (faster-coco-eval) or
            ``'auto'``: the faster one where it is installed and its numbers
            are the same.
        per_category (bool): Add ``AP/<category>``.
        subsets (bool): Add ``<attribute>=<value>/AP`` and AP50, AP75, for
            instance ``scale=small/AP50``.

    Returns:
        dict[str, float]: ``METRIC_NAMES[task]`` and what was asked for, in
        0-1, or -1.0 where the ground truth has nothing to find.

    Raises:
        ValueError: Ground truth or results cannot be evaluated; the message
            is one line that names the file and the item.
    """
    if task not in METRIC_NAMES:
        raise ValueError(
            f'task must be one of {", ".join(METRIC_NAMES)}, got {task!r}'
        )
    gt = load_ground_truth(gt)
    results = load_results(task, gt, results)
    if not results:
        warnings.warn(f'no detections: every {task} metric is 0')
    _check_task(task, gt['annotations'], subsets)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        evaluator = _evaluator(task, gt, results, _choose(backend))
        evaluator.run()
        metrics = _overall(task, evaluator)
        if per_category:
            names = {c['id']: c['name'] for c in gt['categories']}
            for k, category_id in enumerate(evaluator.params.catIds):
                metrics[f'AP/{names[category_id]}'] = _mean(
                    evaluator.eval['precision'][:, :, k, 0, -1]
                )
        if subsets:
            metrics.update(_subsets(evaluator))
    return metrics


def _some(ids: list, limit: int = 5) -> str:
    shown = ', '.join(str(i) for i in ids[:limit])
    return shown + (f' and {len(ids) - limit} more' if ids[limit:] else '')


def _check_task(task: Task, annotations: list[dict], subsets: bool) -> None:
    """Check what only this evaluation needs of the ground truth."""
    needed = {'segm': ('segmentation',), 'keypoints': ('keypoints',)}
    for key in (*needed.get(task, ()), *(ATTRIBUTES if subsets else ())):
        if lacking := [ann['id'] for ann in annotations if key not in ann]:
            raise ValueError(
                f'ground truth: annotations {_some(lacking)} have no {key!r}'
                + (
                    ', which the subsets need and the official JSON files lack'
                    if key in ATTRIBUTES
                    else ''
                )
                + '; convert the raw annotations with '
                'tools/dataset_converters/deepfashion2.py'
            )
    if task == 'keypoints':
        for ann in annotations:
            visibility = ann['keypoints'][2::3]
            ann.setdefault('num_keypoints', np.count_nonzero(visibility))
    if task != 'segm':
        return
    # pycocotools crashes on these
    broken = [
        ann['id']
        for ann in annotations
        if not ann['segmentation']
        or (
            isinstance(ann['segmentation'], list)
            and len(ann['segmentation'][0]) < 6
        )
    ]
    if broken:
        raise ValueError(
            f'ground truth: annotations {_some(broken)} have no polygon; '
            'convert with tools/dataset_converters/deepfashion2.py '
            '--skip-invalid'
        )


def _choose(backend: Backend) -> Literal['pycocotools', 'faster']:
    if backend not in ('auto', 'pycocotools', 'faster'):
        raise ValueError(
            "backend must be 'auto', 'pycocotools' or 'faster', got "
            f'{backend!r}'
        )
    if backend == 'pycocotools':
        return backend
    if importlib.util.find_spec('faster_coco_eval') is None:
        warnings.warn(
            'faster-coco-eval is not installed: evaluating with pycocotools '
            'gives the same numbers, about four times slower (pip install '
            'faster-coco-eval)'
        )
        return 'pycocotools'
    return 'faster'


class _SubsetMixin:
    """What both evaluators need to be run again for each subset.

    Attributes:
        subset (tuple[str, int]): Attribute and code of the items that count;
            None for all items.
    """

    subset: tuple[str, int] | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.params.catIds = sorted(self.cocoGt.getCatIds())
        self.params.kpt_oks_sigmas = np.array(SIGMAS)
        self._similarities = {}

    def run(self) -> None:
        """Evaluate and accumulate."""
        self.evaluate()
        self.accumulate()

    def _prepare(self) -> None:
        # the hosts set 'ignore' anew here, so it cannot come with the file;
        # 'iscrowd' would not do: it changes what the IoU is
        super()._prepare()
        if self.subset is not None:
            attribute, code = self.subset
            for ann in self.cocoGt.anns.values():
                if ann[attribute] != code:
                    ann['ignore'] = 1

    # Similarities do not depend on the subset: compute them once.
    def computeIoU(self, *pair: int) -> Any:
        if pair not in self._similarities:
            self._similarities[pair] = super().computeIoU(*pair)
        return self._similarities[pair]

    def computeOks(self, *pair: int) -> Any:
        if pair not in self._similarities:
            self._similarities[pair] = super().computeOks(*pair)
        return self._similarities[pair]


class _PycocotoolsEvaluator(_SubsetMixin, COCOeval):
    pass


class _FirstPrecisionMixin:
    """Gives faster-coco-eval the last digit of pycocotools.

    Both differ in one place: where precision is perfect on the strength of a
    single detection, pycocotools has 1 / (1 + eps) and faster-coco-eval has
    1. From the second detection on, the eps is lost in rounding. The two
    cases are told apart by the precision at recall 2 / (number of items),
    which is 1 only if the two best detections are right; these recalls are
    added to the thresholds and taken out again.
    """

    def _prepare(self) -> None:
        super()._prepare()
        p = self.params
        column = {category_id: k for k, category_id in enumerate(p.catIds)}
        counts = np.zeros((len(p.catIds), len(p.areaRng)))
        low, high = np.array(p.areaRng).T
        for ann in self.cocoGt.anns.values():
            if not ann['ignore']:
                inside = (ann['area'] >= low) & (ann['area'] <= high)
                counts[column[ann['category_id']]] += inside
        self._official = np.linspace(0, 1, 101)
        self._second = 2 / np.maximum(counts, 1)
        p.recThrs = np.unique(np.append(self._official, self._second))

    def accumulate(self) -> None:
        super().accumulate()
        precision, thresholds = self.eval['precision'], self.params.recThrs
        second = np.searchsorted(thresholds, self._second)[
            None, None, ..., None
        ]
        second = np.take_along_axis(precision, second, axis=1)
        precision = precision[:, np.searchsorted(thresholds, self._official)]
        precision[(precision == 1) & (second < 1)] = 1 / (1 + np.spacing(1))
        self.eval['precision'] = precision


def _evaluator(
    task: Task, gt: dict, results: list[dict], backend: str
) -> _SubsetMixin:
    """Bring ground truth and results into the evaluator of a backend."""
    if backend == 'faster':
        import faster_coco_eval

        class Evaluator(
            _FirstPrecisionMixin,
            _SubsetMixin,
            faster_coco_eval.COCOeval_faster,
        ):
            pass

        coco_type = faster_coco_eval.COCO
    else:
        Evaluator, coco_type = _PycocotoolsEvaluator, COCO
    if task == 'segm':  # the same masks for both, and drawn only once
        coco = _index(COCO, gt)
        for ann in gt['annotations']:
            ann['segmentation'] = coco.annToRLE(ann)
    coco_gt = _index(coco_type, gt)
    if results:
        coco_dt = coco_gt.loadRes(results)
    else:  # loadRes looks at the first entry
        coco_dt = _index(coco_type, {**gt, 'annotations': []})
    return Evaluator(coco_gt, coco_dt, task)


def _index(coco_type: type, content: dict) -> Any:
    coco = coco_type()
    coco.dataset = content
    coco.createIndex()
    return coco


def _mean(values: np.ndarray) -> float:
    """COCO's mean: -1 marks what has no ground truth."""
    values = values[values > -1]
    return float(np.mean(values)) if values.size else -1.0


def _overall(task: Task, evaluator: _SubsetMixin) -> dict[str, float]:
    """The numbers of COCO's ``summarize``, by name."""
    p, precision = evaluator.params, evaluator.eval['precision']
    recall = evaluator.eval['recall']
    metrics = {}
    for name in METRIC_NAMES[task]:
        array = precision if name.startswith('AP') else recall
        threshold, area, limit = slice(None), 0, -1
        if '_' in name:
            area = p.areaRngLbl.index(name.split('_')[1])
        elif '@' in name:
            limit = p.maxDets.index(int(name.split('@')[1]))
        elif name[2:]:
            threshold = np.isclose(p.iouThrs, int(name[2:]) / 100)
        metrics[name] = _mean(array[threshold][..., area, limit])
    return metrics


def _subsets(evaluator: _SubsetMixin) -> dict[str, float]:
    """Run the evaluator again for each value of each attribute."""
    p = evaluator.params
    p.areaRng, p.areaRngLbl = p.areaRng[:1], p.areaRngLbl[:1]
    thresholds = {'AP50': 0.5, 'AP75': 0.75}
    metrics = {}
    for attribute, values in ATTRIBUTES.items():
        for code, value in values.items():
            evaluator.subset = (attribute, code)
            evaluator.run()
            for name in SUBSET_METRICS:
                precision = evaluator.eval['precision']
                if name in thresholds:
                    precision = precision[
                        np.isclose(p.iouThrs, thresholds[name])
                    ]
                metrics[f'{attribute}={value}/{name}'] = _mean(
                    precision[..., 0, -1]
                )
    return metrics


def format_tables(metrics: dict[str, dict[str, float]]) -> str:
    """Metrics as text: overall, and as far as given by category and subset.

    Args:
        metrics (dict[str, dict[str, float]]): Title of a column (for
            instance the task) -> output of :func:`evaluate`.

    Returns:
        str: The tables in percent-free 0-1 form, ``-`` where a metric does
        not exist or has no ground truth.
    """
    names = list(dict.fromkeys(name for m in metrics.values() for name in m))
    overall = [name for name in names if '/' not in name]
    tables = [_table('overall', overall, overall, metrics)]
    rows = [name for name in names if name.startswith('AP/')]
    if rows:
        labels = [name.removeprefix('AP/') for name in rows]
        tables.append(_table('AP by category', rows, labels, metrics))
    if any('=' in name for name in names):
        tables.append(_subset_table(metrics))
    console = Console(file=io.StringIO(), width=160)
    console.print(*tables, sep='\n')
    lines = console.file.getvalue().splitlines()
    return '\n'.join(line.rstrip() for line in lines if line.strip())


def _number(value: float | None) -> str:
    return '-' if value is None or value < 0 else f'{value:.3f}'


def _table(
    title: str,
    rows: list[str],
    labels: list[str],
    metrics: dict[str, dict[str, float]],
) -> Table:
    table = Table(title, box=box.SIMPLE_HEAD)
    for column in metrics:
        table.add_column(column, justify='right')
    for row, label in zip(rows, labels, strict=True):
        table.add_row(label, *(_number(m.get(row)) for m in metrics.values()))
    return table


def _subset_table(metrics: dict[str, dict[str, float]]) -> Table:
    """The table of the paper: a column for each value of each attribute."""
    table = Table('\nsubset', box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    subsets = []
    for attribute, values in ATTRIBUTES.items():
        title = attribute
        for value in values.values():
            table.add_column(f'{title}\n{value}', justify='right')
            title = ''
            subsets.append(f'{attribute}={value}/')
    table.add_column('\noverall', justify='right')
    for column, m in metrics.items():
        for name in SUBSET_METRICS:
            table.add_row(
                f'{column} {name}',
                *(_number(m.get(subset + name)) for subset in (*subsets, '')),
            )
    return table
