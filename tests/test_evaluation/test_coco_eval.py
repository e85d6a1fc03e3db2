# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import contextlib
import copy
import importlib.util
import io

import numpy as np
import pytest
from pycocotools import mask as mask_utils
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmfashion_ext.evaluation.coco_eval import METRIC_NAMES, evaluate
from mmfashion_ext.evaluation.coco_files import (
    EvaluationError,
    check_ground_truth,
    load_ground_truth,
    load_results,
    visible_only,
)
from mmfashion_ext.formats.deepfashion2.constants import (
    ATTRIBUTES,
    CATEGORIES,
    SIGMAS,
)

TASKS = ('bbox', 'segm', 'keypoints')
BACKENDS = ('pycocotools', 'faster')
SIZE = 150


def box_mask(box):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    x, y, w, h = (int(v) for v in box)
    mask[y : y + h, x : x + w] = 1
    rle = mask_utils.encode(np.asfortranarray(mask))
    return {**rle, 'counts': rle['counts'].decode()}


def make_annotation(rng, id, image_id, category, without_landmarks=0.2):
    # whole numbers now and then: overlaps that hit a threshold exactly
    w, h = rng.uniform(8, SIZE * 0.7, 2)
    x, y = rng.uniform(0, SIZE - w), rng.uniform(0, SIZE - h)
    if rng.random() < 0.5:
        x, y, w, h = (float(int(v)) for v in (x, y, w, h))
    keypoints = np.zeros((294, 3))
    if rng.random() >= without_landmarks:
        n = category.num_landmarks
        xyv = (rng.uniform(x, x + w, n), rng.uniform(y, y + h, n))
        xyv = np.stack((*xyv, rng.integers(0, 3, n)), axis=1)
        keypoints[category.slice] = np.where(xyv[:, 2:] > 0, xyv, 0)
    return {
        'id': id,
        'image_id': image_id,
        'category_id': category.id,
        'bbox': [x, y, w, h],
        'area': w * h,
        'iscrowd': 0,
        'segmentation': [[x, y, x + w, y, x + w, y + h, x, y + h]],
        'keypoints': keypoints.ravel().tolist(),
        'num_keypoints': int((keypoints[:, 2] > 0).sum()),
        **{name: int(rng.integers(0, 4)) for name in ATTRIBUTES},
    }


def make_detections(rng, ann, ties, num_categories):
    """One entry per task for each of 0 to 3 detections of an item."""
    x, y, w, h = ann['bbox']
    truth = np.array(ann['keypoints']).reshape(294, 3)
    labelled = truth[:, 2] > 0
    for _ in range(rng.integers(0, 4)):
        noise = rng.choice([0, 0.01, 0.05, 0.1])
        dx, dy, dw, dh = rng.normal(size=4) * noise
        box = [
            max(x + dx * w, 0),
            max(y + dy * h, 0),
            w * np.exp(dw),
            h * np.exp(dh),
        ]
        points = np.ones((294, 3))
        points[:, 0] = rng.uniform(x, x + w, 294)
        points[:, 1] = rng.uniform(y, y + h, 294)
        spread = rng.normal(size=(labelled.sum(), 2)) * noise * 30
        points[labelled, :2] = truth[labelled, :2] + spread
        category_id = ann['category_id']
        if rng.random() < 0.2:
            category_id = int(rng.integers(1, num_categories + 1))
        entry = {
            'image_id': ann['image_id'],
            'category_id': category_id,
            'score': round(rng.random(), 1 if ties else 9),
        }
        yield {
            'bbox': {**entry, 'bbox': box},
            'segm': {**entry, 'segmentation': box_mask(box)},
            'keypoints': {**entry, 'keypoints': points.ravel().tolist()},
        }


def make_case(seed):
    """Ground truth and results; images may lack either."""
    rng = np.random.default_rng(seed)
    num_images, num_categories = [(2, 2), (10, 3), (25, 13)][seed % 3]
    images = [
        {'id': i + 1, 'height': SIZE, 'width': SIZE} for i in range(num_images)
    ]
    annotations, results = [], {task: [] for task in TASKS}
    for image in images:
        for _ in range(rng.integers(0, 4)):
            category = CATEGORIES[rng.integers(0, num_categories)]
            annotations.append(
                make_annotation(
                    rng, len(annotations) + 1, image['id'], category
                )
            )
            for entries in make_detections(
                rng, annotations[-1], seed % 2, num_categories
            ):
                for task in TASKS:
                    results[task].append(entries[task])
    categories = [{'id': c.id, 'name': c.name} for c in CATEGORIES]
    gt = {
        'images': images,
        'annotations': annotations,
        'categories': categories,
    }
    return gt, results


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


