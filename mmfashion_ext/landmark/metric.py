# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark metric: PCK, AUC, EPE, NE, PDL and official AP, for MMEngine."""

import os.path as osp
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..errors import UserError
from ..evaluation.coco_eval import Backend, evaluate
from ..evaluation.coco_files import (
    check_covers,
    load_ground_truth,
    visible_only,
)
from ..evaluation.keypoint_errors import (
    PCK_THRS,
    PDL_THRS,
    landmark_errors,
    mean_errors,
)
from ..evaluation.result_files import flat_keypoints, to_numpy, write_results
from ..evaluation.tables import format_errors, format_tables
from ..evaluation.tasks import KEYPOINT_TASKS
from ..formats.deepfashion2.constants import (
    CATEGORIES,
    CATEGORY_BY_ID,
    CLASS_NAMES,
)
from ..registry import METRICS
from .metric_rows import concatenate_rows, labelled_rows, sample_meta

#: COCO's visibility codes of labelled landmarks, ``landmark_states``.
COCO_VISIBILITY: dict[str, int] = {'visible': 2, 'occluded': 1}

_NO_TRUTH = (
    'a detected box has no landmarks to compare with; set ann_file of '
    'LandmarkMetric (AP of DeepFashion2) or remove bbox_file from the dataset'
)


