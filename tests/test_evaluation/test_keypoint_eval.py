# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The evaluation with arrays against pycocotools, digit by digit."""

import contextlib
import copy
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmfashion_ext.evaluation.coco_eval import evaluate
from mmfashion_ext.evaluation.coco_files import load_ground_truth, load_results
from mmfashion_ext.evaluation.keypoint_eval import (
    LandmarkEvaluator,
    keypoint_similarity,
)
from mmfashion_ext.formats.deepfashion2.constants import (
    ATTRIBUTES,
    CATEGORIES,
    NUM_LANDMARKS,
    SIGMAS,
)


def stock(gt, results):
    """pycocotools as it is, with the 294 sigmas."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(gt)
        truth.createIndex()
        found = COCO()
        found.dataset = {**truth.dataset, 'annotations': []}
        found.createIndex()
        if results:
            found = truth.loadRes(copy.deepcopy(results))
        evaluator = COCOeval(truth, found, 'keypoints')
        evaluator.params.kpt_oks_sigmas = np.array(SIGMAS)
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator


#: Offsets in px: none, small ones, and one that is a miss. Half of an item's
#: landmarks at 0 and half far away is a similarity of exactly 0.5.
OFFSETS = st.sampled_from([0.0, 0.0, 0.25, 1.5, 4.0, 1e5])
#: Areas on both sides of COCO's limits, and on them.
SIDES = st.sampled_from([(0, 0), (32, 32), (96, 96), (20, 30), (40.5, 300)])


@st.composite
def items(draw, id):
    category = draw(st.sampled_from([CATEGORIES[4], CATEGORIES[8]]))
    width, height = draw(SIDES)
    x, y = draw(st.integers(0, 50)), draw(st.integers(0, 50))
    keypoints = np.zeros((NUM_LANDMARKS, 3))
    rng = np.random.default_rng(draw(st.integers(0, 3)))
    states = rng.integers(0, 3, category.num_landmarks)
    if draw(st.integers(0, 4)) == 0:
        states[:] = 0
    own = keypoints[category.slice]
    own[:, 0] = x + width * rng.random(len(own)).round(2)
    own[:, 1] = y + height * rng.random(len(own)).round(2)
    own[:, 2] = states
    own[states == 0] = 0
    return {
        'id': id,
        'image_id': draw(st.integers(1, 3)),
        'category_id': category.id,
        'bbox': [x, y, width, height],
        'area': width * height,
        'iscrowd': draw(st.sampled_from([0, 0, 0, 1])),
        'keypoints': keypoints.ravel().tolist(),
        # the file's number counts, right or wrong
        'num_keypoints': draw(st.sampled_from([int((states > 0).sum()), 0])),
        **{name: draw(st.integers(1, 2)) for name in ATTRIBUTES},
    }


@st.composite
def detections(draw, item, with_box):
    keypoints = np.reshape(item['keypoints'], (-1, 3)).copy()
    rest = keypoints[:, 2] == 0
    keypoints[rest, :2] = draw(st.sampled_from([0, 30, 60]))
    moved = slice(draw(st.integers(0, 1)), None, draw(st.integers(1, 3)))
    keypoints[moved, 0] += draw(OFFSETS)
    box = {'bbox': [0, 0, *draw(SIDES)]} if with_box else {}
    category_ids = st.sampled_from([item['category_id']] * 3 + [9, 13])
    return {
        'image_id': item['image_id'],
        'category_id': draw(category_ids),
        'score': draw(st.sampled_from([0.0, 0.25, 0.5, 0.5, 1.0])),
        'keypoints': keypoints.ravel().tolist(),
        **box,
    }


@st.composite
def cases(draw):
    """Few images with many ties; an image may have over 20 detections."""
    annotations = [draw(items(i + 1)) for i in range(draw(st.integers(0, 5)))]
    with_box = draw(st.booleans())
    results = []
    for item in annotations:
        found = draw(st.lists(detections(item, with_box), max_size=4))
        times = draw(st.sampled_from([1, 1, 1, 7]))
        results += [dict(entry) for entry in found * times]
    gt = {
        'images': [{'id': i, 'width': 400, 'height': 400} for i in (3, 1, 2)],
        'annotations': annotations,
        'categories': [{'id': i, 'name': str(i)} for i in (9, 5, 1)],
    }
    return gt, results


@settings(max_examples=100, deadline=None)
@given(cases())
def test_equals_pycocotools(case):
    gt, results = case
    truth = load_ground_truth(gt)
    ours = LandmarkEvaluator(truth, load_results('keypoints', truth, results))
    ours.run()
    expected = stock(gt, results)
    for key in ('precision', 'recall'):
        np.testing.assert_array_equal(ours.eval[key], expected.eval[key])


@pytest.mark.filterwarnings('ignore:no detections')
@settings(max_examples=15, deadline=None)
@given(cases())
def test_subsets_equal_those_of_pycocotools(case):
    gt, results = case
    fast, slow = (
        evaluate(
            'keypoints',
            gt,
            results,
            backend=backend,
            per_category=True,
            subsets=True,
        )
        for backend in ('faster', 'pycocotools')
    )
    assert fast == slow


def test_similarities_equal_pycocotools_to_the_last_bit():
    rng = np.random.default_rng(0)
    annotations, results = [], []
    for i, category in enumerate(CATEGORIES * 4):
        keypoints = np.zeros((NUM_LANDMARKS, 3))
        keypoints[category.slice] = rng.uniform(
            0, 200, (category.num_landmarks, 3)
        )
        keypoints[:, 2] = (keypoints[:, 2] > 200 * (i % 4) / 3).astype(float)
        annotations.append(
            {
                'id': i + 1,
                'image_id': 1,
                'category_id': category.id,
                'bbox': [*rng.uniform(50, 60, 2), *rng.uniform(50, 90, 2)],
                'area': rng.uniform(1e3, 1e5),
                'iscrowd': 0,
                'keypoints': keypoints.ravel().tolist(),
                'num_keypoints': int(keypoints[:, 2].sum()),
            }
        )
        found = np.ones((NUM_LANDMARKS, 3))
        found[:, :2] = keypoints[:, :2] + rng.normal(0, 9, (NUM_LANDMARKS, 2))
        results.append(
            {
                'image_id': 1,
                'category_id': category.id,
                'score': 1 - i / 100,
                'keypoints': found.ravel().tolist(),
            }
        )
    gt = {
        'images': [{'id': 1}],
        'annotations': annotations,
        'categories': [{'id': c.id, 'name': c.name} for c in CATEGORIES],
    }
    expected = stock(gt, results).ious
    for category in CATEGORIES:
        own = [a for a in annotations if a['category_id'] == category.id]
        found = [r for r in results if r['category_id'] == category.id]
        similarity = keypoint_similarity(
            np.array([r['keypoints'] for r in found]).reshape(4, -1, 3)[
                ..., :2
            ],
            np.array([a['keypoints'] for a in own]).reshape(4, -1, 3),
            np.array([a['bbox'] for a in own]),
            np.array([a['area'] for a in own]),
            tuple(np.indices((4, 4)).reshape(2, -1)),
            np.array(SIGMAS),
        )
        matrix = expected[1, category.id]
        np.testing.assert_array_equal(similarity.reshape(4, 4), matrix)
        assert 0 < matrix.min() < matrix.max() < 1


@pytest.mark.parametrize('misses', [19, 20])
def test_only_the_20_best_of_an_image_count(misses):
    keypoints = np.zeros((NUM_LANDMARKS, 3))
    keypoints[CATEGORIES[0].slice] = [9, 9, 2]
    item = {
        'id': 1,
        'image_id': 1,
        'category_id': 1,
        'bbox': [0, 0, 20, 20],
        'area': 400,
        'keypoints': keypoints.ravel().tolist(),
    }
    gt = {
        'images': [{'id': 1}],
        'annotations': [item],
        'categories': [{'id': 1, 'name': 'short_sleeved_shirt'}],
    }
    hit = {key: item[key] for key in ('image_id', 'category_id', 'keypoints')}
    hit['score'] = 0.5
    miss = {**hit, 'score': 0.9, 'keypoints': [1000] * 3 * NUM_LANDMARKS}
    metrics = evaluate('keypoints', gt, [hit] + [miss] * misses)
    assert (metrics['AR'] == 1) == (misses < 20)
    assert metrics['AP'] == pytest.approx(0.05 if misses < 20 else 0)
