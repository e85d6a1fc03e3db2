# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""AP in the six groups that Clothing Co-Parsing and DeepFashion2 share."""

import json

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import CCPMetric


def truth(path, names, categories):
    """One image of 40 x 40 px; an item in a column of its own for each."""
    annotations = [
        {
            'id': i + 1,
            'image_id': 1,
            'category_id': category,
            'bbox': [10 * i, 0, 10, 40],
            'area': 400,
            'segmentation': [
                [10 * i, 0, 10 * i + 10, 0, 10 * i + 10, 40, 10 * i, 40]
            ],
        }
        for i, category in enumerate(categories)
    ]
    content = {
        'images': [{'id': 1, 'width': 40, 'height': 40}],
        'annotations': annotations,
        'categories': [
            {'id': i, 'name': name} for i, name in enumerate(names, 1)
        ],
    }
    path.write_text(json.dumps(content))
    return str(path)


def predicted(labels):
    """A detection in each column."""
    masks = torch.zeros(len(labels), 40, 40, dtype=torch.bool)
    for i in range(len(labels)):
        masks[i, :, 10 * i : 10 * i + 10] = True
    return {
        'img_id': 1,
        'pred_instances': {
            'bboxes': torch.tensor(
                [[10 * i, 0, 10 * i + 10, 40] for i in range(len(labels))]
            ).float(),
            'scores': torch.linspace(0.9, 0.5, len(labels)),
            'labels': torch.tensor(labels),
            'masks': masks,
        },
    }


def evaluate(file, labels):
    metric = CCPMetric(file, per_category=True)
    metric.process(None, [predicted(labels)])
    return metric.compute_metrics(metric.results)


def test_nine_groups_and_13_categories_meet_in_six(tmp_path):
    names = ['outerwear', 'sweater', 'dress', 'vest']
    file = truth(tmp_path / 'a.json', names, [1, 2, 3, 4])
    # short sleeved outwear, long sleeved shirt, sling dress, sling
    metrics = evaluate(file, [2, 1, 12, 5])
    assert metrics['bbox/AP50'] == pytest.approx(1)
    assert metrics['segm/AP'] == pytest.approx(1)
    # a skirt where a dress is
    metrics = evaluate(file, [2, 1, 8, 5])
    assert metrics['bbox/AP/dress'] == 0
    assert metrics['bbox/AP/upper'] == pytest.approx(1)
    assert metrics['bbox/AP50'] == pytest.approx(2 / 3)


def test_file_with_the_six_groups(tmp_path):
    file = truth(tmp_path / 'a.json', ['skirt', 'upper'], [2, 1])
    assert evaluate(file, [4, 8])['bbox/AP'] == pytest.approx(1)


def test_refuses_other_categories(tmp_path):
    file = truth(tmp_path / 'a.json', ['upper', 'hat'], [1])
    with pytest.raises(UserError, match='categories hat, expected among'):
        evaluate(file, [0])
