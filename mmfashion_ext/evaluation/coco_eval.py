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
import os
import warnings
from typing import Any, Literal

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ..formats.deepfashion2.constants import ATTRIBUTES, SIGMAS
from .coco_files import (
    Task,
    check_ground_truth,
    load_ground_truth,
    load_results,
)
from .keypoint_eval import LandmarkEvaluator
from .tasks import METRIC_NAMES, SUBSET_METRICS

Backend = Literal['auto', 'pycocotools', 'faster']


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
        backend (str): ``'pycocotools'``, ``'faster'`` (faster-coco-eval for
            boxes and masks, :mod:`.landmark_ap` for landmarks) or
            ``'auto'``: the faster one where it is installed. All give the
            same numbers.
        per_category (bool): Add ``AP/<category>``.
        subsets (bool): Add ``<attribute>=<value>/AP`` and AP50, AP75, for
            instance ``scale=small/AP50``.

    Returns:
        dict[str, float]: ``METRIC_NAMES[task]`` and what was asked for, in
        0-1, or -1.0 where the ground truth has nothing to find.

    Raises:
        EvaluationError: Ground truth or results cannot be evaluated; the
            message is one line that names the file and the item.
    """
    if task not in METRIC_NAMES:
        raise ValueError(
            f'task must be one of {", ".join(METRIC_NAMES)}, got {task!r}'
        )
    gt = load_ground_truth(gt)
    check_ground_truth(task, gt['annotations'], subsets)
    results = load_results(task, gt, results)
    if not results:
        warnings.warn(f'no detections: every {task} metric is 0')
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        evaluator = _evaluator(task, gt, results, _choose(backend, task))
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


def _choose(backend: Backend, task: Task) -> Literal['pycocotools', 'faster']:
    if backend not in ('auto', 'pycocotools', 'faster'):
        raise ValueError(
            "backend must be 'auto', 'pycocotools' or 'faster', got "
            f'{backend!r}'
        )
    if backend == 'pycocotools':
        return backend
    if task == 'keypoints':
        return 'faster'  # NumPy is enough
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
) -> _SubsetMixin | LandmarkEvaluator:
    """Bring ground truth and results into the evaluator of a backend."""
    if backend == 'faster' and task == 'keypoints':
        return LandmarkEvaluator(gt, results)
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


def _overall(
    task: Task, evaluator: _SubsetMixin | LandmarkEvaluator
) -> dict[str, float]:
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


def _subsets(evaluator: _SubsetMixin | LandmarkEvaluator) -> dict[str, float]:
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
