# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Every rule of the consumer-to-shop protocol, by hand."""

import warnings

import numpy as np
import pytest

from mmfashion_ext.evaluation.coco_files import EvaluationError
from mmfashion_ext.evaluation.consumer_to_shop import (
    TOPK,
    box_ious,
    evaluate_retrieval,
    query_outcomes,
    retrieval_metrics,
)
from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES

BOX = [0, 0, 10, 10]
FAR = [50, 50, 60, 60]


def query(image_id=1, style=1, cls=1, pair_id=1, bbox=BOX):
    return {
        'query_image_id': image_id,
        'style': style,
        'cls': cls,
        'pair_id': pair_id,
        'bbox': bbox,
    }


def garment(image_id=100, style=1, pair_id=1, bbox=BOX):
    return {
        'gallery_image_id': image_id,
        'style': style,
        'pair_id': pair_id,
        'bbox': bbox,
    }


def result(image_id=1, bbox=BOX, cls=1, score=0.5, retrieved=((100, BOX),)):
    return {
        'query_image_id': image_id,
        'query_bbox': bbox,
        'query_cls': cls,
        'query_score': score,
        'gallery_image_id': [image_id for image_id, _ in retrieved],
        'gallery_bbox': [box for _, box in retrieved],
    }


def evaluate(queries, gallery, results, **options):
    """Evaluate without the warnings, which have a test of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return evaluate_retrieval(queries, gallery, results, **options)


def ranks(queries, gallery, results, **options):
    outcomes = query_outcomes(queries, gallery, results, **options)
    return [(outcome.index, outcome.rank) for outcome in outcomes]


def test_perfect_result():
    metrics = evaluate([query()], [garment()], [result()])
    assert metrics == {
        **{f'top-{k}': 1 for k in (1, 5, 10, 15, 20)},
        'query_num': 1,
        'miss_num': 0,
    }


def test_rank_decides_which_top_k_count():
    wrong = [(100, FAR)]
    for rank, right in ((0, 5), (4, 4), (5, 3), (14, 2), (19, 1), (20, 0)):
        retrieved = wrong * rank + [(100, BOX)] + wrong * 3
        metrics = evaluate(
            [query()], [garment()], [result(retrieved=retrieved)]
        )
        assert sum(metrics[f'top-{k}'] for k in TOPK) == right
        assert ranks(
            [query()], [garment()], [result(retrieved=retrieved)]
        ) == [(0, rank)]


@pytest.mark.parametrize(
    ('box', 'rank'),
    [
        ([0, 0, 10, 5], 0),  # IoU .5 counts
        ([0, 0, 10, 4], -1),
        ([0, 0, 20, 10], 0),
        ([0, 0, 20, 11], -1),  # with + 1 for the last pixel: .5
    ],
)
def test_half_overlap_counts_as_retrieved(box, rank):
    results = [result(retrieved=[(100, box)])]
    assert ranks([query()], [garment()], results) == [(0, rank)]


@pytest.mark.parametrize(
    'other',
    [
        {'image_id': 101},
        {'style': 2},
        {'pair_id': 2},
        {'style': 0},
    ],
)
def test_right_box_of_another_image_style_or_pair(other):
    gallery = [garment(bbox=FAR), garment(**other)]
    assert ranks([query()], gallery, [result()]) == [(0, -1)]


def test_one_of_several_identical_items_is_enough():
    gallery = [garment(bbox=FAR), garment(), garment(image_id=101)]
    (outcome,) = query_outcomes([query()], gallery, [result()])
    assert (outcome.rank, outcome.num_identical) == (0, 3)


def test_retrieving_the_same_item_twice_is_allowed():
    retrieved = [(100, FAR), (100, BOX), (100, BOX)]
    results = [result(retrieved=retrieved)]
    assert ranks([query()], [garment()], results) == [(0, 1)]


def test_detection_that_overlaps_nothing_goes_to_the_first_entry():
    queries = [query(bbox=[20, 0, 30, 10]), query(style=2)]
    gallery = [garment(), garment(style=2)]
    far = [result(bbox=FAR)]
    outcomes = query_outcomes(queries, gallery, far)
    assert [o.state for o in outcomes] == ['found', 'no candidate']
    assert outcomes[1].representative == -1
    # also if the first entry is not asked for
    queries[0]['style'] = 0
    (outcome,) = query_outcomes(queries, gallery, far)
    assert outcome.state == 'no candidate'


def test_equal_overlap_goes_to_the_first_entry():
    queries = [query(style=2), query(style=1)]
    gallery = [garment(), garment(style=2)]
    outcomes = query_outcomes(queries, gallery, [result()])
    assert [o.state for o in outcomes] == ['found', 'no candidate']


def test_detection_belongs_to_the_entry_it_overlaps_most():
    left, right = [0, 0, 10, 10], [6, 0, 16, 10]
    queries = [query(bbox=left), query(style=2, bbox=right)]
    gallery = [garment(), garment(style=2)]
    results = [result(bbox=[4, 0, 14, 10])]
    outcomes = query_outcomes(queries, gallery, results)
    assert [o.state for o in outcomes] == ['no candidate', 'found']


def test_item_of_style_0_takes_detections_and_is_not_asked_for():
    queries = [query(bbox=[0, 0, 10, 20]), query(style=0)]
    assert ranks(queries[:1], [garment()], [result()]) == [(0, 0)]
    (outcome,) = query_outcomes(queries, [garment()], [result()])
    assert outcome.state == 'no candidate'
    metrics = evaluate(queries, [garment()], [result()])
    assert (metrics['query_num'], metrics['miss_num']) == (1, 1)


def test_gallery_items_of_style_0_are_never_right():
    gallery = [garment(bbox=FAR), garment(style=0)]
    assert ranks([query()], gallery, [result()]) == [(0, -1)]


def test_same_style_twice_in_an_image_is_two_queries():
    queries = [query(), query(bbox=FAR)]
    results = [result(), result(bbox=FAR, retrieved=[(7, BOX), (100, BOX)])]
    assert ranks(queries, [garment()], results) == [(0, 0), (1, 1)]


def test_candidates_have_the_class_of_the_entry():
    results = [result(cls=2, score=0.9), result(score=0.1)]
    (outcome,) = query_outcomes([query()], [garment()], results)
    assert outcome.representative == 1
    (outcome,) = query_outcomes([query()], [garment()], results[:1])
    assert outcome.state == 'no candidate'


def test_highest_score_represents_and_the_first_on_ties():
    results = [
        result(image_id=2, score=1.0),
        result(score=0.5),
        result(score=0.7, bbox=FAR),
        result(score=0.7),
    ]
    (outcome,) = query_outcomes([query()], [garment()], results)
    assert outcome.representative == 2


def test_images_without_detections_fail_but_are_no_misses():
    queries = [query(), query(2), query(3)]
    results = [result(), result(2, cls=5)]
    metrics = evaluate(queries, [garment()], results)
    assert metrics['top-1'] == metrics['top-20'] == 1 / 3
    assert (metrics['query_num'], metrics['miss_num']) == (3, 1)
    outcomes = query_outcomes(queries, [garment()], results)
    states = ['found', 'no candidate', 'no detection']
    assert [outcome.state for outcome in outcomes] == states
    assert [outcome.rank for outcome in outcomes] == [0, -1, -1]


def test_lists_of_different_lengths_and_empty_ones():
    queries = [query(), query(2), query(3)]
    results = [
        result(),
        result(2, retrieved=[]),
        result(3, retrieved=[(1, BOX)] * 30),
    ]
    assert ranks(queries, [garment()], results) == [(0, 0), (1, -1), (2, -1)]


def test_outcomes_are_in_the_order_of_the_queries():
    queries = [query(2), query(1), query(2, style=0), query(2, bbox=FAR)]
    outcomes = query_outcomes(queries, [garment()], [result()])
    assert [outcome.index for outcome in outcomes] == [0, 1, 3]


def test_boxes_without_area():
    point = [5, 5, 5, 5]
    assert ranks(
        [query(bbox=point)],
        [garment(bbox=point)],
        [result(bbox=point, retrieved=[(100, point)])],
    ) == [(0, -1)]


def test_query_without_identical_gallery_item():
    queries = [query(style=0), query(style=2), query(), query(style=3)]
    message = r'entry 1 \(and 1 more\) has no gallery entry.*style 2 to be'
    with pytest.raises(EvaluationError, match=message):
        query_outcomes(queries, [garment()], [result()])
    metrics = evaluate(
        queries[1:], [garment()], [result()], unanswerable='miss'
    )
    assert metrics['query_num'] == 3
    with pytest.raises(ValueError, match="or 'miss', got 'skip'"):
        query_outcomes(queries, [], [], unanswerable='skip')


def test_no_query():
    metrics = evaluate([query(style=0)], [garment()], [result()])
    assert metrics['query_num'] == metrics['miss_num'] == 0
    assert {metrics[f'top-{k}'] for k in TOPK} == {-1}


def test_other_k():
    metrics = evaluate(
        [query()],
        [garment()],
        [result(retrieved=[(1, BOX), (100, BOX)])],
        topk=(2, 50),
    )
    assert list(metrics) == ['top-2', 'top-50', 'query_num', 'miss_num']
    assert metrics['top-2'] == 1


def coded(image_id, **codes):
    return query(image_id) | dict.fromkeys(ATTRIBUTES, 1) | codes


def test_categories_and_subsets():
    many = [garment(image_id, pair_id=2) for image_id in range(6)]
    queries = [
        coded(1, scale=1),
        coded(2, scale=1, pair_id=2),
        coded(3, scale=3, pair_id=2, cls=5),
        coded(4, scale=3, style=0, cls=5),
    ]
    results = [result(1), result(3, cls=5), result(2, retrieved=[(3, BOX)])]
    metrics = evaluate(
        queries,
        [garment(), *many],
        results,
        per_category=True,
        subsets=True,
    )
    names = list(evaluate([query()], [garment()], []))
    # 13 categories, 12 codes of all and of many, and many
    assert len(metrics) == len(names) * (1 + 13 + 12 + 12 + 1)
    assert metrics['top-1'] == 2 / 3
    assert metrics['top-1/short_sleeved_shirt'] == 1
    assert metrics['query_num/short_sleeved_shirt'] == 2
    assert metrics['top-1/vest'] == 0
    assert metrics['query_num/vest'] == 1
    assert metrics['top-1/trousers'] == -1
    assert metrics['scale=small/top-1'] == 1
    assert metrics['scale=small/query_num'] == 2
    assert metrics['scale=moderate/top-1'] == -1
    assert metrics['scale=large/top-20'] == 0
    assert metrics['identical>5/top-1'] == 0.5
    assert metrics['identical>5/query_num'] == 2
    assert metrics['identical>5,scale=small/top-1'] == 1
    assert metrics['identical>5,scale=small/query_num'] == 1
    assert metrics['viewpoint=no-wear/query_num'] == 3


def test_five_identical_items_are_not_more_than_five():
    found = result(retrieved=[(0, BOX)] * 20)
    for number, expected in ((5, 0), (6, 1)):
        gallery = [garment(image_id) for image_id in range(number)]
        with pytest.warns(UserWarning, match='1 of 1 queries have no attr'):
            metrics = evaluate_retrieval(
                [query()], gallery, [found], subsets=True
            )
        assert metrics['identical>5/query_num'] == expected
        assert not [name for name in metrics if 'scale' in name]


def test_any_part_of_the_outcomes_can_be_counted():
    queries = [query(1), query(2)]
    outcomes = query_outcomes(queries, [garment()], [result(2)])
    part = [o for o in outcomes if queries[o.index]['query_image_id'] == 2]
    metrics = retrieval_metrics(part, (1,))
    assert metrics == {'top-1': 1, 'query_num': 1, 'miss_num': 0}


def test_warns_of_what_the_protocol_counts_silently():
    alien = result(9, retrieved=[(100, BOX)] * 19 + [(999, BOX)])
    short = result(retrieved=[(100, BOX), (998, BOX)])
    with pytest.warns(UserWarning) as caught:  # noqa: PT030
        evaluate_retrieval([query()], [garment()], [alien, short])
    messages = [str(warning.message) for warning in caught]
    starts = [
        '1 of 2 results are of images that are not in the query',
        '1 of 2 results have fewer than 20 retrieved items',
        '2 of 22 retrieved items are of images that are not in the gallery',
    ]
    assert len(messages) == 3
    for message, start in zip(messages, starts, strict=True):
        assert message.startswith(start)
    with pytest.warns(UserWarning, match='no results: every top-k is 0'):
        metrics = evaluate_retrieval([query()], [garment()], [])
    assert metrics['top-20'] == metrics['miss_num'] == 0


def test_says_nothing_of_an_official_result(recwarn):
    results = [result(retrieved=[(100, BOX)] * 20)]
    evaluate_retrieval([query()], [garment()], results)
    assert not list(recwarn)


def test_ious_of_all_pairs():
    first = [[0, 0, 2, 2], [0, 0, 0, 0]]
    second = [[1, 0, 3, 2], [2, 0, 4, 2], [0, 0, 0, 0]]
    expected = [[1 / 3, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(box_ious(first, second), expected)
    assert box_ious([], second).shape == (0, 3)
    small = [[0.5, 0.5, 0.75, 1]]
    assert box_ious(small, small) == 1
