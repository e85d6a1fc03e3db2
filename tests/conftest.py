# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Synthetic data shared by the tests; nothing binary is stored."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfashion_ext.common.deepfashion2 import CATEGORY_BY_ID


def make_item(category_id=1, box=(10, 20, 60, 80), **changes):
    """A valid raw DeepFashion2 item with its landmarks on a diagonal.

    Landmark k is at (x1 + k, y1 + k); v = 2, the last one is v = 1.
    """
    category = CATEGORY_BY_ID[category_id]
    x1, y1, x2, y2 = box
    landmarks = []
    for k in range(1, category.num_landmarks + 1):
        v = 1 if k == category.num_landmarks else 2
        landmarks += [x1 + k, y1 + k, v]
    return {
        'category_name': category.raw_name,
        'category_id': category_id,
        'style': 1,
        'bounding_box': list(box),
        'landmarks': landmarks,
        'segmentation': [[x1, y1, x2, y1, x2, y2, x1, y2, x1, y1]],
        'scale': 2,
        'occlusion': 1,
        'zoom_in': 1,
        'viewpoint': 2,
    } | changes


@pytest.fixture
def raw_split(tmp_path):
    """A function that writes annotations and images as a raw split."""

    def write(annotations: dict, size=(100, 120), name='train') -> Path:
        folder = tmp_path / name
        (folder / 'image').mkdir(parents=True)
        (folder / 'annos').mkdir()
        image = np.full((size[1], size[0], 3), 127, np.uint8)
        for stem, content in annotations.items():
            cv2.imwrite(str(folder / 'image' / f'{stem}.jpg'), image)
            path = folder / 'annos' / f'{stem}.json'
            path.write_text(json.dumps(content))
        return folder

    return write


@pytest.fixture
def raw_item():
    """The function ``make_item``."""
    return make_item
