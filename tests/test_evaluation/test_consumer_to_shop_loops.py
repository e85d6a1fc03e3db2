# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The consumer-to-shop protocol against nested loops, on random cases."""

import copy
import random
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from mmfashion_ext.evaluation.consumer_to_shop import (
    TOPK,
    evaluate_retrieval,
)
from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES, CATEGORIES

pytestmark = pytest.mark.filterwarnings('ignore::UserWarning')


def exact_iou(a, b):
    """Of whole pixels, without rounding."""
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return Fraction(0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return Fraction(w * h, union - w * h)


def literal_rank(chosen, query, gallery, seen):
    """Rank of the first right item, None for none."""
    rank = None
    retrieved = zip(
        chosen['gallery_image_id'], chosen['gallery_bbox'], strict=True
    )
    for t, (image_id, box) in enumerate(retrieved):
        for item in gallery:
            if (
                item['pair_id'] == query['pair_id']
                and item['style'] == query['style']
                and item['gallery_image_id'] == image_id
            ):
                iou = exact_iou(box, item['bbox'])
                if iou == Fraction(1, 2):
                    seen['IoU of .5'] += 1
                if iou >= Fraction(1, 2) and rank is None:
                    rank = t
                if iou < Fraction(1, 2):
                    seen['right image, wrong box'] += 1
    return rank


def literal(queries, gallery, results, seen):
    """Every step of the protocol by nested loops; counts the cases seen."""
    right = dict.fromkeys(TOPK, 0)
    query_num = miss_num = 0
    for number, query in enumerate(queries):
        if query['style'] == 0:
            continue
        query_num += 1
        detected = [
            entry
            for entry in results
            if entry['query_image_id'] == query['query_image_id']
        ]
        if not detected:
            seen['image without detections'] += 1
            continue
        chosen = None
        for entry in detected:
            best, owner = Fraction(-1), None
            for other, item in enumerate(queries):
                if item['query_image_id'] != query['query_image_id']:
                    continue
                iou = exact_iou(entry['query_bbox'], item['bbox'])
                if iou == best > 0:
                    seen['tie of entries'] += 1
                if iou > best:
                    best, owner = iou, other
            if owner != number:
                continue
            if entry['query_cls'] != query['cls']:
                seen['class differs'] += 1
                continue
            if best == 0:
                seen['candidate overlaps nothing'] += 1
            if chosen and entry['query_score'] == chosen['query_score']:
                seen['tie of scores'] += 1
            if chosen is None or entry['query_score'] > chosen['query_score']:
                chosen = entry
        if chosen is None:
            miss_num += 1
            continue
        rank = literal_rank(chosen, query, gallery, seen)
        if rank is None:
            seen['not found'] += 1
        else:
            seen['found beyond 20' if rank >= 20 else 'found'] += 1
            for k in TOPK:
                right[k] += rank < k
    metrics = {
        f'top-{k}': right[k] / query_num if query_num else -1 for k in TOPK
    }
    return metrics | {'query_num': query_num, 'miss_num': miss_num}


def random_box(rng, near=None):
    """Few different ones, so that ties and IoU .5 are common."""
    if near and rng.random() < 0.8:
        x1, y1, x2, y2 = near
        return [x1, y1, x2, y2 + rng.randrange(2) * (y2 - y1)]
    x, y = rng.randrange(4), rng.randrange(4)
    sides = [0, 1, 2, 2, 3, 4, 4]
    return [x, y, x + rng.choice(sides), y + rng.choice(sides)]


def random_case(seed):
    rng = random.Random(seed)
    number = rng.randrange
    num_images, num_shops = number(1, 4), number(1, 4)
    pair_of = [number(2) for _ in range(num_images)]
    queries = []
    for _ in range(number(1, 8)):
        image_id = number(num_images)
        queries.append(
            {
                'query_image_id': image_id,
                'style': number(3),
                'cls': number(1, 3),
                'pair_id': pair_of[image_id],
                'bbox': random_box(rng),
            }
        )
    gallery = [
        {
            'gallery_image_id': number(num_shops),
            'style': number(3),
            'pair_id': number(2),
            'bbox': random_box(rng),
        }
        for _ in range(number(1, 12))
    ]
    results = []
    for _ in range(number(14)):
        start = rng.choice([0, 4, 20])  # the first that may be right
        retrieved = []
        for t in range([3, 20, 26][seed % 3]):
            item = rng.choice(gallery)
            if t >= start and rng.random() < 0.4:
                box = random_box(rng, item['bbox'])
                retrieved.append((item['gallery_image_id'], box))
            else:
                retrieved.append((number(num_shops + 20), random_box(rng)))
        results.append(
            {
                # one image more than those with queries
                'query_image_id': number(num_images + 1),
                'query_bbox': random_box(rng, rng.choice(queries)['bbox']),
                'query_cls': number(1, 3),
                'query_score': number(3) / 2,
                'gallery_image_id': [image_id for image_id, _ in retrieved],
                'gallery_bbox': [box for _, box in retrieved],
            }
        )
    return queries, gallery, results


def test_agrees_with_plain_loops():
    seen = Counter()
    for seed in range(600):
        case = random_case(seed)
        unchanged = copy.deepcopy(case)
        metrics = evaluate_retrieval(*case, unanswerable='miss')
        assert metrics == literal(*case, seen), f'seed {seed}'
        assert case == unchanged
    assert set(seen) == {
        'image without detections',
        'tie of entries',
        'class differs',
        'candidate overlaps nothing',
        'tie of scores',
        'IoU of .5',
        'right image, wrong box',
        'not found',
        'found',
        'found beyond 20',
    }
    assert min(seen.values()) >= 10


def test_arrays_give_the_same_as_lists():
    for seed in range(30):
        queries, gallery, results = random_case(seed)
        arrays = [
            {
                **entry,
                'query_bbox': np.float32(entry['query_bbox']),
                'gallery_image_id': np.array(entry['gallery_image_id']),
                'gallery_bbox': np.float32(entry['gallery_bbox']),
            }
            for entry in results
        ]
        expected = evaluate_retrieval(
            queries, gallery, results, unanswerable='miss'
        )
        metrics = evaluate_retrieval(
            queries, gallery, arrays, unanswerable='miss'
        )
        assert metrics == expected


def test_parts_add_up():
    rng = np.random.default_rng(0)
    for seed in range(30):
        queries, gallery, results = random_case(seed)
        for entry in queries:
            entry |= {name: int(rng.integers(1, 4)) for name in ATTRIBUTES}
        metrics = evaluate_retrieval(
            queries,
            gallery,
            results,
            per_category=True,
            subsets=True,
            unanswerable='miss',
        )

        def right(pattern, metrics=metrics):
            number = metrics[pattern.format('query_num')]
            return number * metrics[pattern.format('top-5')]

        groups = [[f'{{}}/{c.name}' for c in CATEGORIES]]
        for attribute, values in ATTRIBUTES.items():
            groups.append([f'{attribute}={v}/{{}}' for v in values.values()])
        for group in groups:
            total = sum(right(pattern) for pattern in group)
            if metrics['query_num']:
                assert total == pytest.approx(right('{}'))
            for name in ('query_num', 'miss_num'):
                parts = [metrics[pattern.format(name)] for pattern in group]
                assert sum(parts) == metrics[name]
