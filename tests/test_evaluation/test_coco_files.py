# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Ground truth and results are read with checks."""

import numpy as np
import pytest

from mmfashion_ext.evaluation.coco_eval import evaluate
from mmfashion_ext.evaluation.coco_files import (
    EvaluationError,
    check_ground_truth,
    load_ground_truth,
    load_results,
    visible_only,
)


@pytest.fixture
def changed(make_case):
    """A function: a ground truth whose annotation 3 has other values."""

    def changed(**changes):
        gt, _ = make_case(1)
        gt['annotations'][2].update(changes)
        return gt

    return changed


def test_visible_only():
    keypoints = np.zeros((294, 3), int)
    keypoints[:3] = [[5, 6, 2], [7, 8, 1], [9, 10, 2]]
    for convert in (np.ravel, lambda array: array.ravel().tolist()):
        flat = convert(keypoints.copy())
        ann = {'id': 1, 'keypoints': flat, 'num_keypoints': 3}
        gt = {'images': [], 'annotations': [ann, {'id': 2}], 'categories': []}
        first, second = visible_only(gt)['annotations']
        visible = keypoints.copy()
        visible[1] = 0
        assert type(first['keypoints']) is type(ann['keypoints'])
        np.testing.assert_array_equal(first['keypoints'], visible.ravel())
        assert first['num_keypoints'] == 2
        assert second == {'id': 2}
        # the metric evaluates the whole ground truth after this one
        assert ann['num_keypoints'] == 3
        np.testing.assert_array_equal(ann['keypoints'], keypoints.ravel())


def test_visible_only_is_easier_to_satisfy(make_case, perfect):
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


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            dict(image_id=99),
            'annotation 3 has image_id 99, which is not listed',
        ),
        (
            dict(category_id=14),
            'annotation 3 has category_id 14, expected an integer',
        ),
        (
            dict(keypoints=[0] * 51),
            'has keypoints of 51 numbers, expected 882',
        ),
        (
            dict(bbox=[0, 0, np.nan, 1]),
            'annotation 3 has bbox with nan, expected 4 finite',
        ),
        (
            dict(id=1),
            'ids of annotation records must be unique, got 1 more',
        ),
        (dict(id=0), 'annotation ids must not be 0; convert'),
    ],
)
def test_broken_annotation(changed, changes, message):
    with pytest.raises(EvaluationError, match=message):
        load_ground_truth(changed(**changes))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'annotations': None}, 'got annotations None, not a list; convert'),
        (
            {'categories': [{'id': 17, 'name': 'cat'}]},
            'category 17 has id 17, expected an integer from 1 to 13',
        ),
    ],
)
def test_broken_ground_truth(changed, changes, message):
    with pytest.raises(EvaluationError, match=message):
        load_ground_truth(changed() | changes)


def test_ground_truth_without_lists():
    message = 'got one without annotations, categories'
    with pytest.raises(EvaluationError, match=message):
        load_ground_truth({'images': []})


@pytest.mark.parametrize(
    ('segmentation', 'message'),
    [
        ([], 'annotations 3 have a segmentation without area.*--skip-inv'),
        ([[4, 5]], 'annotations 3 have a segmentation without area'),
        ([[1, 2, 3, 4]], 'annotations 3 have a segmentation without area'),
    ],
)
def test_mask_that_crashes_pycocotools(
    changed, perfect, segmentation, message
):
    gt = changed(segmentation=segmentation)
    with pytest.raises(EvaluationError, match=message):
        evaluate('segm', gt, [])
    assert evaluate('bbox', gt, perfect(gt, 'bbox'))['AP'] == 1


def test_ground_truth_without_the_fields_of_the_task(changed):
    gt = load_ground_truth(changed())
    for ann in gt['annotations']:
        del ann['scale'], ann['keypoints']
    with pytest.raises(EvaluationError, match="more have no 'keypoints'"):
        check_ground_truth('keypoints', gt['annotations'])
    with pytest.raises(EvaluationError, match='the official JSON files lack'):
        check_ground_truth('bbox', gt['annotations'], subsets=True)
    check_ground_truth('bbox', gt['annotations'])
    images = [{'id': 4, 'height': 9}]
    check_ground_truth('bbox', gt['annotations'], images=images)
    with pytest.raises(EvaluationError, match='images 4 have no height or'):
        check_ground_truth('segm', gt['annotations'], images=images)


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
def test_broken_results(task, changes, message, make_case):
    gt, results = make_case(1)
    results[task][1].update(changes)
    with pytest.raises(EvaluationError, match=message):
        load_results(task, load_ground_truth(gt), results[task])


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
