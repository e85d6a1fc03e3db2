# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What is wrong with entries of the retrieval lists."""

import math

import numpy as np
import pytest

from mmfashion_ext.evaluation.consumer_to_shop_entries import (
    ANNOTATION_FIELDS,
    CornerBox,
    CornerBoxes,
    Integers,
    SizedBox,
    gt_problem,
    result_problem,
)
from mmfashion_ext.formats.checks import find_problems

QUERY = {
    'query_image_id': 3,
    'style': 1,
    'cls': 13,
    'pair_id': 7,
    'bbox': [1, 2, 30, 40],
}
GALLERY = {
    'gallery_image_id': 9,
    'style': 0,
    'pair_id': 7,
    'bbox': [1, 2, 30, 40],
}
RESULT = {
    'query_image_id': 3,
    'query_bbox': [1.5, 2, 30, 40],
    'query_cls': 13,
    'query_score': 0.5,
    'gallery_image_id': [9, 9],
    'gallery_bbox': [[1, 2, 3, 4], [1.5, 2, 3, 4]],
}
NAN = math.nan
NESTED = []
for _ in range(50_000):
    NESTED = [NESTED]


def without(entry, key):
    return {k: v for k, v in entry.items() if k != key}


def assert_matches(problem, message):
    with pytest.raises(ValueError, match=message):
        raise ValueError(problem)
    assert '\n' not in problem


def test_right_entries_have_no_problem():
    assert gt_problem(QUERY, 'query') == ''
    assert gt_problem(GALLERY, 'gallery') == ''
    # a gallery has no classes to check
    assert gt_problem(GALLERY | {'cls': 'any'}, 'gallery') == ''
    assert result_problem(RESULT) == ''
    empty = {'gallery_image_id': [], 'gallery_bbox': []}
    assert result_problem(RESULT | empty) == ''
    arrays = {
        'query_image_id': np.int64(3),
        'query_score': np.float32(0.5),
        'gallery_image_id': np.array([9, 9]),
        'gallery_bbox': np.ones((2, 4), np.float32),
    }
    assert result_problem(RESULT | arrays) == ''
    arrays = {'gallery_image_id': np.empty(0), 'gallery_bbox': np.empty(0)}
    assert result_problem(RESULT | arrays) == ''


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'style': -1}, 'has style -1, expected an integer of 0 or more'),
        ({'style': True}, 'has style True, expected an integer of 0 or'),
        ({'style': None}, 'has style None'),
        ({'cls': 0}, 'has cls 0, expected an integer from 1 to 13'),
        ({'cls': 14}, 'has cls 14, expected an integer from 1 to 13'),
        ({'cls': 'vest'}, "has cls 'vest'"),
        ({'pair_id': 1.5}, 'has pair_id 1.5, expected an integer$'),
        ({'query_image_id': '000003'}, "has query_image_id '000003'"),
        ({'bbox': [1, 2, 3]}, 'has bbox of 3 numbers, expected 4 finite num'),
        (
            {'bbox': [1, 2, 3, NAN]},
            'has bbox with nan, expected 4 finite numbers',
        ),
        ({'bbox': [1, 2, 3, 'x']}, 'expected 4 finite numbers'),
        ({'bbox': [[1, 2], [3]]}, 'expected 4 finite numbers'),
        ({'bbox': None}, 'has bbox None'),
        ({'bbox': [9, 2, 3, 4]}, 'x1 <= x2 .*corners, not width and height'),
        ({'bbox': [1, 9, 3, 4]}, 'y1 <= y2'),
    ],
)
def test_broken_ground_truth(changes, message):
    assert_matches(gt_problem(QUERY | changes, 'query'), message)


@pytest.mark.parametrize('key', sorted(QUERY))
def test_ground_truth_without_a_key(key):
    problem = gt_problem(without(QUERY, key), 'query')
    assert problem.startswith(f'lacks {key}; got ')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'query_image_id': 3.0}, 'has query_image_id 3.0, expected an int'),
        ({'query_cls': 0}, 'has query_cls 0, expected an integer from 1 to'),
        ({'query_score': NAN}, 'has query_score nan, expected a finite'),
        ({'query_score': '0.5'}, "has query_score '0.5'"),
        ({'query_score': [0.5]}, r'has query_score \[0.5\]'),
        ({'query_bbox': [50, 2, 30, 4]}, r'has query_bbox \[50, 2, 30, 4\]'),
        ({'gallery_image_id': 9}, 'has gallery_image_id 9, expected a flat'),
        ({'gallery_image_id': ['9', '9']}, 'expected a flat list of integers'),
        ({'gallery_image_id': [9, 9.5]}, 'expected a flat list of integers'),
        ({'gallery_image_id': [9]}, 'has 1 gallery_image_id but 2 gallery_b'),
        ({'gallery_bbox': []}, 'has 2 gallery_image_id but 0 gallery_bbox'),
        ({'gallery_bbox': 4}, 'has gallery_bbox 4, expected a list of boxes'),
        (
            {'gallery_bbox': [1, 2]},
            r'has gallery_bbox \[1, 2\], expected a list',
        ),
        (
            {'gallery_bbox': [[1, 2, 3, 4], [1, 2]]},
            r'1, 2\]\], expected a list',
        ),
        ({'gallery_bbox': [[1, 2, 3, 4], [1, 2, 3, NAN]]}, 'of finite num'),
        (
            {'gallery_bbox': [[1, 2, 3, 4], [30, 2, 3, 4]]},
            r'has gallery_bbox\[1\] \[30, 2, 3, 4\], expected .*corners, not',
        ),
    ],
)
def test_broken_results(changes, message):
    assert_matches(result_problem(RESULT | changes), message)


@pytest.mark.parametrize('key', sorted(RESULT))
def test_results_without_a_key(key):
    problem = result_problem(without(RESULT, key))
    assert problem.startswith(f'lacks {key}; got ')


@pytest.mark.parametrize(
    'entry', [None, 3, 'text', [], [QUERY], NESTED, {}, {1: 2}]
)
def test_what_is_not_an_entry(entry):
    for problem in (
        gt_problem(entry, 'query'),
        gt_problem(entry, 'gallery'),
        result_problem(entry),
    ):
        assert problem.startswith(('is ', 'lacks '))
        assert '\n' not in problem
        assert len(problem) < 300


@pytest.mark.parametrize('rule', [CornerBox, CornerBoxes, SizedBox, Integers])
@pytest.mark.parametrize(
    'value',
    [None, True, 'x', {}, NESTED, [None], [[1], [2, 3]], 10**400, [10**400]],
)
def test_rules_accept_any_value(rule, value):
    problem = rule()(value)
    assert problem
    assert '\n' not in problem


def test_annotations_have_boxes_of_width_and_height():
    annotation = {'id': 1, 'image_id': 2, 'category_id': 3, 'style': 0}
    for box, message in (
        ([1, 2, 0, 4], ''),
        ([1, 2, -3, 4], 'has bbox [1, 2, -3, 4], expected [x, y, w, h] with'),
        ([1, 2, 3], 'has bbox of 3 numbers, expected 4 finite numbers (x, y'),
    ):
        found = list(
            find_problems(annotation | {'bbox': box}, ANNOTATION_FIELDS)
        )
        assert len(found) == bool(message)
        assert all(problem.text.startswith(message) for problem in found)
