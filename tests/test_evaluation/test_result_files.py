# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Predictions become official result files."""

import json

import numpy as np
import pytest
import torch

from mmfashion_ext.evaluation.result_files import (
    flat_keypoints,
    to_numpy,
    write_results,
)


@pytest.mark.parametrize(
    'values',
    [
        torch.tensor([[1.5, 2]]),
        torch.tensor([[1.5, 2]], requires_grad=True),
        np.array([[1.5, 2]], np.float32),
        [[1.5, 2]],
    ],
)
def test_arrays(values):
    array = to_numpy(values)
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [[1.5, 2]]
    assert array.dtype == (float if isinstance(values, list) else np.float32)


@pytest.mark.parametrize('shape', [(1, 2), (3, 2), (4, 3, 2), (0, 3, 2)])
def test_landmarks_are_flat_with_v_1(shape):
    keypoints = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    flat = flat_keypoints(keypoints)
    assert flat.shape == (*shape[:-2], 3 * shape[-2])
    assert flat.dtype == float
    table = flat.reshape(*shape[:-1], 3)
    np.testing.assert_array_equal(table[..., :2], keypoints)
    assert (table[..., 2] == 1).all()


def test_landmarks_are_rounded_to_hundredths_of_a_pixel():
    flat = flat_keypoints(np.float32([[1.234, 5.678]]))
    assert flat.tolist() == [1.23, 5.68, 1]


def test_file_holds_lists(tmp_path):
    path = tmp_path / 'new' / 'results.json'
    write_results(path, [{'image_id': 1, 'keypoints': np.ones(3)}])
    assert json.loads(path.read_text()) == [
        {'image_id': 1, 'keypoints': [1, 1, 1]}
    ]
    write_results(path, [])
    assert json.loads(path.read_text()) == []


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / 'results.json'
    write_results(path, [])
    with pytest.raises(TypeError):
        write_results(path, [{'image_id': {1}}])
    assert path.read_text() == '[]'
    assert list(tmp_path.iterdir()) == [path]
