# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A landmark dataset is added from outside the package: class and config."""

import json
import sys

import cv2
import numpy as np
import pytest

pytest.importorskip('mmpose')
from mmengine.evaluator import Evaluator

from mmfashion_ext import hub
from mmfashion_ext.evaluation.keypoint_errors import landmark_errors

BASE = 'td-hm-udp-fld-upper_r18-small_1xb32-20e_synthetic-128x96'

#: 1. The dataset: the names of its landmarks, and how its files are read.
MODULE = """
import json
import os.path as osp

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from mmfashion_ext.landmark.metainfo import pose_metainfo


@DATASETS.register_module()
class HatDataset(BaseCocoStyleDataset):
    METAINFO = pose_metainfo(
        'hats',
        names=('left brim', 'right brim', 'crown'),
        sigmas=(0.05, 0.05, 0.05),
        flip_pairs=[(0, 1)],
        skeleton=[(0, 2), (1, 2)],
        colors=[(255, 0, 0), (0, 255, 0), (0, 0, 255)],
    )

    def _load_annotations(self):
        with open(self.ann_file) as file:
            hats = json.load(file)
        samples = []
        for number, hat in enumerate(hats):
            points = np.array(hat['points'], np.float32)
            samples.append({
                'id': number,
                'img_id': number,
                'img_path': osp.join(self.data_prefix['img'], hat['file']),
                'bbox': np.array([hat['box']], np.float32),
                'bbox_score': np.ones(1, np.float32),
                'keypoints': points[None, :, :2],
                'keypoints_visible': np.minimum(points[None, :, 2], 1),
                'landmark_states': points[None, :, 2].astype(np.uint8),
            })
        return samples, []
"""

#: 2. The config: a base of this package, the dataset, its number of maps.
CONFIG = f"""
_base_ = __import__('mmfashion_ext').config_path({BASE!r})

custom_imports = dict(imports=['hat_dataset'])
dataset_type = 'HatDataset'
data_root = 'DATA_ROOT/'

model = dict(head=dict(out_channels=3))
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img='images'),
        ann_file='hats.json',
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img='images'),
        ann_file='hats.json',
        test_mode=True,
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
"""


@pytest.fixture
def own_config(tmp_path, monkeypatch):
    """A folder of a user: images, annotations, a module and a config."""
    rng = np.random.default_rng(0)
    hats = []
    (tmp_path / 'images').mkdir()
    for number in range(4):
        image = rng.integers(0, 255, (80, 60, 3), np.uint8)
        cv2.imwrite(str(tmp_path / 'images' / f'{number}.png'), image)
        states = [[2], [1], [0 if number else 2]]
        points = np.hstack((rng.uniform(10, 50, (3, 2)), states))
        hats.append(
            {
                'file': f'{number}.png',
                'box': [5, 5, 55, 75],
                'points': points.tolist(),
            }
        )
    (tmp_path / 'hats.json').write_text(json.dumps(hats))
    (tmp_path / 'hat_dataset.py').write_text(MODULE)
    path = tmp_path / 'td-hm-udp_r18-small_1xb2-1e_hats-128x96.py'
    path.write_text(CONFIG.replace('DATA_ROOT', str(tmp_path)))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield path
    from mmpose.registry import DATASETS

    sys.modules.pop('hat_dataset', None)
    DATASETS.module_dict.pop('HatDataset', None)


def test_train_evaluate_and_predict(own_config, run_tool, tmp_path):
    work_dir, out = tmp_path / 'work', tmp_path / 'metrics.json'
    run_tool('tools/train.py', own_config, '--work-dir', work_dir)
    weights = work_dir / 'epoch_1.pth'
    run_tool(
        *('tools/test.py', own_config, weights, '--work-dir', work_dir),
        *('--out', out),
    )
    metrics = json.loads(out.read_text())
    assert metrics['NE'] > 0
    assert 0 <= metrics['PCK@0.1'] <= 1
    assert metrics['NE/occluded'] > 0  # landmark_states reach the metric

    # the inferencer needs no line of code for it
    infer = hub.build_inferencer(own_config, weights, show_progress=False)
    hats = json.loads((tmp_path / 'hats.json').read_text())
    predictions = infer(
        tmp_path / 'images', bboxes=[[hat['box']] for hat in hats]
    )['predictions']
    for prediction in predictions:
        (names,) = prediction['keypoint_names']
        assert names == ['left brim', 'right brim', 'crown']
        assert prediction['keypoints'][0].shape == (3, 2)
        assert prediction['categories'] is None

    # and predicts what the evaluation measured
    points = np.array([hat['points'] for hat in hats])
    labelled = points[..., 2] > 0
    predicted = np.array([p['keypoints'][0] for p in predictions])
    num = int(labelled.sum())
    errors = landmark_errors(
        predicted=predicted[labelled],
        truth=points[..., :2][labelled],
        boxes=np.tile((5, 5, 55, 75), (num, 1)),
        sizes=np.tile((60, 80), (num, 1)),
    )
    assert errors['NE'].mean() == pytest.approx(metrics['NE'], abs=1e-4)


def test_the_metric_measures_the_datasets_truth(own_config):
    """Landmarks of the annotations themselves have no error."""
    from mmengine.registry import DefaultScope
    from mmpose.registry import DATASETS, METRICS

    cfg = hub.get_model(str(own_config)).cfg
    with DefaultScope.overwrite_default_scope('mmpose'):
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        metric = METRICS.build(cfg.test_evaluator)
    evaluator = Evaluator([metric])
    evaluator.dataset_meta = dataset.metainfo
    samples = [dataset[number]['data_samples'] for number in range(4)]
    for sample in samples:
        sample.gt_instances.bbox_scores = np.ones(1)
        sample.pred_instances = sample.gt_instances.clone()
        sample.pred_instances.keypoint_scores = np.ones((1, 3))
    evaluator.process(samples)
    metrics = evaluator.evaluate(4)
    assert metrics['NE'] == metrics['EPE'] == 0
    assert metrics['PCK@0.1'] == 1
