# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""LandmarkMetric against mmpose, pycocotools and definitions."""

import json

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.evaluation.functional import (
    keypoint_auc,
    keypoint_epe,
    keypoint_pck_accuracy,
)
from mmpose.evaluation.metrics import AUC, EPE, PCKAccuracy
from mmpose.structures import PoseDataSample

from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.coco_eval import METRIC_NAMES, evaluate
from mmfashion_ext.evaluation.coco_files import visible_only
from mmfashion_ext.evaluation.keypoint_errors import (
    error_names,
    landmark_errors,
    mean_errors,
)
from mmfashion_ext.evaluation.metafile import build_results
from mmfashion_ext.evaluation.tasks import TASK_BY_TITLE
from mmfashion_ext.formats.deepfashion2.constants import (
    ATTRIBUTES,
    CATEGORIES,
    NUM_LANDMARKS,
)
from mmfashion_ext.landmark import LandmarkMetric
from mmfashion_ext.registry import METRICS

WIDTH, HEIGHT = 120, 90
FLD_NAMES = ('left collar', 'right collar', 'left hem', 'right hem')
DEEPFASHION2 = {'dataset_name': 'deepfashion2'}
FLD = {
    'dataset_name': 'fld_lower',
    'keypoint_id2name': dict(enumerate(FLD_NAMES)),
}


