# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.constants import JOINTS
from mmfashion_ext.formats.viton.pose_file import read_pose


def refused(read, path, match):
    with pytest.raises(UserError, match=match) as error:
        read(path)
    assert '\n' not in str(error.value)


def write_pose(path, people):
    path.write_text(json.dumps({'people': people}))
    return path


@pytest.mark.parametrize('key', ['pose_keypoints', 'pose_keypoints_2d'])
def test_poses_of_18_joints(tmp_path, key):
    joints = np.arange(54) / 4
    people = [{key: joints.tolist()}, {key: [0] * 54}]
    read = read_pose(write_pose(tmp_path / 'x.json', people))
    assert read.dtype == np.float32
    assert (read == joints.reshape(18, 3)).all()


def test_poses_of_25_joints(tmp_path):
    arms = ['{} shoulder', '{} elbow', '{} wrist']
    legs = ['{} hip', '{} knee', '{} ankle']
    feet = ['{} big toe', '{} small toe', '{} heel']

    def sides(parts, *order):
        return [part.format(side) for side in order for part in parts]

    names = [
        *('nose', 'neck'),
        *sides(arms, 'right', 'left'),
        'mid hip',
        *sides(legs, 'right', 'left'),
        *('right eye', 'left eye', 'right ear', 'left ear'),
        *sides(feet, 'left', 'right'),
    ]
    joints = [(k, 100 + k, 0.5) for k in range(25)]
    people = [{'pose_keypoints_2d': np.ravel(joints).tolist()}]
    read = read_pose(write_pose(tmp_path / 'x.json', people))
    found = [names[int(x)] for x in read[:, 0]]
    assert found == list(JOINTS)
    assert (read[:, 1] == read[:, 0] + 100).all()


def test_no_person_means_no_joint(tmp_path):
    read = read_pose(write_pose(tmp_path / 'x.json', []))
    assert read.shape == (18, 3)
    assert not read.any()


def test_bad_poses_are_refused(tmp_path):
    path = tmp_path / 'x.json'
    for people, match in (
        ([{}], r'people\[0\] lacks pose_keypoints;'),
        (
            [{'pose_keypoints': [0] * 53}],
            'of 53 numbers, expected 54 or 75 finite',
        ),
        ([{'pose_keypoints': [None] * 54}], r'\[0\] None, expected 54 or'),
        ([{'pose_keypoints': [[1], [2, 3]]}], r'\[0\] \[1\], expected 54'),
        ([{'pose_keypoints': {'x': 1}}], r"{'x': 1}, expected 54"),
        ([5], r'people\[0\] is 5, expected an object'),
    ):
        refused(read_pose, write_pose(path, people), match)
    for text, match in (
        ('{"person": []}', 'lacks people;'),
        ('[1]', r'is \[1\], expected an object'),
        ('{"people"', 'the pose is not valid JSON'),
    ):
        path.write_text(text)
        refused(read_pose, path, match)
    refused(read_pose, tmp_path / 'no.json', 'cannot read the pose')


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader_of_poses(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / 'bytes.json'
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_pose(path)


class TestDressCode:
    """Rows of x, y, confidence and number, px of 384 x 512 (w x h)."""

    ROWS = [[10.0, 20.0, 0.5, 0.0], [-1, -1, -1, -1], *[[0] * 4] * 16]

    def write(self, tmp_path, rows):
        path = tmp_path / '000001_2.json'
        path.write_text(json.dumps({'keypoints': rows}))
        return path

    def test_joints_are_scaled_to_the_image(self, tmp_path):
        path = self.write(tmp_path, self.ROWS)
        read = read_pose(path, (1024, 768))
        assert read.dtype == np.float32
        assert read[0].tolist() == [20, 40, 0.5]
        assert not read[1:].any()  # those not found
        assert read_pose(path)[0].tolist() == [10, 20, 0.5]
        flat = self.write(tmp_path, np.ravel(self.ROWS).tolist())
        assert read_pose(flat, (256, 384))[0].tolist() == [10, 10, 0.5]

    def test_other_numbers_are_refused(self, tmp_path):
        path = self.write(tmp_path, self.ROWS[:17])
        refused(read_pose, path, 'of 68 numbers, expected 72 finite')
        refused(read_pose, self.write(tmp_path, None), 'expected 72 finite')
