# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""COCO metrics against stock pycocotools, and by hand."""

import contextlib
import copy
import importlib.util
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmfashion_ext.evaluation.coco_eval import METRIC_NAMES, evaluate
from mmfashion_ext.evaluation.coco_files import EvaluationError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    SIGMAS,
)

TASKS = ('bbox', 'segm', 'keypoints')
BACKENDS = ('pycocotools', 'faster')
SIZE = 150


def stock(task, gt, results):
    """pycocotools as it is, with the 294 sigmas."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco_gt = COCO()
        coco_gt.dataset = copy.deepcopy(gt)
        coco_gt.createIndex()
        coco_dt = coco_gt.loadRes(copy.deepcopy(results))
        evaluator = COCOeval(coco_gt, coco_dt, task)
        if task == 'keypoints':
            evaluator.params.kpt_oks_sigmas = np.array(SIGMAS)
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('seed', range(6))
def test_equals_stock_pycocotools_to_the_last_digit(
    task, backend, seed, make_case
):
    gt, results = make_case(seed)
    unchanged = copy.deepcopy((gt, results[task]))
    metrics = evaluate(
        task, gt, results[task], backend=backend, per_category=True
    )
    expected = stock(task, gt, results[task])
    overall = {name: metrics[name] for name in METRIC_NAMES[task]}
    assert list(overall.values()) == expected.stats.tolist()
    precision = expected.eval['precision'][:, :, :, 0, -1]
    for k, category in enumerate(CATEGORIES):
        values = precision[:, :, k]
        mean = values.mean() if values.max() > -1 else -1
        assert metrics[f'AP/{category.name}'] == mean
    assert (gt, results[task]) == unchanged


@pytest.mark.parametrize('task', TASKS)
def test_backends_agree_on_every_subset(task, make_case):
    gt, results = make_case(2)
    slow, fast = (
        evaluate(task, gt, results[task], backend=backend, subsets=True)
        for backend in BACKENDS
    )
    assert slow == fast
    assert len(slow) == len(METRIC_NAMES[task]) + 12 * 3


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('task', ['bbox', 'segm'])
def test_perfect_predictions(task, backend, make_case, perfect):
    gt, _ = make_case(1)
    for ann in gt['annotations']:  # whole pixels: masks are exact
        x, y, w, h = (int(v) for v in ann['bbox'])
        ann['bbox'] = [x, y, w, h]
        ann['segmentation'] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    metrics = evaluate(task, gt, perfect(gt, task), backend=backend)
    assert metrics['AP'] == metrics['AR@100'] == 1


@pytest.mark.parametrize('backend', BACKENDS)
def test_item_without_landmarks_is_a_false_positive_when_all_zero(
    backend, perfect, make_annotation
):
    rng = np.random.default_rng(0)
    images = [{'id': i, 'height': SIZE, 'width': SIZE} for i in (1, 2, 3)]
    annotations = [
        make_annotation(rng, i, i, CATEGORIES[0], without_landmarks=i == 1)
        for i in (1, 2, 3)
    ]
    # the far corner: all-zero points are outside the box enlarged
    annotations[0]['bbox'] = [120, 120, 20, 20]
    annotations[0]['area'] = 400
    gt = {
        'images': images,
        'annotations': annotations,
        'categories': [{'id': 1, 'name': 'short_sleeved_shirt'}],
    }
    results = perfect(gt, 'keypoints')  # the empty one has the best score
    metrics = evaluate('keypoints', gt, results, backend=backend)
    assert metrics['AP'] == pytest.approx(2 / 3, abs=1e-12)
    assert metrics['AR'] == 1
    # filled with points inside its box it is ignored
    points = np.full((294, 3), 130.0)
    results[0]['keypoints'] = points.ravel().tolist()
    metrics = evaluate('keypoints', gt, results, backend=backend)
    assert metrics['AP'] == 1


@pytest.mark.parametrize('backend', BACKENDS)
def test_subset_ignores_other_items_and_counts_false_positives(backend):
    """Image 1: a small and a large item found, and one false alarm."""
    boxes = {'small': [0, 0, 20, 20], 'large': [50, 50, 80, 80]}
    annotations = [
        {
            'id': code,
            'image_id': 1,
            'category_id': 5,
            'bbox': box,
            'area': box[2] * box[3],
            'scale': code,
            'occlusion': 1,
            'zoom_in': 1,
            'viewpoint': 2,
        }
        for code, box in ((1, boxes['small']), (3, boxes['large']))
    ]
    gt = {
        'images': [{'id': 1, 'height': SIZE, 'width': SIZE}],
        'annotations': annotations,
        'categories': [{'id': 5, 'name': 'vest'}],
    }
    scores = {'large': 0.9, 'alarm': 0.8, 'small': 0.7}
    results = [
        {'image_id': 1, 'category_id': 5, 'score': score}
        | {'bbox': boxes.get(name, [0, 90, 30, 30])}
        for name, score in scores.items()
    ]
    metrics = evaluate('bbox', gt, results, backend=backend, subsets=True)
    assert metrics['scale=large/AP'] == pytest.approx(1, abs=1e-12)
    # the large item's detection is ignored, the false alarm ranks first
    assert metrics['scale=small/AP'] == pytest.approx(0.5, abs=1e-12)
    assert metrics['scale=moderate/AP'] == -1
    assert metrics['occlusion=slight/AP'] == metrics['AP']


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('backend', BACKENDS)
def test_no_detections(task, backend, make_case):
    gt, _ = make_case(1)
    with pytest.warns(UserWarning, match=f'every {task} metric is 0'):
        metrics = evaluate(
            task, gt, [], backend=backend, per_category=True, subsets=True
        )
    assert set(metrics.values()) <= {0, -1}
    assert metrics['AP'] == metrics['scale=small/AP'] == 0
    assert metrics['AP/sling_dress'] == -1


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('backend', BACKENDS)
def test_nothing_to_find(task, backend, make_case):
    gt, results = make_case(1)
    gt['annotations'] = []
    metrics = evaluate(
        task, gt, results[task], backend=backend, per_category=True
    )
    assert set(metrics.values()) == {-1}


def test_category_of_results_that_ground_truth_does_not_list(make_case):
    gt, results = make_case(2)
    gt['categories'] = gt['categories'][:4]
    gt['annotations'] = [a for a in gt['annotations'] if a['category_id'] < 5]
    metrics = [
        evaluate('bbox', gt, results['bbox'], backend=backend)
        for backend in BACKENDS
    ]
    expected = stock('bbox', gt, results['bbox']).stats.tolist()
    assert list(metrics[0].values()) == list(metrics[1].values()) == expected


def test_missing_faster_coco_eval_falls_back(monkeypatch, make_case):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name: None if name == 'faster_coco_eval' else find_spec(name),
    )
    gt, results = make_case(1)
    with pytest.warns(UserWarning, match='pip install faster-coco-eval'):
        metrics = evaluate('bbox', gt, results['bbox'])
    expected = stock('bbox', gt, results['bbox']).stats.tolist()
    assert list(metrics.values()) == expected


def test_results_of_another_task(make_case):
    gt, results = make_case(1)
    with pytest.raises(EvaluationError, match='entry 0 lacks keypoints'):
        evaluate('keypoints', gt, results['bbox'])


def test_unknown_task_and_backend(make_case):
    with pytest.raises(ValueError, match="bbox, segm, keypoints, got 'pose'"):
        evaluate('pose', {}, [])
    gt, results = make_case(1)
    with pytest.raises(ValueError, match="or 'faster', got 'fast'"):
        evaluate('bbox', gt, results['bbox'], backend='fast')
