# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import importlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('mmengine')
from mmengine.config import Config

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.constants import JOINTS
from mmfashion_ext.formats.viton.pose_file import read_pose
from mmfashion_ext.tryon.preparation import joints
from mmfashion_ext.tryon.preparation.joints import pose_file, to_openpose

#: Joints of COCO, in its order.
NAMES = [
    'nose',
    *(
        f'{side}_{part}'
        for part in ('eye', 'ear')
        for side in ('left', 'right')
    ),
    *(
        f'{side}_{part}'
        for part in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
        for side in ('left', 'right')
    ),
]


def test_joints_of_coco():
    points = np.stack([np.arange(17) + 10, np.arange(17) * 2.0 + 20], axis=1)
    scores = np.full(17, 0.9)
    scores[NAMES.index('left_wrist')] = 0.1
    found = to_openpose(points, scores, NAMES)
    assert found.shape == (18, 3)
    for n, name in enumerate(JOINTS):
        row = NAMES.index(name.replace(' ', '_')) if name != 'neck' else None
        if name == 'left wrist':
            assert not found[n].any()
        elif row is not None:
            assert found[n].tolist() == pytest.approx([*points[row], 0.9])
    # between the shoulders, rows 5 and 6
    assert found[1].tolist() == pytest.approx([15.5, 31, 0.9])


def test_the_file_is_read_back(tmp_path):
    written = np.random.default_rng(0).uniform(2, 9, (18, 3))
    path = tmp_path / 'a_keypoints.json'
    path.write_text(json.dumps(pose_file(written.astype(np.float32))))
    assert np.array_equal(read_pose(path), written.astype(np.float32))


def test_points_that_are_not_joints_are_refused():
    with pytest.raises(UserError, match='the points 1, 2, expected joints of'):
        to_openpose(np.zeros((2, 2)), np.ones(2), ['1', '2'])


class Found:
    """Predictions of a pose model of mmpose: the nose alone is found."""

    keypoints = np.full((1, 17, 2), 40.0)
    keypoint_scores = np.array([[0.9] + [0.1] * 16])


def test_a_model_of_mmpose(monkeypatch):
    """Its joints are named by the dataset of its config."""
    pytest.importorskip('mmpose')
    inference = importlib.import_module('mmpose.apis.inference')
    dataset = {'type': 'CocoDataset'}
    cfg = Config({'test_dataloader': {'dataset': dataset}})
    model = SimpleNamespace(cfg=cfg)
    asked = []

    def build(config, weights, device):
        asked.append((config, weights, device))
        return model

    def run(used, image):
        assert used is model
        return [SimpleNamespace(pred_instances=Found())]

    monkeypatch.setattr(joints, 'get_model', build)
    monkeypatch.setattr(inference, 'inference_topdown', run)
    estimate = joints.pose_estimator('body.py', 'body.pth')
    assert asked == [('body.py', 'body.pth', None)]
    found = estimate(np.zeros((80, 60, 3), np.uint8))
    assert found[0].tolist() == pytest.approx([40, 40, 0.9])
    assert not found[1:].any()
    del cfg.test_dataloader['dataset']
    with pytest.raises(UserError, match='no test dataset whose joints have'):
        joints.pose_estimator('body.py', 'body.pth')
