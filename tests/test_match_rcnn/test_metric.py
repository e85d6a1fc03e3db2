# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.coco_eval import METRIC_NAMES, evaluate
from mmfashion_ext.evaluation.coco_files import visible_only
from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES, CATEGORIES
from mmfashion_ext.match_rcnn import DeepFashion2Metric
from mmfashion_ext.registry import METRICS

HEIGHT, WIDTH = 90, 120


def make_ground_truth():
    """Four images of two items; landmarks alternate visible, occluded."""
    rng = np.random.default_rng(0)
    annotations = []
    for i in range(8):
        category = CATEGORIES[i % 3]
        x, y, w, h = (int(v) for v in rng.integers(25, 45, 4))
        keypoints = np.zeros((294, 3))
        n = category.num_landmarks
        keypoints[category.slice, 0] = rng.uniform(x, x + w, n)
        keypoints[category.slice, 1] = rng.uniform(y, y + h, n)
        keypoints[category.slice, 2] = np.arange(n) % 2 + 1
        annotations.append(
            {
                'id': i + 1,
                'image_id': i // 2 + 1,
                'category_id': category.id,
                'bbox': [x, y, w, h],
                'area': w * h,
                'iscrowd': 0,
                'segmentation': [[x, y, x + w, y, x + w, y + h, x, y + h]],
                'keypoints': keypoints.ravel().tolist(),
                'num_keypoints': n,
                **dict.fromkeys(ATTRIBUTES, i % 3 + 1),
            }
        )
    return {
        'images': [
            {'id': i, 'height': HEIGHT, 'width': WIDTH} for i in range(1, 5)
        ],
        'annotations': annotations,
        'categories': [{'id': c.id, 'name': c.name} for c in CATEGORIES],
    }


