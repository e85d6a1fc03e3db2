# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The table of tasks agrees with what computes and reports the metrics."""

import numpy as np
import pytest

from mmfashion_ext import plugins
from mmfashion_ext.evaluation.coco_eval import METRIC_NAMES
from mmfashion_ext.evaluation.consumer_to_shop import evaluate_retrieval
from mmfashion_ext.evaluation.keypoint_errors import error_names
from mmfashion_ext.evaluation.reid import ReIDDistances, evaluate_reid
from mmfashion_ext.evaluation.tasks import (
    COCO_PROTOCOLS,
    KEYPOINT_TASKS,
    TASK_BY_TITLE,
    TASKS,
)


def test_keys_are_unique():
    keys = [task.key(name) for task in TASKS for name in task.names]
    assert len(keys) == len(set(keys))
    assert len(TASK_BY_TITLE) == len(TASKS)


@pytest.mark.parametrize('task', TASKS, ids=lambda task: task.title)
def test_headline_is_a_part_of_the_metrics(task):
    assert task.headline
    assert set(task.headline) <= set(task.names)


def test_coco_tasks():
    assert COCO_PROTOCOLS == {
        'bbox': 'bbox',
        'segm': 'segm',
        'keypoints': 'keypoints',
        'keypoints_vis': 'keypoints',
    }
    assert KEYPOINT_TASKS == ('keypoints', 'keypoints_vis')
    for task in TASKS:
        if task.protocol:
            assert task.names == METRIC_NAMES[task.protocol]
    assert TASK_BY_TITLE['Object Detection'].key('AP') == 'bbox/AP'


def test_metrics_are_what_the_evaluations_report():
    task = TASK_BY_TITLE['Video Person Re-identification']
    ids = np.arange(3)
    distances = ReIDDistances(np.eye(3), ids, ids, 0 * ids, 0 * ids + 1)
    reported = evaluate_reid(distances)
    assert {task.key(name) for name in task.names} <= set(reported)

    task = TASK_BY_TITLE['Consumer-to-Shop Retrieval']
    with pytest.warns(UserWarning, match='no results'):
        reported = evaluate_retrieval([], [], [])
    assert set(task.names) <= set(reported)

    task = TASK_BY_TITLE['Landmark Localisation']
    assert {*task.names} == {*error_names(), 'NE/visible'} - {'EPE'}


@pytest.mark.skipif(
    'match_rcnn' not in plugins.installed_systems(), reason='needs mmdet'
)
def test_prefix_of_the_retrieval_metric():
    from mmfashion_ext.match_rcnn.retrieval_metric import PREFIXES

    task = TASK_BY_TITLE['Consumer-to-Shop Retrieval']
    assert PREFIXES['released'] == task.prefix


@pytest.mark.skipif(
    'tryon' not in plugins.installed_systems(), reason='needs mmengine'
)
def test_metrics_of_try_on_are_what_its_metrics_report():
    import torch

    from mmfashion_ext.tryon.metric import TryOnMetric, WarpMetric

    image, mask = torch.zeros(3, 16, 16), torch.ones(1, 16, 16)
    sample = {
        'person_name': 'p',
        'cloth_name': 'c',
        'try_on': image,
        'person': image,
        'warped_mask': mask,
        'cloth_mask': mask,
        'person_cloth_mask': mask,
    }
    reported = TryOnMetric().measure(sample) | WarpMetric().measure(sample)
    assert {*TASK_BY_TITLE['Virtual Try-on'].names} <= {*reported}
