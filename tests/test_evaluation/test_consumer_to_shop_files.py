# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import copy
import json

import numpy as np
import pytest

from mmfashion_ext.evaluation.coco_files import EvaluationError
from mmfashion_ext.evaluation.consumer_to_shop import evaluate_retrieval
from mmfashion_ext.evaluation.consumer_to_shop_files import (
    add_attribute_codes,
    compose_retrieval_gt,
    load_retrieval_gt,
    load_retrieval_results,
    write_retrieval_list,
)
from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES

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


# --- the official lists ---


@pytest.mark.parametrize(
    ('kind', 'entries'),
    [
        ('query', [QUERY, QUERY | {'style': 0, 'query_image_id': 4}]),
        ('gallery', [GALLERY, GALLERY | {'bbox': [5, 5, 5, 5], 'more': 1}]),
        ('gallery', []),
    ],
)
def test_ground_truth_as_list_and_as_file(tmp_path, kind, entries):
    path = tmp_path / 'gt.json'
    path.write_text(json.dumps(entries))
    assert load_retrieval_gt(path, kind) == entries
    assert load_retrieval_gt(entries, kind) == entries


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'style': -1}, 'has style -1, expected an integer of 0 or more; use'),
        ({'pair_id': 8}, 'gives image 3 the pair_id 8, an earlier one 7'),
    ],
)
def test_broken_ground_truth_is_named(tmp_path, changes, message):
    path = tmp_path / 'query.json'
    path.write_text(json.dumps([QUERY, QUERY | changes]))
    with pytest.raises(EvaluationError, match=message) as error:
        load_retrieval_gt(path, 'query')
    assert str(error.value).startswith(f'{path}: entry 1 ')


def test_broken_results_are_named():
    with pytest.raises(EvaluationError, match='results: entry 1 has query_cl'):
        load_retrieval_results([RESULT, RESULT | {'query_cls': 0}])


def test_gallery_in_the_place_of_the_query_list():
    message = (
        r'query ground truth: entry 0 lacks query_image_id, cls; got '
        'gallery_image_id, style'
    )
    with pytest.raises(EvaluationError, match=message):
        load_retrieval_gt([GALLERY], 'query')
    with pytest.raises(
        EvaluationError, match='entry 0 lacks gallery_image_id'
    ):
        load_retrieval_gt([QUERY], 'gallery')


@pytest.mark.parametrize('entries', [[], [QUERY | {'style': 0}]])
def test_query_list_that_asks_for_nothing(entries):
    with pytest.raises(EvaluationError, match=r'none of . entries has style'):
        load_retrieval_gt(entries, 'query')


def test_kind_is_query_or_gallery():
    with pytest.raises(ValueError, match="or 'gallery', got 'shop'"):
        load_retrieval_gt([QUERY], 'shop')


@pytest.mark.parametrize(
    'load',
    [lambda path: load_retrieval_gt(path, 'query'), load_retrieval_results],
)
@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'[{"query_image_id": 1', 'is not valid JSON'),
        (b'\xff\xfe\x00', 'is not valid JSON'),
        (b'[' * 100_000, 'is not valid JSON'),
        (b'{"images": []}', 'expected a list of entries .* got dict'),
        (b'[3]', 'entry 0 is 3, expected an object'),
        (b'[{}]', 'entry 0 lacks query_image_id, .*; got no keys'),
    ],
)
def test_broken_files(tmp_path, load, content, message):
    path = tmp_path / 'list.json'
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=message) as error:
        load(path)
    assert str(error.value).startswith(f'{path}: ')


def test_missing_file(tmp_path):
    with pytest.raises(EvaluationError, match='No such file'):
        load_retrieval_results(tmp_path / 'none.json')
    with pytest.raises(EvaluationError, match='cannot read the gallery gro'):
        load_retrieval_gt(tmp_path, 'gallery')


def test_results_as_list_and_as_file(tmp_path):
    empty = RESULT | {'gallery_image_id': [], 'gallery_bbox': []}
    entries = [RESULT, empty, RESULT | {'query_score': -3, 'more': None}]
    path = tmp_path / 'results.json'
    path.write_text(json.dumps(entries))
    assert load_retrieval_results(path) == entries
    assert load_retrieval_results(entries) is entries
    arrays = {
        **RESULT,
        'query_image_id': np.int64(3),
        'query_score': np.float32(0.5),
        'gallery_image_id': np.array([9, 9]),
        'gallery_bbox': np.ones((2, 4), np.float32),
    }
    load_retrieval_results([arrays])


