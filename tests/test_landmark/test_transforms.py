# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Select a category's landmarks; round trips of mmpose's codecs."""

import numpy as np
import pytest

pytest.importorskip('mmpose')
from mmpose.registry import KEYPOINT_CODECS, TRANSFORMS

from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    NUM_LANDMARKS,
)
from mmfashion_ext.landmark.aggregation import MAX_LANDMARKS

pytestmark = pytest.mark.usefixtures('scope')

#: Codec and half of its cell in px of the input, (192, 256) all of them.
CODECS = {
    'msra': (dict(type='MSRAHeatmap', heatmap_size=(48, 64), sigma=2), 2),
    'dark': (
        dict(
            type='MSRAHeatmap', heatmap_size=(48, 64), sigma=2, unbiased=True
        ),
        2,
    ),
    'udp': (dict(type='UDPHeatmap', heatmap_size=(48, 64), sigma=2), 2),
    'simcc': (
        dict(type='SimCCLabel', simcc_split_ratio=2.0, sigma=(4.9, 5.66)),
        0.25,
    ),
    'regression': (dict(type='RegressionLabel'), 1e-3),
}


def sample(category, rng, size=(192, 256)):
    """Landmarks of one category inside the input, all labelled."""
    keypoints = np.zeros((1, NUM_LANDMARKS, 2), np.float32)
    visible = np.zeros((1, NUM_LANDMARKS), np.float32)
    inside = rng.uniform(10, np.array(size) - 10, (category.num_landmarks, 2))
    keypoints[0, category.slice] = inside
    visible[0, category.slice] = 1
    return {
        'category_id': np.array(category.id),
        'keypoints': keypoints + 1000,  # of the image, not of the input
        'transformed_keypoints': keypoints,
        'keypoints_visible': visible,
    }


def build(**cfg):
    return TRANSFORMS.build(cfg)


@pytest.mark.parametrize('category', CATEGORIES, ids=lambda c: c.name)
def test_the_own_landmarks_come_first(category):
    results = sample(category, np.random.default_rng(0))
    before = {k: v.copy() for k, v in results.items()}
    after = build(type='mmfashion_ext.SelectCategoryLandmarks')(results)
    n = category.num_landmarks
    for key in ('keypoints', 'transformed_keypoints', 'keypoints_visible'):
        assert after[key].shape[:2] == (1, MAX_LANDMARKS)
        own = before[key][:, category.slice]
        np.testing.assert_array_equal(after[key][:, :n], own)
    assert not after['keypoints_visible'][:, n:].any()


def test_a_sample_without_294_landmarks_is_refused():
    results = sample(CATEGORIES[0], np.random.default_rng(0))
    results['keypoints'] = np.zeros((1, 17, 2), np.float32)
    with pytest.raises(ValueError, match=r'keypoints.*\(1, 17, 2\)'):
        build(type='mmfashion_ext.SelectCategoryLandmarks')(results)


@pytest.mark.parametrize('name', CODECS)
@pytest.mark.parametrize('category', [CATEGORIES[3], CATEGORIES[8]])
def test_round_trip_of_each_codec(name, category):
    """Encode, decode: within half a cell, for each landmark."""
    codec, half_cell = CODECS[name]
    codec = codec | {'input_size': (192, 256)}
    results = sample(category, np.random.default_rng(1))
    truth = results['transformed_keypoints'][:, category.slice].copy()
    build(type='mmfashion_ext.SelectCategoryLandmarks')(results)
    results['dataset_keypoint_weights'] = np.ones(NUM_LANDMARKS)
    results = build(type='GenerateTarget', encoder=codec)(results)
    encoded = {
        'heatmaps': lambda r: r['heatmaps'],
        'keypoint_x_labels': lambda r: (
            r['keypoint_x_labels'],
            r['keypoint_y_labels'],
        ),
        'keypoint_labels': lambda r: r['keypoint_labels'],
    }
    key = next(key for key in encoded if key in results)
    target = encoded[key](results)
    decoder = KEYPOINT_CODECS.build(codec)
    args = target if isinstance(target, tuple) else (target,)
    keypoints, _ = decoder.decode(*args)
    n = category.num_landmarks
    error = np.abs(keypoints[:, :n] - truth).max()
    assert error < half_cell, error
    weights = results['keypoint_weights'].reshape(-1)
    assert weights[:n].all()
    assert not weights[n:].any()


def test_a_test_sample_carries_the_states_of_its_landmarks():
    results = sample(CATEGORIES[0], np.random.default_rng(0)) | {
        'img': np.zeros((4, 4, 3), np.uint8),
        'landmark_states': np.full((1, NUM_LANDMARKS), 2, np.uint8),
    }
    packed = build(type='mmfashion_ext.PackLandmarks')(results)
    meta = packed['data_samples'].metainfo
    assert (meta['landmark_states'] == 2).all()
    assert int(meta['category_id']) == 1
