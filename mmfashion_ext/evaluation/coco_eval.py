# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""COCO AP and AR of DeepFashion2: boxes, masks and landmarks.

A COCO ground truth (dict or file) and the official flat result list give
``{metric: number in 0-1}``, equal to the last digit to stock pycocotools with
``params.kpt_oks_sigmas`` set to the 294 sigmas of the dataset. ``-1.0`` is
COCO's value for "no such ground truth" (JSON has no NaN).

The rules of the protocol:

- Thresholds .50:.05:.95; the mean runs over the categories that have ground
  truth; at most 100 boxes or masks and 20 landmark sets per *(image,
  category)* count, best first.
- Small, medium and large are split at 32^2 and 96^2 px of *box* area, which
  is also the area in the object keypoint similarity (OKS). A predicted
  landmark set without ``bbox`` is as large as the extent of all 294 points.
- A ground truth without landmarks is ignored for landmarks: a detection
  matched to it is neither right nor wrong.
- Subsets (``scale=small`` ...): items of the other values are ignored in the
  same way, unmatched detections count as false positives in every subset.
  The authors never published how they did this; this is our reading.
"""

import contextlib
import importlib.util
import io
import os
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ..formats.deepfashion2.constants import ATTRIBUTES, SIGMAS
from .coco_files import (
    EvaluationError,
    Task,
    check_ground_truth,
    load_ground_truth,
    load_results,
)
from .keypoint_eval import LandmarkEvaluator
from .tasks import METRIC_NAMES, SUBSET_METRICS

# the mix-ins are for the evaluators of pycocotools and faster-coco-eval
if TYPE_CHECKING:
    _Host = Any
else:
    _Host = object

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
        gt (dict | str | os.PathLike): COCO ground truth or its file; boxes
            (x, y, w, h) in px, landmarks (294, 3) flattened.
        results (list[dict] | str | os.PathLike): Official results or their
            file, see :func:`~.coco_files.load_results`.
        backend (str): ``'pycocotools'``, ``'faster'`` (faster-coco-eval for
            boxes and masks, :mod:`.keypoint_eval` for landmarks) or
            ``'auto'``: the faster one if it is installed. All give the same
            numbers.
        per_category (bool): Add ``AP/<category>``.
        subsets (bool): Add ``<attribute>=<value>/AP`` and AP50, AP75, for
            instance ``scale=small/AP50``.

    Returns:
        dict[str, float]: ``METRIC_NAMES[task]`` of :mod:`.tasks`, and the
        metrics of categories and subsets if wanted, in 0-1, or -1.0 where
        the ground truth has nothing to find.

    Raises:
        EvaluationError: Ground truth or results cannot be evaluated (the
            message is one line that names the file and the item), or an
            unknown task or backend.
    """
    if task not in METRIC_NAMES:
        raise EvaluationError(
            f'task must be one of {", ".join(METRIC_NAMES)}, got {task!r}'
        )
    gt = load_ground_truth(gt)
    check_ground_truth(task, gt['annotations'], subsets, gt['images'])
    results = load_results(task, gt, results)
    if not results:
        warnings.warn(f'no detections: every {task} metric is 0')
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        evaluator = _build_evaluator(
            task, gt, results, _choose_backend(backend, task)
        )
        evaluator.run()
        metrics = _overall_metrics(task, evaluator)
        if per_category:
            names = {c['id']: c['name'] for c in gt['categories']}
            for k, category_id in enumerate(evaluator.params.catIds):
                metrics[f'AP/{names[category_id]}'] = _mean(
                    evaluator.eval['precision'][:, :, k, 0, -1]
                )
        if subsets:
            metrics.update(_subset_metrics(evaluator))
    return metrics


def _choose_backend(
    backend: Backend, task: Task
) -> Literal['pycocotools', 'faster']:
    if backend not in ('auto', 'pycocotools', 'faster'):
        raise EvaluationError(
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


class _SubsetMixin(_Host):
    """Evaluator that can be run again for each subset.

    Attributes:
        subset (tuple[str, int]): Attribute and code of the items that count;
            None for all items.
    """

    subset: tuple[str, int] | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.params.catIds = sorted(self.cocoGt.getCatIds())
        self.params.kpt_oks_sigmas = np.array(SIGMAS)
        self._similarities: dict[tuple[int, ...], Any] = {}

    def run(self) -> None:
        """Evaluate and accumulate."""
        self.evaluate()
        self.accumulate()

    def _prepare(self) -> None:
        # the hosts overwrite 'ignore' here, so the file cannot bring it;
        # 'iscrowd' would change the IoU
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


class _FirstPrecisionMixin(_Host):
    """Correct faster-coco-eval's precision to the last digit of pycocotools.

    They differ in one place: where a single detection makes the precision
    perfect, pycocotools has 1 / (1 + eps) and faster-coco-eval has 1. From
    the second detection on, the eps is lost in rounding. The precision at
    recall 2 / (number of items) tells the two cases apart: it is 1 only if
    the two best detections are right. These recalls are added to the
    thresholds and removed again.
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


def _build_evaluator(
    task: Task, gt: dict, results: list[dict], backend: str
) -> _SubsetMixin | LandmarkEvaluator:
    """Build the evaluator of a backend from ground truth and results."""
    if backend == 'faster' and task == 'keypoints':
        return LandmarkEvaluator(gt, results)
    if backend == 'faster':
        import faster_coco_eval

        class FasterEvaluator(
            _FirstPrecisionMixin,
            _SubsetMixin,
            faster_coco_eval.COCOeval_faster,
        ):
            pass

        evaluator_type: type[_SubsetMixin] = FasterEvaluator
        coco_type = faster_coco_eval.COCO
    else:
        evaluator_type, coco_type = _PycocotoolsEvaluator, COCO
    if task == 'segm':  # the same masks for both backends, drawn once
        coco = _build_coco(COCO, gt)
        for ann in gt['annotations']:
            ann['segmentation'] = coco.annToRLE(ann)
    coco_gt = _build_coco(coco_type, gt)
    if results:
        coco_dt = coco_gt.loadRes(results)
    else:  # loadRes needs a first entry
        coco_dt = _build_coco(coco_type, {**gt, 'annotations': []})
    return evaluator_type(coco_gt, coco_dt, task)


def _build_coco(coco_type: type, content: dict) -> Any:
    coco = coco_type()
    coco.dataset = content
    coco.createIndex()
    return coco


def _mean(values: np.ndarray) -> float:
    """Return COCO's mean, where -1 marks a lack of ground truth."""
    values = values[values > -1]
    return float(np.mean(values)) if values.size else -1.0


def _overall_metrics(
    task: Task, evaluator: _SubsetMixin | LandmarkEvaluator
) -> dict[str, float]:
    """Return the numbers of COCO's ``summarize``, by name."""
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


def _subset_metrics(
    evaluator: _SubsetMixin | LandmarkEvaluator,
) -> dict[str, float]:
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
