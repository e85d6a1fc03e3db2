# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""COCO metrics against plain loops."""

import numpy as np
import pytest

from mmfashion_ext.evaluation.coco_eval import evaluate
from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES, SIGMAS


def similarity(task, truth, detection):
    """IoU of boxes, or OKS, of one pair."""
    if task == 'bbox':
        a, b = np.array(truth['bbox']), np.array(detection['bbox'])
        sides = np.minimum(a[:2] + a[2:], b[:2] + b[2:])
        sides = np.clip(sides - np.maximum(a[:2], b[:2]), 0, None)
        shared = sides.prod()
        return shared / (a[2:].prod() + b[2:].prod() - shared)
    g = np.array(truth['keypoints']).reshape(294, 3)
    d = np.array(detection['keypoints']).reshape(294, 3)
    on = g[:, 2] > 0
    if not on.any():
        x, y, w, h = truth['bbox']
        low, high = np.array([x - w, y - h]), np.array([x + 2 * w, y + 2 * h])
        square = np.clip(low - d[:, :2], 0, None) + np.clip(
            d[:, :2] - high, 0, None
        )
        square, on = (square**2).sum(1), slice(None)
    else:
        square = ((g - d)[:, :2] ** 2).sum(1)
    variance = (2 * np.array(SIGMAS)) ** 2
    return np.exp(-square / (2 * truth['area'] * variance))[on].mean()


def naive_ap(task, gt, results, threshold, ignored):
    """AP of plain loops: the textbook, independent of any COCO code."""
    limit = {'bbox': 100, 'keypoints': 20}[task]
    per_category = []
    for category in CATEGORIES:
        rows, total = [], 0
        for image in gt['images']:
            key = (image['id'], category.id)

            def of(items, key=key):
                return [
                    i
                    for i in items
                    if (i['image_id'], i['category_id']) == key
                ]

            truths = sorted(of(gt['annotations']), key=ignored)
            total += sum(not ignored(truth) for truth in truths)
            free = list(range(len(truths)))
            found = sorted(of(results), key=lambda d: -d['score'])[:limit]
            for detection in found:
                best, choice = threshold, None
                for g in free:
                    if choice is not None and ignored(truths[g]) > ignored(
                        truths[choice]
                    ):
                        break
                    value = similarity(task, truths[g], detection)
                    if value >= best:
                        best, choice = value, g
                if choice is None:
                    rows.append((detection['score'], 0))
                else:
                    free.remove(choice)
                    if not ignored(truths[choice]):
                        rows.append((detection['score'], 1))
        if not total:
            continue
        right = np.array([hit for _, hit in sorted(rows, key=lambda r: -r[0])])
        right = right.astype(float)
        recall = right.cumsum() / total
        precision = right.cumsum() / np.arange(1, len(right) + 1)
        values = [
            precision[recall >= r].max(initial=0)
            for r in np.linspace(0, 1, 101)
        ]
        per_category.append(np.mean(values))
    return np.mean(per_category)


@pytest.mark.parametrize('task', ['bbox', 'keypoints'])
@pytest.mark.parametrize('seed', [3, 4, 7])
def test_agrees_with_plain_loops(task, seed, make_case):
    gt, results = make_case(seed)
    # equal scores leave the order across images to the implementation
    for i, entry in enumerate(results[task]):
        entry['score'] += i * 1e-6

    def ignored(ann):
        return task == 'keypoints' and ann['num_keypoints'] == 0

    metrics = evaluate(task, gt, results[task], subsets=True)
    for name, threshold in (('AP50', 0.5), ('AP75', 0.75)):
        expected = naive_ap(task, gt, results[task], threshold, ignored)
        assert metrics[name] == pytest.approx(expected, abs=1e-12)

    def outside(ann):
        return ignored(ann) or ann['occlusion'] != 2

    expected = naive_ap(task, gt, results[task], 0.5, outside)
    assert metrics['occlusion=medium/AP50'] == pytest.approx(
        expected, abs=1e-12
    )
