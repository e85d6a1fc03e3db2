# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Items and images for the tests of the transforms."""

import copy

import numpy as np
import pytest

from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID

H, W = 96, 128


def _instance(category_id, box, style=1, landmarks=None):
    """An item whose landmarks lie evenly in its box, the last occluded."""
    n = CATEGORY_BY_ID[category_id].num_landmarks
    x1, y1, x2, y2 = box
    if landmarks is None:
        steps = (np.arange(n) + 0.5) / n
        landmarks = np.stack(
            [x1 + steps * (x2 - x1), y1 + steps**2 * (y2 - y1), steps * 0 + 2],
            axis=1,
        )
        landmarks[-1, 2] = 1
    return {
        'bbox': list(box),
        'bbox_label': category_id - 1,
        'ignore_flag': 0,
        'mask': [[x1, y1, x2, y1, x2, y2, x1, y2]],
        'keypoints': np.asarray(landmarks, np.float32),
        'style': style,
    }


THREE = (
    _instance(1, (8, 8, 60, 88), style=1),
    _instance(8, (64, 10, 124, 90), style=2),
    _instance(9, (2, 70, 30, 94), style=3),
)


def _load(*instances, poly2mask=False, image=None):
    from mmfashion_ext.match_rcnn import LoadClothes

    if image is None:
        image = np.random.default_rng(0).integers(0, 255, (H, W, 3), np.uint8)
    results = {
        'img': image,
        'img_path': 'a.jpg',
        'img_id': 1,
        'img_shape': image.shape[:2],
        'ori_shape': image.shape[:2],
        'source': 'user',
        'pair_id': 4,
        'instances': copy.deepcopy(list(instances)),
    }
    return LoadClothes(poly2mask=poly2mask).transform(results)


def _xy(results):
    """Labelled landmarks of all items, (n, 2) px."""
    keypoints = results['gt_keypoints']
    return keypoints[keypoints[..., 2] > 0][:, :2]


def _corners(results):
    return results['gt_bboxes'].tensor.numpy()


def _crop_by_hand(results, transform, x, y, w, h):
    """Crop to a given window."""
    transform._get_crop_size = lambda size: (h, w)
    transform._rand_offset = lambda margin: (y, x)
    return transform.transform(results)


@pytest.fixture(scope='session')
def instance():
    """A function: an item in a box, with its landmarks."""
    return _instance


@pytest.fixture(scope='session')
def load():
    """A function: an image of 128 x 96 px with these items, loaded."""
    return _load


@pytest.fixture(scope='session')
def xy():
    """A function: the labelled landmarks of all items."""
    return _xy


@pytest.fixture(scope='session')
def corners():
    """A function: the boxes of all items, (n, 4) xyxy px."""
    return _corners


@pytest.fixture(scope='session')
def crop_by_hand():
    """A function: crop with a transform to a given window."""
    return _crop_by_hand


@pytest.fixture(scope='session')
def three():
    """Three items of an image."""
    return THREE