def make_ground_truth():
    """Four images of two items; landmarks alternate visible, occluded."""
    rng = np.random.default_rng(0)
    annotations = []
    for i in range(8):
        category = CATEGORIES[i % 3]
        x, y, w, h = (int(v) for v in rng.integers(25, 45, 4))
        keypoints = np.zeros((NUM_LANDMARKS, 3))
        n = category.num_landmarks
        keypoints[category.slice, 0] = rng.uniform(x, x + w, n)
        keypoints[category.slice, 1] = rng.uniform(y, y + h, n)
        keypoints[category.slice, 2] = np.arange(n) % 3
        keypoints[keypoints[:, 2] == 0] = 0
        annotations.append(
            {
                'id': i + 1,
                'image_id': i // 2 + 1,
                'category_id': category.id,
                'bbox': [x, y, w, h],
                'area': w * h,
                'iscrowd': 0,
                'keypoints': keypoints.ravel().tolist(),
                'num_keypoints': int((keypoints[:, 2] > 0).sum()),
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


def make_sample(truth, states, box, noise, rng, **meta):
    """One item as mmpose's top-down models give it."""
    num = len(truth)
    sample = PoseDataSample(
        metainfo={
            'ori_shape': (HEIGHT, WIDTH),
            'landmark_states': states[None].astype(np.uint8),
            **meta,
        }
    )
    sample.gt_instances = InstanceData(
        keypoints=truth[None].astype(np.float32),
        keypoints_visible=(states > 0)[None].astype(np.float32),
        bboxes=np.array([box], np.float32),
        bbox_scores=np.ones(1, np.float32),
    )
    predicted = truth + noise * rng.normal(size=truth.shape)
    sample.pred_instances = InstanceData(
        keypoints=predicted[None].astype(np.float32),
        keypoint_scores=rng.uniform(0, 1, (1, num)).astype(np.float32),
        bboxes=np.array([box], np.float32),
        bbox_scores=np.full(1, 0.5, np.float32),
    )
    return sample


def make_samples(gt, noise=2.0):
    rng = np.random.default_rng(1)
    samples = []
    for ann in gt['annotations']:
        keypoints = np.reshape(ann['keypoints'], (-1, 3))
        x, y, w, h = ann['bbox']
        samples.append(
            make_sample(
                keypoints[:, :2],
                keypoints[:, 2],
                (x, y, x + w, y + h),
                noise,
                rng,
                id=ann['id'],
                img_id=ann['image_id'],
                category_id=np.array(ann['category_id']),
            )
        )
    return samples


def make_fld_samples(num=5, noise=2.0):
    rng = np.random.default_rng(2)
    return [
        make_sample(
            rng.uniform(20, 60, (4, 2)),
            np.array([2, 1, 0, 2]),
            (20, 20, 60, 70),
            noise,
            rng,
            id=i,
            img_id=i,
        )
        for i in range(num)
    ]


def as_detections(samples):
    """The same boxes as if a detector had found them."""
    for sample in samples:
        del sample.landmark_states
        sample.gt_instances.keypoints = 0 * sample.gt_instances.keypoints
        visible = sample.gt_instances.keypoints_visible
        sample.gt_instances.keypoints_visible = 0 * visible
    return samples


@pytest.fixture
def gt():
    return make_ground_truth()


@pytest.fixture
def ann_file(tmp_path, gt):
    path = tmp_path / 'validation.json'
    path.write_text(json.dumps(gt))
    return str(path)


def run(metric, samples, meta=DEEPFASHION2):
    """As the test loop does it: batches of two, one process."""
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = meta
    for start in range(0, len(samples), 2):
        evaluator.process(samples[start : start + 2], None)
    return evaluator.evaluate(len(samples))


def test_built_by_the_registry_measures_errors_and_both_aps(ann_file, gt):
    metric = METRICS.build({'type': 'LandmarkMetric', 'ann_file': ann_file})
    metrics = run(metric, make_samples(gt))
    names = METRIC_NAMES['keypoints']
    assert list(metrics) == [
        *error_names(),
        *(f'keypoints/{name}' for name in names),
        *(f'keypoints_vis/{name}' for name in names),
    ]
    assert all(type(value) is float for value in metrics.values())
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert 0 < metrics['PCK@0.05'] < metrics['PCK@0.1'] < 1
    assert metrics['EPE'] == pytest.approx(2 * (np.pi / 2) ** 0.5, rel=0.2)
    assert 0 < metrics['keypoints/AP'] < 1
    assert metrics['keypoints/AP'] != metrics['keypoints_vis/AP']


def test_groups_are_measured_over_their_own_landmarks(gt):
    samples = make_samples(gt)
    metrics = run(LandmarkMetric(per_category=True), samples)
    plain = run(LandmarkMetric(), samples)
    for category in CATEGORIES:
        own = [s for s in samples if s.category_id == category.id]
        expected = dict.fromkeys(plain, -1.0)
        if own:
            expected = run(LandmarkMetric(), own)
        got = {name: metrics[f'{name}/{category.name}'] for name in plain}
        assert got == pytest.approx(expected, abs=1e-12)
    by_visibility = run(LandmarkMetric(by_visibility=True), samples)
    for group, code in (('visible', 2), ('occluded', 1)):
        chosen = make_samples(gt)
        for sample in chosen:
            sample.gt_instances.keypoints_visible[
                sample.landmark_states != code
            ] = 0
        expected = run(LandmarkMetric(), chosen)
        got = {name: by_visibility[f'{name}/{group}'] for name in plain}
        assert got == pytest.approx(expected, abs=1e-12)


def test_fld_by_visibility_and_landmark():
    samples = make_fld_samples()
    metric = LandmarkMetric(by_visibility=True, per_landmark=True)
    metrics = run(metric, samples, FLD)
    groups = ('visible', 'occluded', *FLD_NAMES)
    assert list(metrics) == [
        *error_names(),
        *(f'{n}/{group}' for group in groups for n in error_names()),
    ]
    errors = [
        np.linalg.norm(
            (s.pred_instances.keypoints - s.gt_instances.keypoints)[0]
            / (WIDTH, HEIGHT),
            axis=1,
        )
        for s in samples
    ]
    errors = np.array(errors)
    assert metrics['NE'] == pytest.approx(errors[:, [0, 1, 3]].mean())
    assert metrics['NE/left collar'] == pytest.approx(errors[:, 0].mean())
    assert metrics['NE/occluded'] == pytest.approx(errors[:, 1].mean())
    assert metrics['NE/visible'] == pytest.approx(errors[:, [0, 3]].mean())
    assert metrics['PDL@0.1/left hem'] == -1  # never labelled


def test_equals_mmpose(gt):
    samples = make_samples(gt, noise=4)
    keys = ('PCK@0.05', 'PCK@0.1', 'PCK@0.2', 'AUC', 'EPE')
    pred, truth, boxes = (
        np.concatenate([getattr(s, part)[key] for s in samples])
        for part, key in (
            ('pred_instances', 'keypoints'),
            ('gt_instances', 'keypoints'),
            ('gt_instances', 'bboxes'),
        )
    )
    labelled = np.concatenate(
        [s.gt_instances.keypoints_visible > 0 for s in samples]
    )
    items, types = np.nonzero(labelled)
    sizes = np.tile((WIDTH, HEIGHT), (len(items), 1))
    errors = landmark_errors(
        pred[labelled], truth[labelled], boxes[items], sizes
    )
    by_type = mean_errors(errors, average='type', types=types)
    by_landmark = mean_errors(errors)

    # its functions
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    for thr in (0.05, 0.1, 0.2):
        _, share, _ = keypoint_pck_accuracy(
            pred, truth, labelled, thr, longer.repeat(2, axis=1)
        )
        assert by_type[f'PCK@{thr}'] == share
    auc = keypoint_auc(pred, truth, labelled, 30, 20)
    assert by_type['AUC'] == pytest.approx(auc, abs=1e-12)
    epe = keypoint_epe(pred, truth, labelled)  # in float32
    assert by_landmark['EPE'] == pytest.approx(epe, rel=1e-5)

    # its metric classes, on the same samples
    theirs = {}
    for metric in (*map(PCKAccuracy, (0.05, 0.1, 0.2)), AUC(), EPE()):
        values = list(run(metric, samples).values())
        theirs[keys[len(theirs)]] = float(values[0])
    expected = {key: by_type[key] for key in keys}
    expected['EPE'] = by_landmark['EPE']
    assert theirs == pytest.approx(expected, rel=1e-5)
    # ours averages over landmarks; types differ in how often they occur
    ours = run(LandmarkMetric(), samples)
    assert ours == pytest.approx(by_landmark, abs=1e-12)
    assert ours['PCK@0.1'] != by_type['PCK@0.1']


def test_file_evaluated_offline_gives_the_same_numbers(tmp_path, ann_file, gt):
    prefix = tmp_path / 'new' / 'results'
    metric = LandmarkMetric(
        ann_file, per_category=True, subsets=True, outfile_prefix=str(prefix)
    )
    metrics = run(metric, make_samples(gt))
    for task in ('keypoints', 'keypoints_vis'):
        offline = evaluate(
            'keypoints',
            visible_only(gt) if task == 'keypoints_vis' else ann_file,
            f'{prefix}.keypoints.json',
            per_category=True,
            subsets=True,
        )
        online = {
            name.removeprefix(f'{task}/'): value
            for name, value in metrics.items()
            if name.startswith(f'{task}/')
        }
        assert online == offline
    assert 'keypoints/AP/vest' in metrics
    assert 'keypoints/scale=small/AP' in metrics


def test_arguments_reach_the_errors(gt):
    """NE in units of the box, and PCK at other thresholds."""
    samples = make_samples(gt)
    metrics = run(LandmarkMetric(pck_thrs=(0.03,), normalize='box'), samples)
    whole = run(LandmarkMetric(), samples)
    rows = []
    for sample in samples:
        truth, found = sample.gt_instances, sample.pred_instances
        own = truth.keypoints_visible[0] > 0
        offset = found.keypoints[0, own] - truth.keypoints[0, own]
        sides = truth.bboxes[0, 2:] - truth.bboxes[0, :2]
        rows.append(np.linalg.norm(offset / sides, axis=1))
    assert metrics['NE'] == pytest.approx(np.concatenate(rows).mean())
    assert metrics['NE'] > whole['NE']  # a box is smaller than its image
    assert 0 < metrics['PCK@0.03'] < whole['PCK@0.1']
    assert 'PCK@0.1' not in metrics


def test_official_entries(tmp_path, gt):
    """Scores are those of the class slice; the file is the official one."""
    samples = make_samples(gt)
    path = tmp_path / 'r.keypoints.json'
    for score in ('box_landmarks', 'box'):
        metric = LandmarkMetric(
            outfile_prefix=str(tmp_path / 'r'), format_only=True, score=score
        )
        assert run(metric, samples) == {}
        for entry, sample in zip(
            json.loads(path.read_text()), samples, strict=True
        ):
            category = CATEGORIES[entry['category_id'] - 1]
            assert category.id == sample.category_id
            assert entry['image_id'] == sample.img_id
            pred = sample.pred_instances
            expected = 0.5
            if score == 'box_landmarks':
                scores = pred.keypoint_scores[0, category.slice]
                expected *= float(np.mean([s for s in scores if s > 0.2]))
            assert entry['score'] == pytest.approx(expected, rel=1e-6)
            points = np.reshape(entry['keypoints'], (NUM_LANDMARKS, 3))
            assert (points[:, 2] == 1).all()
            off = np.abs(points[:, :2] - pred.keypoints[0]).max()
            assert off <= 0.005 + 1e-5
    assert [p.name for p in tmp_path.iterdir()] == ['r.keypoints.json']


def test_no_landmark_above_the_score_threshold(tmp_path, gt):
    samples = make_samples(gt)[:1]
    # high scores of other categories do not count
    scores = samples[0].pred_instances.keypoint_scores
    scores[:] = 1
    scores[0, CATEGORIES[0].slice] = 0.19
    metric = LandmarkMetric(
        outfile_prefix=str(tmp_path / 'r'), format_only=True
    )
    run(metric, samples)
    (entry,) = json.loads((tmp_path / 'r.keypoints.json').read_text())
    assert entry['score'] == 0


def test_perfect_predictions(ann_file, gt):
    metrics = run(LandmarkMetric(ann_file), make_samples(gt, noise=0))
    assert metrics['EPE'] == metrics['NE'] == 0
    assert metrics['PCK@0.05'] == metrics['PDL@0.05'] == 1
    for name in ('keypoints/AP', 'keypoints_vis/AP', 'keypoints/AR'):
        assert metrics[name] == pytest.approx(1, abs=1e-12)


def test_categories_of_the_dataset_restrict_the_ground_truth(ann_file, gt):
    name = CATEGORIES[1].name
    samples = [s for s in make_samples(gt, noise=0) if s.category_id == 2]
    meta = {**DEEPFASHION2, 'categories': (name,)}
    metric = LandmarkMetric(ann_file, 'keypoints', per_category=True)
    metrics = run(metric, samples, meta)
    assert metrics['keypoints/AP'] == pytest.approx(1, abs=1e-12)
    categories = [n for n in metrics if n.startswith('keypoints/AP/')]
    assert categories == [f'keypoints/AP/{name}']
    assert [n for n in metrics if n.startswith('NE/')] == [f'NE/{name}']
    # all of them: two thirds are not found
    assert run(LandmarkMetric(ann_file), samples)['keypoints/AP'] < 0.5


def test_detected_boxes_have_only_ap(ann_file, gt, monkeypatch):
    samples = make_samples(gt)
    expected = run(LandmarkMetric(ann_file), samples)
    lines = []
    monkeypatch.setattr(
        'mmfashion_ext.landmark.metric.print_log',
        lambda text, logger: lines.append(text),
    )
    metrics = run(LandmarkMetric(ann_file), as_detections(samples))
    assert lines[0].startswith('Detected boxes have no landmarks to compare')
    names = [name for name in expected if '/' in name]
    assert metrics == {name: expected[name] for name in names}
    message = 'item 1 of image 1: a detected box has no landmarks to compare'
    with pytest.raises(ValueError, match=message):
        run(LandmarkMetric(), samples)


def test_nothing_labelled_and_nothing_at_all():
    samples = make_fld_samples()
    for sample in samples:
        sample.landmark_states[:] = 0
        sample.gt_instances.keypoints_visible[:] = 0
    for chosen in (samples, samples[:1], []):
        metrics = run(LandmarkMetric(by_visibility=True), chosen, FLD)
        assert set(metrics.values()) == {-1.0}
        assert len(metrics) == 3 * len(error_names())


def test_no_items_of_a_ground_truth(ann_file):
    with pytest.warns(UserWarning, match='no detections'):
        metrics = run(LandmarkMetric(ann_file), [])
    assert metrics['keypoints/AP'] == 0
    assert metrics['PCK@0.1'] == -1


def test_tensors_are_measured_like_arrays(ann_file, gt):
    samples = make_samples(gt)
    expected = run(LandmarkMetric(ann_file), samples)
    tensors = [sample.to_tensor() for sample in samples]
    assert isinstance(tensors[0].pred_instances.keypoints, torch.Tensor)
    assert run(LandmarkMetric(ann_file), tensors) == expected


def test_samples_without_states_have_no_visibility():
    samples = make_fld_samples()
    expected = run(LandmarkMetric(), samples, FLD)
    for sample in samples:
        del sample.landmark_states
    assert run(LandmarkMetric(), samples, FLD) == expected
    with pytest.raises(ValueError, match=r"no 'landmark_states'; add it to"):
        run(LandmarkMetric(by_visibility=True), samples, FLD)


def test_broken_samples_are_named(ann_file, gt):
    cases = []
    for message in (
        'item 3 of image 2: predicted landmarks are not finite: the model',
        r'item 3 of image 2: the ground-truth box \[50.0, .* has no area',
        "item 3 of image 2: the sample has no 'category_id'",
        r'shape \(1, 39, 2\), expected \(1, 294, 2\)',
    ):
        samples = make_samples(gt)
        cases.append((samples[2], samples, message))
    cases[0][0].pred_instances.keypoints[0, 7, 1] = np.nan
    cases[1][0].gt_instances.bboxes[:] = 50
    del cases[2][0].category_id
    cases[3][0].pred_instances = InstanceData(
        keypoints=cases[3][0].pred_instances.keypoints[:, :39]
    )
    for _, samples, message in cases:
        with pytest.raises(ValueError, match=message):
            run(LandmarkMetric(ann_file), samples)


def test_wrong_arguments(ann_file):
    with pytest.raises(FileNotFoundError, match=r'none\.json: no such ground'):
        LandmarkMetric('none.json')
    with pytest.raises(ValueError, match='keypoints_vis, got bbox'):
        LandmarkMetric(ann_file, ['keypoints', 'bbox'])
    with pytest.raises(ValueError, match=r'score of .* box, got rle'):
        LandmarkMetric(score='rle')
    with pytest.raises(ValueError, match=r'normalize of .*, got head'):
        LandmarkMetric(normalize='head')
    with pytest.raises(ValueError, match='set outfile_prefix'):
        LandmarkMetric(format_only=True)
    with pytest.raises(ValueError, match='fld_lower has no official AP: leav'):
        run(LandmarkMetric(ann_file), make_fld_samples(), FLD)


def test_published_numbers_are_names_of_the_metric():
    metrics = run(LandmarkMetric(by_visibility=True), make_fld_samples(), FLD)
    (result,) = build_results(metrics, 'FLD')
    assert result['Task'] == 'Landmark Localisation'
    assert set(result['Metrics']) == set(TASK_BY_TITLE[result['Task']].names)
    assert result['Metrics']['NE'] == round(metrics['NE'], 4)
    assert 'EPE' not in result['Metrics']


class Listed(list):
    """A dataset of items as they are before the pipeline."""

    def get_data_info(self, index):
        return self[index]


@pytest.mark.fault(23)
def test_what_cannot_be_evaluated_is_told_at_load(ann_file):
    """It was told after the first epoch of a training."""
    metric = LandmarkMetric(ann_file=str(ann_file))
    metric.dataset_meta = DEEPFASHION2
    metric.check_dataset(Listed([{'img_id': 1}]))
    with pytest.raises(UserError, match=r'1 of 1 images.*ids 99\); set ann'):
        metric.check_dataset(Listed([{'img_id': 99}]))
    metric.dataset_meta = FLD
    with pytest.raises(UserError, match='has no official AP'):
        metric.check_dataset(Listed())
    detected = Listed()
    detected.bbox_file = 'boxes.json'
    metric = LandmarkMetric()
    metric.dataset_meta = DEEPFASHION2
    with pytest.raises(UserError, match='a detected box has no landmarks'):
        metric.check_dataset(detected)