@METRICS.register_module()
class LandmarkMetric(BaseMetric):
    """Landmark localisation errors, and AP under the official protocol.

    Landmarks are (N, K, 2) in px of the original image.

    - ``PCK@0.1``, ``AUC``, ``EPE`` (px), ``NE``, ``PDL@0.1`` ...: see
      :mod:`mmfashion_ext.evaluation.keypoint_errors`, over all labelled
      landmarks; the options below add ``NE/vest``, ``NE/visible``,
      ``NE/left collar``.
    - ``keypoints/AP`` ... (visible and occluded landmarks, the official
      number) and ``keypoints_vis/AP`` ... (visible ones only), of
      DeepFashion2 with ``ann_file``: see
      :mod:`mmfashion_ext.evaluation.coco_eval`. FLD has no such protocol.

    All but EPE are in 0-1; -1 means that there is nothing to measure. Of
    DeepFashion2's 294 landmarks, only those of the garment's category count,
    in its score too. Detected boxes (``bbox_file`` of the dataset) have no
    landmarks to compare with, so only AP is computed. To keep the best
    checkpoint, give the hook ``save_best='PCK@0.1'`` (or
    ``'keypoints/AP'``) **and** ``rule='greater'``: MMEngine does not know
    these names.

    Args:
        ann_file (str, optional): COCO ground truth, from
            ``tools/dataset_converters/deepfashion2.py``. Default: no AP.
        tasks (Sequence[str]): ``'keypoints'``, ``'keypoints_vis'``.
        per_category (bool): Add all numbers by category of DeepFashion2.
        by_visibility (bool): Add errors of visible and of occluded landmarks.
        per_landmark (bool): Add errors by name of landmark.
        subsets (bool): Add AP by scale, occlusion, zoom-in and viewpoint.
        score (str): Score of a garment in AP: ``'box_landmarks'``, the box's
            score times the mean of its landmarks' scores above ``score_thr``
            (as mmpose's ``CocoMetric``, which also counts the landmarks of
            the other categories), or ``'box'``, the box's score.
        score_thr (float): See ``score``, 0-1.
        pck_thrs (Sequence[float]): Thresholds of PCK, as fractions of the
            longer side of the ground-truth box.
        pdl_thrs (Sequence[float]): Thresholds of PDL, in the unit of NE.
        normalize (str): NE in fractions of the width and height of the
            ``'image'`` (FLD's protocol) or of the ``'box'``.
        outfile_prefix (str, optional): Write the result file
            ``{prefix}.keypoints.json``, of DeepFashion2 the official one.
            Evaluating it with ``tools/analysis/eval_deepfashion2.py`` gives
            the same AP to the last digit, since landmarks are rounded to
            0.01 px before both.
        format_only (bool): Only write the file.
        backend (str): Implementation of AP: ``'auto'``, ``'pycocotools'`` or
            ``'faster'``.
        **kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            ``BaseMetric``.

    Raises:
        UserError: An unknown option.
        FileNotFoundError: ``ann_file`` does not exist.
    """

    default_prefix = ''  # metric names include the task; None would warn

    def __init__(
        self,
        ann_file: str | None = None,
        tasks: Sequence[str] = KEYPOINT_TASKS,
        per_category: bool = False,
        by_visibility: bool = False,
        per_landmark: bool = False,
        subsets: bool = False,
        score: Literal['box_landmarks', 'box'] = 'box_landmarks',
        score_thr: float = 0.2,
        pck_thrs: Sequence[float] = PCK_THRS,
        pdl_thrs: Sequence[float] = PDL_THRS,
        normalize: Literal['image', 'box'] = 'image',
        outfile_prefix: str | None = None,
        format_only: bool = False,
        backend: Backend = 'auto',
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tasks = (tasks,) if isinstance(tasks, str) else tuple(tasks)
        for name, values, known in (
            ('tasks', self.tasks, KEYPOINT_TASKS),
            ('score', (score,), ('box_landmarks', 'box')),
            ('normalize', (normalize,), ('image', 'box')),
        ):
            if unknown := set(values) - set(known):
                raise UserError(
                    f'{name} of LandmarkMetric must be among '
                    f'{", ".join(known)}, got {", ".join(sorted(unknown))}'
                )
        if format_only and outfile_prefix is None:
            raise UserError(
                'format_only writes a result file: set outfile_prefix'
            )
        # checked before the training, not after its first epoch
        if ann_file and not format_only and not osp.isfile(ann_file):
            raise FileNotFoundError(
                f'{ann_file}: no such ground truth file; convert the raw '
                'annotations with tools/dataset_converters/deepfashion2.py '
                'or correct ann_file of LandmarkMetric'
            )
        self.ann_file = ann_file
        self.per_category = per_category
        self.by_visibility = by_visibility
        self.per_landmark = per_landmark
        self.subsets = subsets
        self.score = score
        self.score_thr = score_thr
        self.pck_thrs = tuple(pck_thrs)
        self.pdl_thrs = tuple(pdl_thrs)
        self.normalize = normalize
        self.outfile_prefix = outfile_prefix
        self.format_only = format_only
        self.backend = backend
        self._ground_truth: dict | None = None

    @property
    def _categories(self) -> tuple[str, ...]:
        """Names of the measured categories; empty for FLD, which has none."""
        meta = self.dataset_meta
        if meta['dataset_name'] != 'deepfashion2':
            return ()
        return tuple(meta.get('categories') or CLASS_NAMES)

    def check_dataset(self, dataset: Any) -> None:
        """Check the ground truth against a dataset, before anything runs.

        Args:
            dataset (Any): With ``get_data_info``.

        Raises:
            UserError: The ground truth is damaged, has no items or lacks
                images of the dataset; the dataset has no AP, or detected
                boxes without a ground truth.
        """
        self._check_protocol()
        if not self.ann_file:
            detected = getattr(dataset, 'bbox_file', None)
            if detected and not self.outfile_prefix:
                raise UserError(_NO_TRUTH)
        elif not self.format_only and is_main_process():
            check_covers(self._load_ground_truth(), dataset, self.ann_file)

    def _check_protocol(self) -> None:
        if self.ann_file and not self._categories:
            raise UserError(
                f'{self.dataset_meta["dataset_name"]} has no official AP: '
                'leave ann_file out of LandmarkMetric (only AP needs it)'
            )

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect the landmarks of a batch in compact form.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): One garment each: ``id``,
                ``img_id``, ``category_id`` (1..13; DeepFashion2),
                ``ori_shape`` (h, w), ``landmark_states`` (1, K) (2 visible,
                1 occluded, 0 not labelled; may be missing), ``gt_instances``
                with ``keypoints`` (1, K, 2) px of the original image,
                ``keypoints_visible`` (1, K) and ``bboxes`` (1, 4) xyxy px,
                ``pred_instances`` with ``keypoints`` (1, K, 2) px of the
                original image, ``keypoint_scores`` (1, K) and
                ``bbox_scores`` (1,).

        Raises:
            UserError: A sample cannot be measured; the message names it.
        """
        self._check_protocol()
        for sample in data_samples:
            try:
                self.results.append(self._compact(sample))
            except ValueError as error:
                raise UserError(
                    f'item {sample.get("id")} of image '
                    f'{sample.get("img_id")}: {error}'
                ) from None

    def _compact(self, sample: dict) -> tuple[dict, dict | None]:
        """Return a garment's result file entry and its landmark rows.

        A detected box has no rows, because its landmarks are not known.
        """
        pred, gt = sample['pred_instances'], sample['gt_instances']
        predicted, truth = (
            to_numpy(pred['keypoints']),
            to_numpy(gt['keypoints']),
        )
        if predicted.shape != truth.shape or len(truth) != 1:
            raise UserError(
                f'the model predicts landmarks of shape {predicted.shape}, '
                f'expected {(1, *truth.shape[1:])} as in the dataset; test a '
                'model of this dataset'
            )
        if not np.isfinite(predicted).all():
            raise UserError(
                'predicted landmarks are not finite: the model diverged'
            )
        category_id, landmarks = 1, np.arange(truth.shape[1])
        if self._categories:
            category_id = int(sample_meta(sample, 'category_id'))
            landmarks = landmarks[CATEGORY_BY_ID[category_id].slice]
        rows = labelled_rows(
            sample, predicted[0], landmarks, need_states=self.by_visibility
        )
        entry = {
            'image_id': int(sample_meta(sample, 'img_id')),
            'category_id': category_id,
            'score': self._score(pred, gt, landmarks),
        }
        if self.ann_file or self.outfile_prefix:
            entry['keypoints'] = predicted[0].astype(np.float32)
        elif rows is None:
            raise UserError(_NO_TRUTH)
        return entry, rows

    def _score(self, pred: dict, gt: dict, landmarks: np.ndarray) -> float:
        """Return a garment's score, 0-1.

        ``landmarks`` (L,) are the indices of its category's landmarks.
        """
        box_scores = pred.get('bbox_scores', gt.get('bbox_scores', (1.0,)))
        score = float(to_numpy(box_scores)[0])
        if self.score == 'box':
            return score
        scores = to_numpy(pred['keypoint_scores'])[0, landmarks].astype(float)
        scores = scores[scores > self.score_thr]
        return score * float(scores.mean()) if len(scores) else 0.0

    def compute_metrics(
        self, results: list[tuple[dict, dict | None]]
    ) -> dict[str, float]:
        """Compute the metrics, and write the result file if requested.

        Args:
            results (list[tuple[dict, dict | None]]): Results of ``process``
                from all processes.

        Returns:
            dict[str, float]: See the class; empty if ``format_only``.
        """
        entries = []
        if self.ann_file or self.outfile_prefix:
            entries = [
                {**entry, 'keypoints': flat_keypoints(entry['keypoints'])}
                for entry, _ in results
            ]
        if self.outfile_prefix is not None:
            path = f'{self.outfile_prefix}.keypoints.json'
            write_results(path, entries)
            print_log(f'Wrote {path}', logger='current')
        if self.format_only:
            return {}
        metrics = {}
        rows = [rows for _, rows in results if rows is not None]
        if rows or not results:
            metrics = self._errors(rows)
            print_log(f'\n{format_errors(metrics)}', logger='current')
        else:
            print_log(
                'Detected boxes have no landmarks to compare with: only AP '
                'is computed',
                logger='current',
            )
        if self.ann_file:
            tables = self._average_precision(entries)
            print_log(f'\n{format_tables(tables)}', logger='current')
            metrics |= {
                f'{task}/{name}': value
                for task, table in tables.items()
                for name, value in table.items()
            }
        return metrics

    def _errors(self, rows: list[dict[str, np.ndarray]]) -> dict[str, float]:
        """Compute errors of all labelled landmarks, and of groups."""
        columns = concatenate_rows(rows)
        groups = self._groups(columns.pop('types'), columns.pop('states'))
        errors = landmark_errors(
            **columns,
            pck_thrs=self.pck_thrs,
            pdl_thrs=self.pdl_thrs,
            normalize=self.normalize,
        )
        return mean_errors(errors, groups)

    def _groups(
        self, types: np.ndarray, states: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the mask (L,) of each group's landmarks by its name."""
        groups: dict[str, np.ndarray] = {}
        if self.by_visibility:
            groups |= {
                name: states == code for name, code in COCO_VISIBILITY.items()
            }
        measured = [c for c in CATEGORIES if c.name in self._categories]
        if self.per_category:
            groups |= {
                c.name: (types >= c.slice.start) & (types < c.slice.stop)
                for c in measured
            }
        if self.per_landmark:
            names = self.dataset_meta['keypoint_id2name']
            for part in [c.slice for c in measured] or [slice(None)]:
                groups |= {
                    names[k]: types == k for k in range(len(names))[part]
                }
        return groups

    def _load_ground_truth(self) -> dict:
        """Return the COCO ground truth of the measured categories."""
        if self._ground_truth is None:
            assert self.ann_file is not None  # checked by the callers
            self._ground_truth = _restrict(
                load_ground_truth(self.ann_file), self._categories
            )
        return self._ground_truth

    def _average_precision(
        self, entries: list[dict]
    ) -> dict[str, dict[str, float]]:
        """Return the metrics of each task under the official protocol."""
        gt = self._load_ground_truth()
        return {
            task: evaluate(
                'keypoints',
                visible_only(gt) if task == 'keypoints_vis' else gt,
                entries,
                backend=self.backend,
                per_category=self.per_category,
                subsets=self.subsets,
            )
            for task in self.tasks
        }


def _restrict(gt: dict, categories: Sequence[str]) -> dict:
    """Return a COCO ground truth of some categories of DeepFashion2."""
    ids = {c.id for c in CATEGORIES if c.name in categories}
    return {
        **gt,
        'annotations': [
            ann for ann in gt['annotations'] if ann['category_id'] in ids
        ],
        'categories': [c for c in gt['categories'] if c['id'] in ids],
    }
