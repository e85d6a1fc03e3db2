# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Accuracy of the best detection on images of single garments."""

import json

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import CandidateAccuracy

CANDIDATES = {'dress': ['vest_dress', 'sling_dress'], 'pants': [7]}


def truth(path, categories):
    content = {
        'images': [
            {'id': i, 'file_name': f'{i}.jpg', 'width': 9, 'height': 9}
            for i in range(1, len(categories) + 1)
        ],
        'annotations': [
            {
                'id': 10 * i + k,
                'image_id': i,
                'category_id': category,
                'bbox': [0, 0, 9, 9],
                'area': 81,
            }
            for i, items in enumerate(categories, 1)
            for k, category in enumerate(items)
        ],
        'categories': [
            {'id': 1, 'name': 'dress'},
            {'id': 2, 'name': 'pants'},
            {'id': 3, 'name': 'hat'},
        ],
    }
    path.write_text(json.dumps(content))
    return str(path)


def sample(image_id, labels, scores):
    return {
        'img_id': image_id,
        'pred_instances': {
            'labels': torch.tensor(labels, dtype=torch.long),
            'scores': torch.tensor(scores),
        },
    }


def test_the_best_detection_decides(tmp_path):
    file = truth(tmp_path / 'a.json', [[1], [1], [2], [2]])
    metric = CandidateAccuracy(file, CANDIDATES)
    metric.process(
        None,
        [
            sample(1, [7, 12], [0.3, 0.8]),  # a sling dress: allowed
            sample(2, [12, 9], [0.3, 0.8]),  # a short sleeved one: not
            sample(3, [7], [0.1]),
            sample(4, [], []),
        ],
    )
    assert metric.compute_metrics(metric.results) == {
        'accuracy': 0.5,
        'accuracy/dress': 0.5,
        'accuracy/pants': 0.5,
    }


@pytest.mark.parametrize('items', [[], [1, 2], [3]])
def test_refuses_images_without_one_known_garment(tmp_path, items):
    file = truth(tmp_path / 'a.json', [[1], items])
    with pytest.raises(UserError, match=r'image 2.jpg has the items'):
        CandidateAccuracy(file, CANDIDATES)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such file'):
        CandidateAccuracy(str(tmp_path / 'a.json'), CANDIDATES)