def perfect(gt, task):
    field = {'bbox': 'bbox', 'keypoints': 'keypoints'}.get(task)
    return [
        {
            'image_id': ann['image_id'],
            'category_id': ann['category_id'],
            'score': 1 - ann['id'] / 1000,
            **(
                {field: ann[field]}
                if field
                else {'segmentation': box_mask(ann['bbox'])}
            ),
        }
        for ann in gt['annotations']
    ]


def similarity(task, truth, detection):
    """IoU of boxes, or OKS, of one pair."""
    if task == 'bbox':
        a, b = np.array(truth['bbox']), np.array(detection['bbox'])
        sides = np.minimum(a[:2] + a[2:], b[:2] + b[2:])
        sides = np.clip(sides - np.maximum(a[:2], b[:2]), 0, None)
        shared = sides.prod()
        return shared / (a[2:].prod() + b[2:].prod() - shared)
    g = np.array(truth['keypoints']).reshape(294, 3)
    d = np.array(detection['keypoints']).reshape(294, 3)
    on = g[:, 2] > 0
    if not on.any():
        x, y, w, h = truth['bbox']
        low, high = np.array([x - w, y - h]), np.array([x + 2 * w, y + 2 * h])
        square = np.clip(low - d[:, :2], 0, None) + np.clip(
            d[:, :2] - high, 0, None
        )
        square, on = (square**2).sum(1), slice(None)
    else:
        square = ((g - d)[:, :2] ** 2).sum(1)
    variance = (2 * np.array(SIGMAS)) ** 2
    return np.exp(-square / (2 * truth['area'] * variance))[on].mean()


def naive_ap(task, gt, results, threshold, ignored):
    """AP of plain loops: the textbook, independent of any COCO code."""
    limit = {'bbox': 100, 'keypoints': 20}[task]
    per_category = []
    for category in CATEGORIES:
        rows, total = [], 0
        for image in gt['images']:
            key = (image['id'], category.id)

            def of(items, key=key):
                return [
                    i
                    for i in items
                    if (i['image_id'], i['category_id']) == key
                ]

            truths = sorted(of(gt['annotations']), key=ignored)
            total += sum(not ignored(truth) for truth in truths)
            free = list(range(len(truths)))
            found = sorted(of(results), key=lambda d: -d['score'])[:limit]
            for detection in found:
                best, choice = threshold, None
                for g in free:
                    if choice is not None and ignored(truths[g]) > ignored(
                        truths[choice]
                    ):
                        break
                    value = similarity(task, truths[g], detection)
                    if value >= best:
                        best, choice = value, g
                if choice is None:
                    rows.append((detection['score'], 0))
                else:
                    free.remove(choice)
                    if not ignored(truths[choice]):
                        rows.append((detection['score'], 1))
        if not total:
            continue
        right = np.array([hit for _, hit in sorted(rows, key=lambda r: -r[0])])
        right = right.astype(float)
        recall = right.cumsum() / total
        precision = right.cumsum() / np.arange(1, len(right) + 1)
        values = [
            precision[recall >= r].max(initial=0)
            for r in np.linspace(0, 1, 101)
        ]
        per_category.append(np.mean(values))
    return np.mean(per_category)


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('seed', range(6))
def test_equals_stock_pycocotools_to_the_last_digit(task, backend, seed):
    gt, results = make_case(seed)
    before = copy.deepcopy((gt, results[task]))
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
    assert (gt, results[task]) == before


@pytest.mark.parametrize('task', TASKS)
def test_backends_agree_on_every_subset(task):
    gt, results = make_case(2)
    slow, fast = (
        evaluate(task, gt, results[task], backend=backend, subsets=True)
        for backend in BACKENDS
    )
    assert slow == fast
    assert len(slow) == len(METRIC_NAMES[task]) + 12 * 3


