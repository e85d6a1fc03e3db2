# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Rows of labelled landmarks of single garments."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.landmark.metric_rows import (
    concatenate_rows,
    labelled_rows,
    sample_meta,
)


def sample(**changes):
    """Six landmarks, of which 1, 2 and 4 are labelled."""
    truth = np.arange(12, dtype=float).reshape(1, 6, 2)
    return {
        'ori_shape': (80, 60),
        'landmark_states': np.array([[0, 2, 1, 0, 2, 0]], np.uint8),
        'gt_instances': {
            'keypoints': truth,
            'keypoints_visible': np.array([[0, 1, 1, 0, 1, 0]], float),
            'bboxes': np.array([[1.0, 2.0, 11.0, 22.0]]),
        },
        **changes,
    }


def test_rows_are_the_labelled_landmarks_of_the_category():
    predicted = np.full((6, 2), 7.0)
    rows = labelled_rows(sample(), predicted, np.arange(2, 6))
    assert rows['types'].tolist() == [2, 4]
    assert rows['truth'].tolist() == [[4, 5], [8, 9]]
    assert rows['predicted'].tolist() == [[7, 7], [7, 7]]
    assert rows['boxes'].tolist() == [[1, 2, 11, 22]] * 2
    assert rows['sizes'].tolist() == [[60, 80]] * 2
    assert rows['states'].tolist() == [1, 2]
    both = concatenate_rows([rows, rows])
    assert both['types'].tolist() == [2, 4, 2, 4]
    assert both['truth'].shape == (4, 2)


def test_nothing_to_concatenate():
    columns = concatenate_rows([])
    assert {key: column.shape for key, column in columns.items()} == {
        'predicted': (0, 2),
        'truth': (0, 2),
        'boxes': (0, 4),
        'sizes': (0, 2),
        'states': (0,),
        'types': (0,),
    }


def test_unknown_states():
    unknown = sample(landmark_states=None)
    rows = labelled_rows(unknown, np.zeros((6, 2)), np.arange(6))
    assert rows['states'].tolist() == [0, 0, 0]
    del unknown['landmark_states']
    with pytest.raises(UserError, match="no 'landmark_states'; add it to"):
        labelled_rows(unknown, np.zeros((6, 2)), np.arange(6), True)
    # a detected box: nothing is labelled and states are not known
    assert labelled_rows(unknown, np.zeros((6, 2)), np.array([0])) is None


def test_a_box_without_area():
    flat = sample()
    flat['gt_instances']['bboxes'][0, 2] = 1
    message = r'ground-truth box \[1\.0, 2\.0, 1\.0, 22\.0\] .*has no area'
    with pytest.raises(UserError, match=message):
        labelled_rows(flat, np.zeros((6, 2)), np.arange(6))


def test_missing_metainfo_is_named():
    assert sample_meta({'a': 1}, 'a') == 1
    with pytest.raises(UserError, match="no 'ori_shape'; add it to meta_keys"):
        sample_meta({}, 'ori_shape')
