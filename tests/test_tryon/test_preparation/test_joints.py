# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest

pytest.importorskip('mmengine')
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.constants import JOINTS
from mmfashion_ext.formats.viton.pose_file import read_pose
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
    joints = np.random.default_rng(0).uniform(2, 9, (18, 3)).astype(np.float32)
    path = tmp_path / 'a_keypoints.json'
    path.write_text(json.dumps(pose_file(joints)))
    assert np.array_equal(read_pose(path), joints)


def test_points_that_are_not_joints_are_refused():
    with pytest.raises(UserError, match='the points 1, 2, expected joints of'):
        to_openpose(np.zeros((2, 2)), np.ones(2), ['1', '2'])