@pytest.mark.parametrize('task', ['bbox', 'keypoints'])
@pytest.mark.parametrize('seed', [3, 4, 7])
def test_agrees_with_plain_loops(task, seed):
    gt, results = make_case(seed)
    # equal scores leave the order across images to the implementation
    for i, entry in enumerate(results[task]):
        entry['score'] += i * 1e-6

    def ignored(ann):
        return task == 'keypoints' and ann['num_keypoints'] == 0

    metrics = evaluate(task, gt, results[task], subsets=True)
    for name, threshold in (('AP50', 0.5), ('AP75', 0.75)):
        expected = naive_ap(task, gt, results[task], threshold, ignored)
        assert metrics[name] == pytest.approx(expected, abs=1e-12)

    def outside(ann):
        return ignored(ann) or ann['occlusion'] != 2

    expected = naive_ap(task, gt, results[task], 0.5, outside)
    assert metrics['occlusion=medium/AP50'] == pytest.approx(
        expected, abs=1e-12
    )


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('task', ['bbox', 'segm'])
def test_perfect_predictions(task, backend):
    gt, _ = make_case(1)
    for ann in gt['annotations']:  # whole pixels: masks are exact
        x, y, w, h = (int(v) for v in ann['bbox'])
        ann['bbox'] = [x, y, w, h]
        ann['segmentation'] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    metrics = evaluate(task, gt, perfect(gt, task), backend=backend)
    assert metrics['AP'] == metrics['AR@100'] == 1


@pytest.mark.parametrize('backend', BACKENDS)
def test_item_without_landmarks_is_a_false_positive_when_all_zero(backend):
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
def test_no_detections(task, backend):
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
def test_nothing_to_find(task, backend):
    gt, results = make_case(1)
    gt['annotations'] = []
    metrics = evaluate(
        task, gt, results[task], backend=backend, per_category=True
    )
    assert set(metrics.values()) == {-1}


def test_category_of_results_that_ground_truth_does_not_list():
    gt, results = make_case(2)
    gt['categories'] = gt['categories'][:4]
    gt['annotations'] = [a for a in gt['annotations'] if a['category_id'] < 5]
    metrics = [
        evaluate('bbox', gt, results['bbox'], backend=backend)
        for backend in BACKENDS
    ]
    expected = stock('bbox', gt, results['bbox']).stats.tolist()
    assert list(metrics[0].values()) == list(metrics[1].values()) == expected


def test_missing_faster_coco_eval_falls_back(monkeypatch):
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


def test_visible_only():
    keypoints = np.zeros((294, 3), int)
    keypoints[:3] = [[5, 6, 2], [7, 8, 1], [9, 10, 2]]
    for convert in (np.ravel, lambda array: array.ravel().tolist()):
        ann = {'id': 1, 'keypoints': convert(keypoints), 'num_keypoints': 3}
        gt = {'images': [], 'annotations': [ann, {'id': 2}], 'categories': []}
        first, second = visible_only(gt)['annotations']
        visible = keypoints.copy()
        visible[1] = 0
        assert type(first['keypoints']) is type(ann['keypoints'])
        np.testing.assert_array_equal(first['keypoints'], visible.ravel())
        assert first['num_keypoints'] == 2
        assert second == {'id': 2}
        assert ann['num_keypoints'] == 3


def test_visible_only_is_easier_to_satisfy():
    gt, _ = make_case(2)
    results = perfect(gt, 'keypoints')
    for entry in results:  # wrong where occluded
        points = np.array(entry['keypoints']).reshape(294, 3)
        points[points[:, 2] == 1, :2] += 1000
        entry['keypoints'] = points.ravel().tolist()
    both = evaluate('keypoints', gt, results)
    visible = evaluate('keypoints', visible_only(gt), results)
    assert visible['AR'] == 1
    assert both['AR'] < 0.5


def changed(seed=1, **changes):
    gt, _ = make_case(seed)
    gt['annotations'][2].update(changes)
    return gt