def test_writing(tmp_path):
    path = tmp_path / 'new' / 'results.json'
    arrays = RESULT | {
        'query_image_id': np.int64(3),
        'gallery_bbox': np.array(RESULT['gallery_bbox']),
    }
    write_retrieval_list(path, [arrays, RESULT])
    assert load_retrieval_results(path) == [RESULT, RESULT]
    assert len(path.read_text().splitlines()) == 4
    write_retrieval_list(path, iter([]))
    assert load_retrieval_results(path) == []
    with pytest.raises(ValueError, match='not JSON compliant'):
        write_retrieval_list(
            path, [RESULT, RESULT | {'query_score': float('nan')}]
        )
    assert load_retrieval_results(path) == []
    assert list(path.parent.iterdir()) == [path]


# --- from COCO ---


def coco(*images):
    """Images as (source, pair_id, styles); item k is 10 px right of k - 1."""
    gt = {'images': [], 'annotations': []}
    for image_id, (source, pair_id, styles) in enumerate(images, 1):
        image = {'id': image_id, 'source': source, 'pair_id': pair_id}
        gt['images'].append(image)
        for k, style in enumerate(styles):
            gt['annotations'].append(
                {
                    'id': len(gt['annotations']) + 1,
                    'image_id': image_id,
                    'category_id': 5 + k,
                    'style': style,
                    'bbox': [10 * k, 1, 9, 20],
                    **dict.fromkeys(ATTRIBUTES, 1 + k),
                }
            )
    return gt


def places(entries, kind):
    return [(e[f'{kind}_image_id'], e['style'], e['bbox']) for e in entries]


SPLIT = coco(
    ('user', 1, [0, 1]),
    ('user', 1, [0]),
    ('shop', 1, [1, 0]),
    ('shop', 2, [0]),
)
FIRST, SECOND = [0, 1, 9, 21], [10, 1, 19, 21]


def test_released_composition():
    queries, gallery = compose_retrieval_gt(SPLIT)
    assert queries == [
        {
            'query_image_id': 1,
            'style': 1,
            'cls': 6,
            'pair_id': 1,
            'bbox': SECOND,
        }
    ]
    assert gallery[0] == {
        'gallery_image_id': 3,
        'style': 1,
        'pair_id': 1,
        'bbox': FIRST,
    }
    expected = [(3, 1, FIRST), (3, 0, SECOND), (4, 0, FIRST)]
    assert places(gallery, 'gallery') == expected


def test_paper_composition():
    queries, gallery = compose_retrieval_gt(SPLIT, 'paper')
    expected = [(1, 0, FIRST), (1, 1, SECOND)]
    assert places(queries, 'query') == expected
    assert places(gallery, 'gallery') == [(3, 1, FIRST)]


def test_composition_makes_a_difference():
    """The item of style 0 owns the detection in the middle."""
    detection = {
        'query_image_id': 1,
        'query_bbox': [4, 1, 14, 21],
        'query_cls': 6,
        'query_score': 1,
        'gallery_image_id': [3] * 20,
        'gallery_bbox': [FIRST] * 20,
    }
    numbers = {
        name: evaluate_retrieval(
            *compose_retrieval_gt(SPLIT, name), [detection]
        )
        for name in ('released', 'paper')
    }
    assert numbers['released']['top-1'] == 1
    assert numbers['paper']['top-1'] == 0
    assert numbers['paper']['query_num'] == 1


def test_consumer_item_without_shop_item_is_not_asked_for():
    split = coco(
        ('user', 1, [1, 2]),
        ('user', 2, [1]),
        ('shop', 1, [1]),
        ('shop', 3, [1]),
    )
    before = copy.deepcopy(split)
    with pytest.warns(UserWarning, match='2 consumer items have no shop'):
        queries, gallery = compose_retrieval_gt(split)
    assert places(queries, 'query') == [(1, 1, FIRST)]
    assert len(gallery) == 2
    with pytest.warns(UserWarning, match='2 consumer items have no shop'):
        queries, _ = compose_retrieval_gt(split, 'paper')
    assert places(queries, 'query') == [(1, 1, FIRST), (1, 0, SECOND)]
    assert split == before


