# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Accuracy of the best detection's category on images of single garments."""

import os.path as osp
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from ..errors import UserError
from ..evaluation.result_files import to_numpy
from ..registry import METRICS
from .candidate_dataset import allowed_labels, read_candidate_file


@METRICS.register_module()
class CandidateAccuracy(BaseMetric):
    """Share of images whose best detection has a category that is allowed.

    For photographs of one garment each, whose class may allow several
    categories of DeepFashion2 ("dress" allows four). An image without a
    detection is wrong. The metrics are ``accuracy`` and, for each class of
    the file, ``accuracy/{class}``, in 0-1.

    Args:
        ann_file (str): COCO file with one item in each image.
        candidates (str | Mapping[str, Sequence[str | int]]): As of
            :class:`.CandidateSetDataset`.
        **kwargs: Arguments of ``BaseMetric``.

    Raises:
        FileNotFoundError: ``ann_file`` does not exist.
        UserError: It cannot be read, or an image has not one item.
    """

    default_prefix = ''

    def __init__(
        self,
        ann_file: str,
        candidates: str | Mapping[str, Sequence[str | int]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not osp.isfile(ann_file):
            raise FileNotFoundError(
                f'{ann_file}: no such file; make it with '
                'tools/dataset_converters/garments.py'
            )
        allowed = allowed_labels(candidates)
        truth = read_candidate_file(ann_file)
        names = {c['id']: c['name'] for c in truth.categories}
        #: Image id -> class, and the labels that it allows.
        self._expected: dict[int, tuple[str, set[int]]] = {}
        for image, items in truth.by_image():
            classes = [names[item['category_id']] for item in items]
            if len(classes) != 1 or classes[0] not in allowed:
                raise UserError(
                    f'{ann_file}: image {image["file_name"]} has the items '
                    f'{classes}, expected one of {", ".join(allowed)}'
                )
            self._expected[image['id']] = classes[0], set(allowed[classes[0]])

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store whether the best detection of each image is right.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): ``img_id`` and ``pred_instances``
                with ``scores`` (n,) and ``labels`` (n,) 0..12.
        """
        for sample in data_samples:
            name, allowed = self._expected[int(sample['img_id'])]
            found = sample['pred_instances']
            right = False
            if len(found['labels']):
                best = to_numpy(found['scores']).argmax()
                right = int(to_numpy(found['labels'])[best]) in allowed
            self.results.append((name, right))

    def compute_metrics(self, results: list[tuple[str, bool]]) -> dict:
        """Compute the accuracies.

        Args:
            results (list[tuple[str, bool]]): What ``process`` stored.

        Returns:
            dict[str, float]: In 0-1.
        """
        counts = Counter(name for name, _ in results)
        right = Counter(name for name, is_right in results if is_right)
        metrics = {'accuracy': right.total() / max(1, counts.total())}
        for name in sorted(counts):
            metrics[f'accuracy/{name}'] = right[name] / counts[name]
        return metrics
