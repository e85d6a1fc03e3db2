# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2 metric: official AP of boxes, masks and landmarks."""

import os.path as osp
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from pycocotools import mask as mask_utils

from ..errors import UserError, describe
from ..evaluation.coco_eval import Backend, evaluate
from ..evaluation.coco_files import (
    RESULT_FIELDS,
    Task,
    check_covers,
    load_ground_truth,
    visible_only,
)
from ..evaluation.result_files import flat_keypoints, to_numpy, write_results
from ..evaluation.tables import format_tables
from ..evaluation.tasks import COCO_PROTOCOLS
from ..registry import METRICS


@METRICS.register_module()
class DeepFashion2Metric(BaseMetric):
    """AP and AR of boxes, masks and landmarks under the official protocol.

    Boxes are (N, 4) xyxy, masks (N, h, w), landmarks (N, 294, 2), in px.

    The metrics are named ``{task}/{name}``, all in 0-1, for instance
    ``bbox/AP``, ``segm/AP50``, ``keypoints/AR``, with ``per_category`` also
    ``bbox/AP/vest``, with ``subsets`` also ``keypoints/scale=small/AP``; see
    :mod:`mmfashion_ext.evaluation.coco_eval` for what they mean. To keep the
    best checkpoint, give the hook ``save_best='keypoints/AP'`` **and**
    ``rule='greater'``: MMEngine does not know the name.

    Args:
        ann_file (str): COCO ground truth, from
            ``tools/dataset_converters/deepfashion2.py``.
        tasks (Sequence[str]): ``'bbox'``, ``'segm'``, ``'keypoints'``
            (visible and occluded landmarks, the harder and official one) and
            ``'keypoints_vis'`` (visible landmarks only).
        per_category (bool): Also the AP of each category.
        subsets (bool): Also the tables by scale, occlusion, zoom-in and
            viewpoint.
        outfile_prefix (str, optional): Write the official result files
            ``{prefix}.bbox.json``, ``.segm.json`` and ``.keypoints.json``.
            Evaluating them with ``tools/analysis/eval_deepfashion2.py``
            gives the same numbers to the last digit, since landmarks are
            rounded to 0.01 px before both.
        format_only (bool): Only write the files.
        backend (str): ``'auto'``, ``'pycocotools'`` or ``'faster'``.
        **kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            ``BaseMetric``.

    Raises:
        FileNotFoundError: ``ann_file`` does not exist.
        UserError: An unknown task, or ``format_only`` without
            ``outfile_prefix``.
    """

    default_prefix = ''  # the names include the task; None would warn

    def __init__(
        self,
        ann_file: str,
        tasks: Sequence[str] = tuple(COCO_PROTOCOLS),
        per_category: bool = False,
        subsets: bool = False,
        outfile_prefix: str | None = None,
        format_only: bool = False,
        backend: Backend = 'auto',
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tasks = (tasks,) if isinstance(tasks, str) else tuple(tasks)
        if unknown := set(self.tasks) - COCO_PROTOCOLS.keys():
            raise UserError(
                'tasks of DeepFashion2Metric must be among '
                f'{", ".join(COCO_PROTOCOLS)}, got '
                f'{", ".join(sorted(unknown))}'
            )
        if format_only and outfile_prefix is None:
            raise UserError(
                'format_only of DeepFashion2Metric only writes result files: '
                'set outfile_prefix'
            )
        # before the training, not after its first epoch
        if not format_only and not osp.isfile(ann_file):
            raise FileNotFoundError(
                f'{ann_file}: no such ground truth; convert the raw '
                'annotations with tools/dataset_converters/deepfashion2.py '
                'or correct ann_file of DeepFashion2Metric'
            )
        self.ann_file = ann_file
        self.per_category = per_category
        self.subsets = subsets
        self.outfile_prefix = outfile_prefix
        self.format_only = format_only
        self.backend = backend
        self._ground_truth: dict | None = None

    def check_dataset(self, dataset: Any) -> None:
        """Check the ground truth against a dataset, before anything runs.

        Args:
            dataset (Any): With ``get_data_info``.

        Raises:
            UserError: The ground truth is damaged, has no items, or lacks
                images of the dataset.
        """
        if not self.format_only and is_main_process():
            self._ground_truth = self._load_ground_truth()
            check_covers(
                self._ground_truth, dataset, self.ann_file, whole=True
            )

    def _load_ground_truth(self) -> dict:
        return load_ground_truth(self.ann_file)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store the predictions of a batch in compact form.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): ``img_id`` and ``pred_instances``
                with ``bboxes`` (n, 4) xyxy px of the original image,
                ``scores`` (n,), ``labels`` (n,) 0..12 and, as the tasks need
                them, ``masks`` (n, h, w) bool and ``keypoints`` (n, 294, 2)
                px of the original image.

        Raises:
            UserError: The predictions lack what a task needs.
        """
        for sample in data_samples:
            pred = sample['pred_instances']
            image = {
                'image_id': int(sample['img_id']),
                'labels': to_numpy(pred['labels']).tolist(),
                'scores': to_numpy(pred['scores']).astype(float).tolist(),
            }
            for task in self._protocol_tasks():
                image[task] = self._compact(task, pred)
            self.results.append(image)

    def _protocol_tasks(self) -> list[Task]:
        return list(dict.fromkeys(COCO_PROTOCOLS[task] for task in self.tasks))

    def _compact(self, task: str, pred: dict) -> Any:
        """Return boxes (n, 4) xywh, n RLEs or landmarks (n, 294, 2)."""
        field = {'bbox': 'bboxes', 'segm': 'masks'}.get(task, task)
        if field not in pred:
            if len(pred['labels']) == 0:
                return []
            raise UserError(
                f'the predictions have no {field!r}: remove {task!r} from '
                'tasks of DeepFashion2Metric, or use a model that predicts '
                'them'
            )
        if task == 'segm':
            return [encode_mask(mask) for mask in pred['masks']]
        values = to_numpy(pred[field])
        if task == 'keypoints':
            return values.astype(np.float32)
        values = values.astype(float)
        return np.hstack((values[:, :2], values[:, 2:] - values[:, :2]))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Compute the metrics, and write the result files if asked for.

        Args:
            results (list[dict]): What ``process`` stored, of all processes.

        Returns:
            dict[str, float]: Empty if ``format_only``.

        Raises:
            UserError: An image was predicted twice.
        """
        check_images_once(results, type(self).__name__)
        entries: dict[Task, list[dict]] = {}
        for protocol in self._protocol_tasks():
            entries[protocol] = _result_entries(protocol, results)
            if self.outfile_prefix is not None:
                path = f'{self.outfile_prefix}.{protocol}.json'
                write_results(path, entries[protocol])
                print_log(f'Wrote {path}', logger='current')
        if self.format_only:
            return {}
        gt = self._ground_truth
        if gt is None:
            gt = self._ground_truth = self._load_ground_truth()
        tables = {}
        for task in self.tasks:
            tables[task] = evaluate(
                COCO_PROTOCOLS[task],
                visible_only(gt) if task == 'keypoints_vis' else gt,
                entries[COCO_PROTOCOLS[task]],
                backend=self.backend,
                per_category=self.per_category,
                subsets=self.subsets,
            )
        print_log(f'\n{format_tables(tables)}', logger='current')
        return {
            f'{task}/{name}': value
            for task, metrics in tables.items()
            for name, value in metrics.items()
        }


