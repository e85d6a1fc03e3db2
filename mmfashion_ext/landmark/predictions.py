# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Predicted items: their category, and its landmarks alone."""

from collections.abc import Sequence

import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from ..formats.deepfashion2.constants import CATEGORIES, class_landmark_mask

#: (13, 294) bool: which landmarks belong to which category.
_MASK = class_landmark_mask()


def assign_category(item: PoseDataSample) -> None:
    """Set an item's label; hide the landmarks of other categories.

    mmpose's heads know no categories: theirs is the item's ``category_id``,
    or else the category whose landmarks have the highest mean score.

    Args:
        item (PoseDataSample): One predicted item of a model of DeepFashion2.
            Its ``pred_instances`` get ``labels`` (1,), 0..12; of other
            categories ``keypoint_scores`` (1, 294) become 0, and
            ``keypoints_visible``, which decide what is drawn, -1.
    """
    pred = item.pred_instances
    if 'labels' not in pred:
        label = item.metainfo.get('category_id', 0) - 1
        if label < 0:
            means = pred.keypoint_scores @ _MASK.T / _MASK.sum(1)
            label = int(means.argmax())
        pred.labels = np.array([label])
    own = _MASK[pred.labels]
    pred.keypoint_scores = np.where(own, pred.keypoint_scores, 0)
    pred.keypoints_visible = np.where(own, pred.keypoint_scores, -1)


def as_dicts(instances: InstanceData, names: Sequence[str]) -> list[dict]:
    """Predicted items as plain values.

    Args:
        instances (InstanceData): Of n items, with ``labels`` if the model has
            categories.
        names (Sequence[str]): Names of all K landmarks.

    Returns:
        list[dict]: Of each item ``category`` (name) and ``category_id``
        1..13, both None without categories; ``bbox`` xyxy px; ``bbox_score``
        0-1; ``keypoint_names`` (m,), ``keypoints`` (m, 2) px and
        ``keypoint_scores`` (m,) of the m landmarks of its category, all K
        without.
    """
    items = []
    for index in range(len(instances)):
        category, own = None, slice(None)
        if 'labels' in instances:
            category = CATEGORIES[instances.labels[index]]
            own = category.slice
        scores = instances.keypoint_scores[index, own]
        items.append(
            {
                'category': category and category.name,
                'category_id': category and category.id,
                'bbox': instances.bboxes[index].tolist(),
                'bbox_score': float(instances.bbox_scores[index]),
                'keypoint_names': list(names[own]),
                'keypoints': instances.keypoints[index, own].tolist(),
                'keypoint_scores': scores.tolist(),
            }
        )
    return items
