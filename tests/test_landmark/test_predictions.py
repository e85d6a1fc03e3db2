# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""From data samples of single garments to one prediction per image."""

import numpy as np
import pytest

pytest.importorskip('mmpose')
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    NUM_LANDMARKS,
)
from mmfashion_ext.landmark.predictions import (
    assign_category,
    merge_garments,
    to_prediction,
)

NAMES = [f'point_{k}' for k in range(NUM_LANDMARKS)]


def garment(seed=0, category_id=None, num=NUM_LANDMARKS, **fields):
    """A predicted garment, without a label."""
    rng = np.random.default_rng(seed)
    instances = InstanceData(
        keypoints=rng.random((1, num, 2)).astype(np.float32),
        keypoint_scores=rng.random((1, num)).astype(np.float32),
        bboxes=np.array([[1.0, 2.0, 30.0 + seed, 40.0]], np.float32),
        bbox_scores=np.array([0.5 + seed / 10], np.float32),
        **fields,
    )
    meta = {} if category_id is None else {'category_id': category_id}
    return PoseDataSample(pred_instances=instances, metainfo=meta)


def test_a_known_category_hides_the_others_landmarks():
    sample = garment(category_id=9)
    scores = sample.pred_instances.keypoint_scores.copy()
    assign_category(sample)
    pred, part = sample.pred_instances, CATEGORIES[8].slice
    assert pred.labels.tolist() == [8]
    assert (pred.keypoint_scores[0, part] == scores[0, part]).all()
    assert (pred.keypoints_visible[0, part] == scores[0, part]).all()
    outside = np.ones(NUM_LANDMARKS, bool)
    outside[part] = False
    assert (pred.keypoint_scores[0, outside] == 0).all()
    assert (pred.keypoints_visible[0, outside] == -1).all()


@pytest.mark.parametrize('category', CATEGORIES, ids=lambda c: c.name)
def test_an_unknown_category_is_the_most_confident(category):
    sample = garment()
    # a mean, not a sum: few landmarks are as good as many
    sample.pred_instances.keypoint_scores[0, category.slice] = 2
    assign_category(sample)
    assert sample.pred_instances.labels.tolist() == [category.id - 1]


def test_a_label_of_the_head_stays():
    sample = garment(category_id=9, labels=np.array([2]))
    assign_category(sample)
    assert sample.pred_instances.labels.tolist() == [2]


def test_garments_of_an_image_become_one_prediction():
    garments = [garment(seed, category_id=seed + 4) for seed in range(3)]
    for sample in garments:
        assign_category(sample)
    merged = merge_garments(garments, 'street.jpg')
    assert merged.img_path == 'street.jpg'
    found = to_prediction(merged.pred_instances, NAMES, True)
    assert found['labels'].tolist() == [3, 4, 5]
    assert found['categories'] == [c.name for c in CATEGORIES[3:6]]
    assert found['bboxes'].tolist() == [
        [1, 2, 30, 40],
        [1, 2, 31, 40],
        [1, 2, 32, 40],
    ]
    assert found['scores'] == pytest.approx([0.5, 0.6, 0.7])
    for number, (sample, category) in enumerate(
        zip(garments, CATEGORIES[3:6], strict=True)
    ):
        points = sample.pred_instances.keypoints[0, category.slice]
        assert (found['keypoints'][number] == points).all()
        assert found['keypoints'][number].shape == (category.num_landmarks, 2)
        assert found['keypoint_names'][number] == NAMES[category.slice]
        scores = sample.pred_instances.keypoint_scores[0, category.slice]
        assert (found['keypoint_scores'][number] == scores).all()


def test_without_categories_all_landmarks_are_of_the_garment():
    merged = merge_garments([garment(num=6), garment(1, num=6)], 'a.jpg')
    found = to_prediction(merged.pred_instances, NAMES[:6], False)
    assert found['labels'] is found['categories'] is None
    assert [p.shape for p in found['keypoints']] == [(6, 2), (6, 2)]
    assert [s.shape for s in found['keypoint_scores']] == [(6,), (6,)]
    assert found['keypoint_names'] == [NAMES[:6]] * 2


@pytest.mark.parametrize('has_categories', [True, False])
def test_an_image_without_garments(has_categories):
    merged = merge_garments([], 'a.jpg')
    found = to_prediction(merged.pred_instances, NAMES, has_categories)
    assert found['bboxes'].shape == (0, 4)
    assert found['scores'].shape == (0,)
    assert found['keypoints'] == found['keypoint_scores'] == []
    assert found['keypoint_names'] == []
    if has_categories:
        assert found['labels'].shape == (0,)
        assert found['categories'] == []
