# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Post-process predictions: assign categories, keep their landmarks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample, merge_data_samples

from ..formats.deepfashion2.constants import CATEGORIES, class_landmark_mask

#: (13, 294) bool: which landmarks belong to which category.
_CATEGORY_MASK = class_landmark_mask()


def assign_category(data_sample: PoseDataSample) -> None:
    """Set a garment's label; hide the landmarks of other categories.

    mmpose's heads predict no category. Then it is the sample's
    ``category_id``, or else the category whose landmarks have the highest
    mean score.

    Args:
        data_sample (PoseDataSample): One garment, predicted by a model of
            DeepFashion2, changed in place. Its ``pred_instances`` get
            ``labels`` (1,), 0..12. Of other categories ``keypoint_scores``
            (1, 294) become 0, and ``keypoints_visible``, which decide what is
            drawn, -1.
    """
    pred = data_sample.pred_instances
    if 'labels' not in pred:
        label = data_sample.metainfo.get('category_id', 0) - 1
        if label < 0:
            sums = pred.keypoint_scores @ _CATEGORY_MASK.T
            label = int((sums / _CATEGORY_MASK.sum(1)).argmax())
        pred.labels = np.array([label])
    in_category = _CATEGORY_MASK[pred.labels]
    pred.keypoint_scores = np.where(in_category, pred.keypoint_scores, 0)
    pred.keypoints_visible = np.where(in_category, pred.keypoint_scores, -1)


def merge_garments(
    garments: Sequence[PoseDataSample], path: str
) -> PoseDataSample:
    """Merge the predicted garments of one image into one data sample.

    Args:
        garments (Sequence[PoseDataSample]): N samples of one garment each;
            may be empty.
        path (str): Path of the image.

    Returns:
        PoseDataSample: With ``img_path`` and ``pred_instances`` of N
        instances: ``bboxes`` (N, 4) xyxy px, ``bbox_scores`` (N,),
        ``keypoints`` (N, K, 2) px, ``keypoint_scores`` (N, K) and, of models
        with categories, ``labels`` (N,). Without garments it is empty.
    """
    if garments:
        merged = merge_data_samples(list(garments))
    else:
        merged = PoseDataSample(pred_instances=InstanceData())
    merged.set_metainfo({'img_path': path})
    return merged


def to_prediction(
    instances: InstanceData, names: Sequence[str], has_categories: bool
) -> dict[str, Any]:
    """Convert the garments of an image to NumPy arrays and plain values.

    Args:
        instances (InstanceData): N garments, see :func:`merge_garments`.
        names (Sequence[str]): Names of all K landmarks.
        has_categories (bool): Whether the model knows DeepFashion2's
            categories.

    Returns:
        dict: ``bboxes`` (N, 4) float32 xyxy px, ``scores`` (N,) float32, 0-1,
        of the boxes; ``labels`` (N,) int, 0..12, and ``categories``, a list
        of N names, both None without categories; and lists of N entries of
        the landmarks of each garment's category (all K without categories):
        ``keypoints`` (K_i, 2) float32 px, ``keypoint_scores`` (K_i,) float32,
        0-1, and ``keypoint_names``, K_i names.
    """
    num = len(instances)
    labels = instances.labels if num and has_categories else np.zeros(0, int)
    parts = [CATEGORIES[label].slice for label in labels]
    if not has_categories:
        parts = [slice(None)] * num
    points = instances.get('keypoints', ())
    scores = instances.get('keypoint_scores', ())
    box_scores = np.asarray(instances.get('bbox_scores', ()), np.float32)
    boxes = np.asarray(instances.get('bboxes', ()), np.float32)
    return {
        'bboxes': boxes.reshape(-1, 4),
        'scores': box_scores,
        'labels': np.asarray(labels, int) if has_categories else None,
        'categories': (
            [CATEGORIES[label].name for label in labels]
            if has_categories
            else None
        ),
        'keypoints': [
            np.asarray(row[part], np.float32)
            for row, part in zip(points, parts, strict=True)
        ],
        'keypoint_scores': [
            np.asarray(row[part], np.float32)
            for row, part in zip(scores, parts, strict=True)
        ],
        'keypoint_names': [list(names[part]) for part in parts],
    }
