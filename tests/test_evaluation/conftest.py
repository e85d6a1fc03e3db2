# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Random ground truth and results of the COCO evaluation."""

import numpy as np
import pytest
from pycocotools import mask as mask_utils

from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES, CATEGORIES

TASKS = ('bbox', 'segm', 'keypoints')
SIZE = 150


def _box_mask(box):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    x, y, w, h = (int(v) for v in box)
    mask[y : y + h, x : x + w] = 1
    rle = mask_utils.encode(np.asfortranarray(mask))
    return {**rle, 'counts': rle['counts'].decode()}


def _make_annotation(rng, id, image_id, category, without_landmarks=0.2):
    # whole numbers now and then: overlaps that hit a threshold exactly
    w, h = rng.uniform(8, SIZE * 0.7, 2)
    x, y = rng.uniform(0, SIZE - w), rng.uniform(0, SIZE - h)
    if rng.random() < 0.5:
        x, y, w, h = (float(int(v)) for v in (x, y, w, h))
    keypoints = np.zeros((294, 3))
    if rng.random() >= without_landmarks:
        n = category.num_landmarks
        xyv = (rng.uniform(x, x + w, n), rng.uniform(y, y + h, n))
        xyv = np.stack((*xyv, rng.integers(0, 3, n)), axis=1)
        keypoints[category.slice] = np.where(xyv[:, 2:] > 0, xyv, 0)
    return {
        'id': id,
        'image_id': image_id,
        'category_id': category.id,
        'bbox': [x, y, w, h],
        'area': w * h,
        'iscrowd': 0,
        'segmentation': [[x, y, x + w, y, x + w, y + h, x, y + h]],
        'keypoints': keypoints.ravel().tolist(),
        'num_keypoints': int((keypoints[:, 2] > 0).sum()),
        **{name: int(rng.integers(0, 4)) for name in ATTRIBUTES},
    }


def _make_detections(rng, ann, ties, num_categories):
    """One entry per task for each of 0 to 3 detections of an item."""
    x, y, w, h = ann['bbox']
    truth = np.array(ann['keypoints']).reshape(294, 3)
    labelled = truth[:, 2] > 0
    for _ in range(rng.integers(0, 4)):
        noise = rng.choice([0, 0.01, 0.05, 0.1])
        dx, dy, dw, dh = rng.normal(size=4) * noise
        box = [
            max(x + dx * w, 0),
            max(y + dy * h, 0),
            w * np.exp(dw),
            h * np.exp(dh),
        ]
        points = np.ones((294, 3))
        points[:, 0] = rng.uniform(x, x + w, 294)
        points[:, 1] = rng.uniform(y, y + h, 294)
        spread = rng.normal(size=(labelled.sum(), 2)) * noise * 30
        points[labelled, :2] = truth[labelled, :2] + spread
        category_id = ann['category_id']
        if rng.random() < 0.2:
            category_id = int(rng.integers(1, num_categories + 1))
        entry = {
            'image_id': ann['image_id'],
            'category_id': category_id,
            'score': round(rng.random(), 1 if ties else 9),
        }
        yield {
            'bbox': {**entry, 'bbox': box},
            'segm': {**entry, 'segmentation': _box_mask(box)},
            'keypoints': {**entry, 'keypoints': points.ravel().tolist()},
        }


def _make_case(seed):
    """Ground truth and results; images may lack either."""
    rng = np.random.default_rng(seed)
    num_images, num_categories = [(2, 2), (10, 3), (25, 13)][seed % 3]
    images = [
        {'id': i + 1, 'height': SIZE, 'width': SIZE} for i in range(num_images)
    ]
    annotations, results = [], {task: [] for task in TASKS}
    for image in images:
        for _ in range(rng.integers(0, 4)):
            category = CATEGORIES[rng.integers(0, num_categories)]
            annotations.append(
                _make_annotation(
                    rng, len(annotations) + 1, image['id'], category
                )
            )
            for entries in _make_detections(
                rng, annotations[-1], seed % 2, num_categories
            ):
                for task in TASKS:
                    results[task].append(entries[task])
    categories = [{'id': c.id, 'name': c.name} for c in CATEGORIES]
    gt = {
        'images': images,
        'annotations': annotations,
        'categories': categories,
    }
    return gt, results


def _perfect(gt, task):
    field = {'bbox': 'bbox', 'keypoints': 'keypoints'}.get(task)
    return [
        {
            'image_id': ann['image_id'],
            'category_id': ann['category_id'],
            'score': 1 - ann['id'] / 1000,
            **(
                {field: ann[field]}
                if field
                else {'segmentation': _box_mask(ann['bbox'])}
            ),
        }
        for ann in gt['annotations']
    ]


@pytest.fixture(scope='session')
def make_annotation():
    """A function: an annotation of a random item of an image of 150 px."""
    return _make_annotation


@pytest.fixture(scope='session')
def make_case():
    """A function: ground truth and results by task; images may lack both."""
    return _make_case


@pytest.fixture(scope='session')
def perfect():
    """A function: results equal to the ground truth."""
    return _perfect