def check_images_once(results: Sequence[dict], metric: str) -> None:
    """Check that each image was predicted once.

    Args:
        results (Sequence[dict]): With ``image_id``, of all processes.
        metric (str): Name of the metric, for the message.

    Raises:
        UserError: Two results have the same image id, as those of two
            annotation files have.
    """
    counts = Counter(image['image_id'] for image in results)
    if repeated := [image for image, count in counts.items() if count > 1]:
        raise UserError(
            f'{metric} got {len(repeated)} images more than once, of the ids '
            f'{describe(repeated)}; it evaluates the images of one annotation '
            'file, each once: test the datasets of a ConcatDataset one after '
            'the other, and none with RepeatDataset'
        )


def encode_mask(mask: Any) -> dict:
    """Encode a mask as COCO's compressed RLE, in plain values for JSON.

    Args:
        mask (Tensor | np.ndarray | dict): (h, w) bool, or an RLE.

    Returns:
        dict: ``size`` [h, w] in px and ``counts``, a string.
    """
    if not isinstance(mask, dict):
        mask = mask_utils.encode(
            np.asfortranarray(to_numpy(mask).astype(np.uint8))
        )
    counts = mask['counts']
    if isinstance(counts, bytes):
        counts = counts.decode()
    return {'size': [int(n) for n in mask['size']], 'counts': counts}


def _result_entries(task: str, results: list[dict]) -> list[dict]:
    """Return the predictions of all images as an official result list."""
    entries = []
    for image in results:
        values = image[task]
        if task == 'bbox':
            values = [box.tolist() for box in values]
        elif task == 'keypoints' and len(values):  # [] of an image without any
            values = flat_keypoints(values)
        for label, score, value in zip(
            image['labels'], image['scores'], values, strict=True
        ):
            entries.append(
                {
                    'image_id': image['image_id'],
                    'category_id': label + 1,
                    'score': score,
                    RESULT_FIELDS[task]: value,
                }
            )
    return entries