@pytest.mark.parametrize(
    ('gt', 'message'),
    [
        ({'images': []}, 'got one without annotations, categories'),
        (
            changed(image_id=99),
            'annotation 3 has image_id 99, which is not listed',
        ),
        (
            changed(category_id=14),
            'annotation 3 has category_id 14, expected an integer',
        ),
        (
            changed(keypoints=[0] * 51),
            'has keypoints of 51 numbers, expected 882',
        ),
        (
            changed(bbox=[0, 0, np.nan, 1]),
            'annotation 3 has bbox with nan, expected 4 finite',
        ),
        (
            changed(id=1),
            'ids of annotation records must be unique, got 1 more',
        ),
        (changed(id=0), 'annotation ids must not be 0; convert'),
        (
            {**changed(), 'categories': [{'id': 17, 'name': 'cat'}]},
            'category 17 has id 17, expected an integer from 1 to 13',
        ),
    ],
)
def test_broken_ground_truth(gt, message):
    with pytest.raises(EvaluationError, match=message):
        load_ground_truth(gt)


@pytest.mark.parametrize(
    ('segmentation', 'message'),
    [
        ([], 'annotations 3 have a segmentation without area.*--skip-inv'),
        ([[4, 5]], 'annotations 3 have a segmentation without area'),
        ([[1, 2, 3, 4]], 'annotations 3 have a segmentation without area'),
    ],
)
def test_mask_that_crashes_pycocotools(segmentation, message):
    gt = changed(segmentation=segmentation)
    with pytest.raises(EvaluationError, match=message):
        evaluate('segm', gt, [])
    assert evaluate('bbox', gt, perfect(gt, 'bbox'))['AP'] == 1


def test_ground_truth_without_the_fields_of_the_task():
    gt = load_ground_truth(changed())
    for ann in gt['annotations']:
        del ann['scale'], ann['keypoints']
    with pytest.raises(EvaluationError, match="more have no 'keypoints'"):
        check_ground_truth('keypoints', gt['annotations'])
    with pytest.raises(EvaluationError, match='the official JSON files lack'):
        check_ground_truth('bbox', gt['annotations'], subsets=True)
    check_ground_truth('bbox', gt['annotations'])


@pytest.mark.parametrize(
    ('task', 'changes', 'message'),
    [
        ('bbox', {'image_id': 99}, 'entry 1 has image_id 99, which is not in'),
        ('bbox', {'category_id': 0}, 'entry 1 has category_id 0, expected'),
        ('bbox', {'score': np.nan}, 'entry 1 has score nan'),
        (
            'bbox',
            {'bbox': [1, 2, 3]},
            'entry 1 has bbox of 3 numbers, expected 4',
        ),
        ('keypoints', {'keypoints': [1] * 51}, '51 numbers.*expected 882'),
        ('keypoints', {'bbox': [0, 0, 1, 1]}, "some entries have 'bbox'"),
        (
            'segm',
            {'segmentation': [[0, 0, 9, 0, 9, 9]]},
            'entry 1 has segmentation .*, expected run lengths',
        ),
        (
            'segm',
            {'segmentation': {'size': [7, 8], 'counts': ''}},
            r'mask of \(h, w\) \[7, 8\], its image is \[150, 150\]',
        ),
    ],
)
def test_broken_results(task, changes, message):
    gt, results = make_case(1)
    results[task][1].update(changes)
    with pytest.raises(EvaluationError, match=message):
        load_results(task, load_ground_truth(gt), results[task])


def test_results_of_another_task():
    gt, results = make_case(1)
    with pytest.raises(EvaluationError, match='entry 0 lacks keypoints'):
        evaluate('keypoints', gt, results['bbox'])


def test_broken_files(tmp_path):
    with pytest.raises(EvaluationError, match='cannot read the ground truth'):
        load_ground_truth(tmp_path / 'none.json')
    broken = tmp_path / 'broken.json'
    broken.write_text('[{"image_id": 1')
    with pytest.raises(EvaluationError, match='the result list is not'):
        load_results('bbox', {}, broken)
    broken.write_text('{}')
    with pytest.raises(
        EvaluationError, match='holds an object, expected a list of detections'
    ):
        load_results('bbox', {}, broken)


def test_unknown_task_and_backend():
    with pytest.raises(ValueError, match="bbox, segm, keypoints, got 'pose'"):
        evaluate('pose', {}, [])
    gt, results = make_case(1)
    with pytest.raises(ValueError, match="or 'faster', got 'fast'"):
        evaluate('bbox', gt, results['bbox'], backend='fast')