def make_samples(gt, noise=2.0, seed=0):
    """What a model predicts: the items, shifted; image 3 has none."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for image in gt['images']:
        items = [a for a in gt['annotations'] if a['image_id'] == image['id']]
        items = items if image['id'] != 3 else []
        n = len(items)
        boxes = torch.tensor([a['bbox'] for a in items]).reshape(n, 4).float()
        masks = torch.zeros(n, HEIGHT, WIDTH, dtype=torch.bool)
        for mask, (x, y, w, h) in zip(masks, boxes.int(), strict=True):
            mask[y : y + h, x : x + w - 2] = True
        boxes[:, 2:] += boxes[:, :2]
        keypoints = torch.tensor([a['keypoints'] for a in items])
        keypoints = keypoints.reshape(n, 294, 3)[..., :2].float()
        boxes += noise * torch.randn(n, 4, generator=generator)
        keypoints += noise / 4 * torch.randn(n, 294, 2, generator=generator)
        pred = InstanceData(
            bboxes=boxes,
            labels=torch.tensor([a['category_id'] - 1 for a in items]).long(),
            scores=torch.rand(n, generator=generator),
            masks=masks,
            keypoints=keypoints,
            keypoint_scores=torch.ones(n, 294),
        )
        sample = DetDataSample(metainfo={'img_id': image['id']})
        sample.pred_instances = pred
        samples.append(sample)
    return samples


@pytest.fixture
def gt():
    return make_ground_truth()


@pytest.fixture
def ann_file(tmp_path, gt):
    path = tmp_path / 'validation.json'
    path.write_text(json.dumps(gt))
    return str(path)


def run(metric, samples):
    """As the test loop does it: batches of two, one process."""
    evaluator = Evaluator(metric)
    for start in range(0, len(samples), 2):
        evaluator.process(samples[start : start + 2], None)
    return evaluator.evaluate(len(samples))


def test_built_by_the_registry_measures_all_tasks(ann_file, gt):
    metric = METRICS.build(
        {'type': 'DeepFashion2Metric', 'ann_file': ann_file}
    )
    metrics = run(metric, make_samples(gt))
    expected = [f'bbox/{name}' for name in METRIC_NAMES['bbox']]
    expected += [f'segm/{name}' for name in METRIC_NAMES['segm']]
    for task in ('keypoints', 'keypoints_vis'):
        names = METRIC_NAMES['keypoints']
        expected += [f'{task}/{name}' for name in names]
    assert list(metrics) == expected
    assert all(type(value) is float for value in metrics.values())
    assert 0 < metrics['bbox/AP'] < metrics['bbox/AP50'] < 1
    # image 3 has 2 of the 8 items and no detections
    assert 0 < metrics['segm/AR@100'] < 1
    assert metrics['keypoints/AP'] != metrics['keypoints_vis/AP']


def test_files_evaluated_offline_give_the_same_numbers(tmp_path, ann_file, gt):
    prefix = tmp_path / 'new' / 'results'
    metric = DeepFashion2Metric(
        ann_file, per_category=True, subsets=True, outfile_prefix=str(prefix)
    )
    metrics = run(metric, make_samples(gt))
    for task in ('bbox', 'segm', 'keypoints', 'keypoints_vis'):
        truth = visible_only(gt) if task == 'keypoints_vis' else ann_file
        offline = evaluate(
            task.removesuffix('_vis'),
            truth,
            f'{prefix}.{task.removesuffix("_vis")}.json',
            per_category=True,
            subsets=True,
        )
        online = {
            name.removeprefix(f'{task}/'): value
            for name, value in metrics.items()
            if name.startswith(f'{task}/')
        }
        assert online == offline
    assert sorted(path.name for path in prefix.parent.iterdir()) == [
        'results.bbox.json',
        'results.keypoints.json',
        'results.segm.json',
    ]
    assert 'bbox/AP/vest' in metrics
    assert 'keypoints/scale=small/AP' in metrics


def test_official_entries(tmp_path, ann_file, gt):
    prefix = tmp_path / 'results'
    metric = DeepFashion2Metric(
        ann_file, outfile_prefix=str(prefix), format_only=True
    )
    samples = make_samples(gt)
    assert run(metric, samples) == {}
    boxes, masks, landmarks = (
        json.loads((tmp_path / f'results.{task}.json').read_text())
        for task in ('bbox', 'segm', 'keypoints')
    )
    pred = samples[0].pred_instances
    shared = {'image_id': 1, 'category_id': int(pred.labels[1]) + 1}
    shared['score'] = float(pred.scores[1])
    x1, y1, x2, y2 = (float(v) for v in pred.bboxes[1])
    assert boxes[1] == {**shared, 'bbox': [x1, y1, x2 - x1, y2 - y1]}
    assert masks[1]['segmentation']['size'] == [HEIGHT, WIDTH]
    points = np.array(landmarks[1].pop('keypoints')).reshape(294, 3)
    assert landmarks[1] == shared
    assert (points[:, 2] == 1).all()
    expected = pred.keypoints[1].double().numpy()
    assert np.abs(points[:, :2] - expected).max() <= 0.005 + 1e-12
    assert [entry['image_id'] for entry in boxes] == [1, 1, 2, 2, 4, 4]


def test_perfect_predictions(ann_file, gt):
    samples = make_samples(gt, noise=0)
    # nothing is predicted in image 3: let there be nothing
    gt['annotations'] = [a for a in gt['annotations'] if a['image_id'] != 3]
    with open(ann_file, 'w') as file:
        json.dump(gt, file)
    metrics = run(DeepFashion2Metric(ann_file), samples)
    for name in ('bbox/AP', 'keypoints/AP', 'keypoints_vis/AP', 'segm/AP50'):
        assert metrics[name] == pytest.approx(1, abs=1e-12)


def test_no_predictions_at_all(ann_file):
    samples = []
    for image_id in (1, 2, 3, 4):
        sample = DetDataSample(metainfo={'img_id': image_id})
        sample.pred_instances = InstanceData(
            bboxes=torch.zeros(0, 4),
            labels=torch.zeros(0, dtype=torch.long),
            scores=torch.zeros(0),
        )
        samples.append(sample)
    with pytest.warns(UserWarning, match='no detections'):
        metrics = run(DeepFashion2Metric(ann_file), samples)
    assert set(metrics.values()) == {0, -1}


def test_model_without_landmarks(ann_file, gt):
    samples = make_samples(gt)
    for sample in samples:
        del sample.pred_instances.keypoints
    with pytest.raises(UserError, match="no 'keypoints': remove 'keypoints' "):
        run(DeepFashion2Metric(ann_file), samples)
    metrics = run(DeepFashion2Metric(ann_file, ('bbox', 'segm')), samples)
    assert len(metrics) == 24


def test_encoded_masks_are_taken_as_they_are(ann_file, gt):
    plain = run(DeepFashion2Metric(ann_file, 'segm'), make_samples(gt))
    samples = make_samples(gt)
    metric = DeepFashion2Metric(ann_file, 'segm')
    for sample in samples:
        masks = metric._compact('segm', sample.pred_instances)
        sample.pred_instances.masks = [
            {**mask, 'counts': mask['counts'].encode()} for mask in masks
        ]
    assert run(metric, samples) == plain


def test_prefix_of_the_base_class(ann_file, gt):
    metric = DeepFashion2Metric(ann_file, 'bbox', prefix='shop')
    assert 'shop/bbox/AP' in run(metric, make_samples(gt))


def test_wrong_arguments(ann_file):
    with pytest.raises(FileNotFoundError, match=r'none\.json: no such ground'):
        DeepFashion2Metric('none.json')
    with pytest.raises(UserError, match='keypoints_vis, got proposal'):
        DeepFashion2Metric(ann_file, ['bbox', 'proposal'])
    with pytest.raises(UserError, match='set outfile_prefix'):
        DeepFashion2Metric(ann_file, format_only=True)


class Listed(list):
    """A dataset of items as they are before the pipeline."""

    def get_data_info(self, index):
        return self[index]


@pytest.mark.fault(23)
def test_a_ground_truth_of_other_images_is_told_at_load(
    ann_file, tmp_path, monkeypatch
):
    """It was told after the first epoch of a training."""
    metric = DeepFashion2Metric(ann_file=str(ann_file))
    told = []
    monkeypatch.setattr(
        'mmfashion_ext.utils.skipped.print_log',
        lambda text, **_: told.append(text),
    )
    metric.check_dataset(Listed({'img_id': i} for i in (1, 2, 3, 4)))
    assert told == []
    metric.check_dataset(Listed({'img_id': i} for i in (1, 2)))
    assert '2 images with items are not in the dataset' in told[0]
    assert told[0].endswith('Ids: 3, 4')
    with pytest.raises(UserError, match=r'1 of 2 images.*ids 9\); set ann'):
        metric.check_dataset(Listed({'img_id': i} for i in (1, 9)))
    empty = tmp_path / 'empty.json'
    empty.write_text(json.dumps({**make_ground_truth(), 'annotations': []}))
    metric = DeepFashion2Metric(ann_file=str(empty))
    with pytest.raises(UserError, match=r'empty\.json: .* has no items'):
        metric.check_dataset(Listed([{'img_id': 1}]))
