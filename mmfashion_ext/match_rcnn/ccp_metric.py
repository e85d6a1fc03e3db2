# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""AP on Clothing Co-Parsing, in the groups it shares with DeepFashion2."""

from collections.abc import Sequence
from typing import Any

from ..errors import UserError, describe
from ..evaluation.coco_files import load_ground_truth
from ..formats.ccp.constants import (
    EVALUATION_BY_GROUP,
    EVALUATION_BY_LABEL,
    EVALUATION_GROUPS,
)
from ..registry import METRICS
from .metric import DeepFashion2Metric


@METRICS.register_module()
class CCPMetric(DeepFashion2Metric):
    """COCO AP of boxes and masks in six groups of clothes.

    Clothing Co-Parsing has nine groups of tags, DeepFashion2 has 13
    categories; both are mapped to upper, outerwear, dress, skirt, trousers
    and shorts, ground truth and predictions alike. Names and values of the
    metrics are those of :class:`.DeepFashion2Metric`, for instance
    ``bbox/AP50`` and, with ``per_category``, ``segm/AP/dress``.

    Args:
        ann_file (str): COCO ground truth with the nine or the six groups,
            from ``tools/dataset_converters/ccp.py``.
        tasks (Sequence[str]): ``'bbox'`` and ``'segm'``.
        **kwargs: Further arguments of ``DeepFashion2Metric``.

    Raises:
        FileNotFoundError: ``ann_file`` does not exist.
        UserError: The file has other categories.
    """

    def __init__(
        self,
        ann_file: str,
        tasks: Sequence[str] = ('bbox', 'segm'),
        **kwargs: Any,
    ) -> None:
        super().__init__(ann_file, tasks, **kwargs)

    def _load_ground_truth(self) -> dict:
        """Read the ground truth and give it the categories of the groups."""
        gt = load_ground_truth(self.ann_file)
        groups = {name: name for name in EVALUATION_GROUPS}
        groups |= EVALUATION_BY_GROUP
        names = {c['id']: c['name'] for c in gt['categories']}
        if unknown := sorted(set(names.values()) - groups.keys()):
            raise UserError(
                f'{self.ann_file} has the categories {describe(unknown)}, '
                f'expected among {", ".join(groups)}; make it with '
                'tools/dataset_converters/ccp.py'
            )
        for annotation in gt['annotations']:
            name = groups[names[annotation['category_id']]]
            annotation['category_id'] = EVALUATION_GROUPS.index(name) + 1
        gt['categories'] = [
            {'id': i, 'name': name}
            for i, name in enumerate(EVALUATION_GROUPS, 1)
        ]
        return gt

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Compute the metrics of the groups.

        Args:
            results (list[dict]): What ``process`` stored; ``labels`` 0..12.

        Returns:
            dict[str, float]: In 0-1.
        """
        return super().compute_metrics(
            [
                {
                    **image,
                    'labels': [
                        EVALUATION_GROUPS.index(EVALUATION_BY_LABEL[label])
                        for label in image['labels']
                    ],
                }
                for image in results
            ]
        )
