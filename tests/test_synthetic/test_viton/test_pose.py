# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.formats.viton.constants import JOINTS
from mmfashion_ext.synthetic.drawing.figure import (
    HIP,
    SHOULDER,
    UPPER_ARM,
    Limb,
)
from mmfashion_ext.synthetic.viton.pose import (
    ArmPose,
    ModelPose,
    random_model_pose,
)


def upright(**changes):
    arm = ArmPose(Limb(0.2, 0.1), (1.0, 1.0), 'side')
    fields = {
        'arms': (arm, arm),
        'legs': (Limb(0.05, 0.0), Limb(0.05, 0.0)),
        'turn': 0.0,
        'hip_shift': 0.0,
        'shoulder_slope': 0.0,
        'head_tilt': 0.0,
        'gaze': 0.0,
    }
    return ModelPose(**fields | changes)


def grid():
    x, y = np.meshgrid(np.linspace(-1.2, 1.2, 13), np.linspace(-0.5, 6, 27))
    return np.stack([x, y], axis=-1)


def test_upright_pose_moves_nothing():
    pose = upright()
    np.testing.assert_allclose(pose.bend(grid()), grid())
    np.testing.assert_allclose(pose.place_head(grid()), grid())


@pytest.mark.parametrize('seed', range(8))
def test_bending_is_one_to_one(seed):
    pose = random_model_pose(np.random.default_rng(seed))
    bent = pose.bend(grid())
    dx, dy = (np.diff(bent, axis=axis) for axis in (1, 0))
    dx, dy = dx[:-1], dy[:, :-1]
    area = dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]
    assert (area > 0).all()


def test_what_each_number_does():
    hip = np.array([0.0, HIP[1]])
    assert upright(hip_shift=0.2).bend(hip)[0] == pytest.approx(0.2)
    tilted = upright(shoulder_slope=0.1).bend(SHOULDER)
    assert tilted[1] > SHOULDER[1]
    assert upright(turn=1.0).bend(np.array([0.0, 1.0]))[0] > 0.2
    nose = [upright(gaze=gaze).joints()[0, 0] for gaze in (-1, 0, 1)]
    assert nose[0] < nose[1] == 0 < nose[2]


def test_joints_are_the_persons_own_sides():
    joints = upright().joints()
    assert joints.shape == (len(JOINTS), 2)
    for name, partner in (('shoulder', 'wrist'), ('hip', 'ankle')):
        for joint in (name, partner):
            right = joints[JOINTS.index(f'right {joint}')]
            left = joints[JOINTS.index(f'left {joint}')]
            np.testing.assert_allclose(right * (-1, 1), left, atol=1e-9)
            assert right[0] < 0  # the viewer's left
        assert left[1] > joints[JOINTS.index(f'left {name}')][1]


def test_foreshortened_and_straight_arms():
    t = np.array([0.0, UPPER_ARM, UPPER_ARM + 1.0])
    bent = ArmPose(Limb(0.3, -1.2), (0.8, 0.5), 'front')
    pose = upright(arms=(bent, bent))
    points, normals = pose.arm_axis(1, t)
    lengths = np.hypot(*np.diff(points, axis=0).T)
    np.testing.assert_allclose(lengths, (0.8 * UPPER_ARM, 0.5))
    np.testing.assert_allclose(np.hypot(*normals.T), 1)
    left, _ = pose.arm_axis(-1, t)
    np.testing.assert_allclose(left * (-1, 1), points)
    straight, _ = pose.arm_axis(1, t, straight=True)
    first, second = np.diff(straight, axis=0)
    assert first[0] * second[1] == pytest.approx(first[1] * second[0])


def test_random_poses_vary():
    rng = np.random.default_rng(0)
    poses = [random_model_pose(rng) for _ in range(100)]
    positions = {arm.position for pose in poses for arm in pose.arms}
    assert positions == {'side', 'front', 'behind'}
    turned = [abs(pose.turn) > 0.3 for pose in poses]
    assert 0.2 < np.mean(turned) < 0.5
    assert max(abs(pose.gaze) for pose in poses) <= 1