def test_nothing_to_ask_for(recwarn):
    split = coco(('user', 1, [0]), ('shop', 1, [1]))
    for composition in ('released', 'paper'):
        queries, gallery = compose_retrieval_gt(split, composition)
        assert queries == []
        assert len(gallery) == 1
    assert not list(recwarn)


def test_unknown_composition():
    with pytest.raises(ValueError, match="or 'paper', got 'official'"):
        compose_retrieval_gt(SPLIT, 'official')


def broken(list_name, index, **changes):
    gt = copy.deepcopy(SPLIT)
    entry = gt[list_name][index]
    entry |= changes
    for key in [key for key, value in changes.items() if value is None]:
        del entry[key]
    return gt


@pytest.mark.parametrize(
    ('gt', 'message'),
    [
        ({'images': []}, 'expected a COCO ground .* got one without annotat'),
        (broken('images', 1, source=None), 'image 2 lacks source; convert'),
        (
            broken('images', 1, source='web'),
            "image 2 has source 'web', expected 'user' or 'sh",
        ),
        (broken('images', 1, pair_id=None), 'image 2 lacks pair_id'),
        (broken('images', 1, pair_id='1'), "image 2 has pair_id '1', expec"),
        (broken('images', 1, id=None), 'image number 1 lacks id'),
        (broken('annotations', 1, style=None), 'annotation 2 lacks style'),
        (broken('annotations', 1, style=-1), 'annotation 2 has style -1'),
        (broken('annotations', 1, category_id=0), 'has category_id 0, expec'),
        (
            broken('annotations', 1, image_id=9),
            'annotation 2 has image_id 9, which is not',
        ),
        (
            broken('annotations', 1, bbox=[1, 2, 3]),
            'annotation 2 has bbox of 3 numb',
        ),
        (broken('annotations', 1, bbox=[1, 2, -3, 4]), r'\[x, y, w, h\]'),
    ],
)
def test_ground_truth_that_cannot_be_composed(tmp_path, gt, message):
    with pytest.raises(EvaluationError, match=message):
        compose_retrieval_gt(gt)
    path = tmp_path / 'gt.json'
    path.write_text(json.dumps(gt))
    with pytest.raises(EvaluationError, match=message) as error:
        compose_retrieval_gt(path)
    assert str(error.value).startswith(f'{path}: ')
    assert 'tools/dataset_converters/deepfashion2.py' in str(error.value)


def test_attribute_codes(tmp_path):
    queries, _ = compose_retrieval_gt(SPLIT, 'paper')
    before = copy.deepcopy(queries)
    path = tmp_path / 'gt.json'
    path.write_text(json.dumps(SPLIT))
    for source in (SPLIT, path):
        without_style, coded = add_attribute_codes(queries, source)
        assert without_style == queries[0]
        assert coded == queries[1] | dict.fromkeys(ATTRIBUTES, 2)
    assert queries == before


def test_attribute_codes_of_items_of_one_box():
    gt = copy.deepcopy(SPLIT)
    twin = gt['annotations'][1] | {'id': 90, 'style': 2, 'scale': 3}
    third = gt['annotations'][1] | {
        'id': 91,
        'category_id': 7,
        'scale': 1,
    }
    gt['annotations'] = [twin, third, *gt['annotations']]
    queries, _ = compose_retrieval_gt(SPLIT)
    (coded,) = add_attribute_codes(queries, gt)
    assert coded['scale'] == 2


def test_attribute_codes_of_boxes_that_were_rounded():
    gt = copy.deepcopy(SPLIT)
    gt['annotations'][1]['bbox'] = [10 + 1e-9, 1, 9 - 1e-9, 20.004]
    queries, _ = compose_retrieval_gt(SPLIT)
    (coded,) = add_attribute_codes(queries, gt)
    assert coded['scale'] == 2
    gt['annotations'][1]['bbox'][3] = 20.1
    with pytest.raises(EvaluationError, match='has no annotation of image 1'):
        add_attribute_codes(queries, gt)


def test_attribute_codes_that_are_missing():
    queries, _ = compose_retrieval_gt(SPLIT)
    gt = copy.deepcopy(SPLIT)
    del gt['annotations'][1]['zoom_in']
    with pytest.raises(EvaluationError, match='annotation 2 has no zoom_in'):
        add_attribute_codes(queries, gt)
    queries[0]['query_image_id'] = 77
    message = 'annotation of image 77, class 6, style 1.*entry 0 of the query'
    with pytest.raises(EvaluationError, match=message):
        add_attribute_codes(queries, gt)
