# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import contextlib
import copy
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as mask_utils

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.coco import (
    ANNOTATION_FIELDS,
    IMAGE_FIELDS,
    CocoFields,
    Segmentation,
    read_coco,
    read_detections,
    require_detections,
    rle_problem,
)
from mmfashion_ext.formats.rules import Integer, Number, Text


class FileError(UserError):
    pass


FIELDS = CocoFields(
    IMAGE_FIELDS,
    ANNOTATION_FIELDS,
    {'id': Integer(), 'name': Text()},
    remedy='fix it',
    error=FileError,
)


def content():
    size = {'width': 40, 'height': 30}
    return {
        'images': [{'id': i, 'file_name': f'{i}.jpg', **size} for i in (2, 1)],
        'annotations': [
            {'id': 7 + i, 'image_id': 1, 'category_id': 3, 'bbox': [1] * 4}
            for i in range(2)
        ],
        'categories': [{'id': 3, 'name': 'vest'}],
    }


def test_reads_a_file_or_its_content(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(content()))
    given_content = content()
    for source in (path, str(path), given_content):
        truth = read_coco(source, FIELDS)
        assert list(truth.images) == [2, 1]
        grouped = [(i['id'], len(a)) for i, a in truth.by_image()]
        assert grouped == [(2, 0), (1, 2)]
        assert truth.categories == content()['categories']
    assert given_content == content()


def test_only_what_is_needed_is_read():
    fields = CocoFields({'id': Integer()}, {'id': Integer()}, annotated=False)
    truth = read_coco({'images': [{'id': 1}], 'categories': None}, fields)
    assert (list(truth.images), truth.annotations) == ([1], [])


def test_objects_are_reduced_while_they_are_parsed(tmp_path):
    def hook(record):
        record.pop('bbox', None)
        return record

    path = tmp_path / 'a.json'
    path.write_text(json.dumps(content()))
    with pytest.raises(FileError, match=r'annotation 7 lacks bbox; fix it'):
        read_coco(path, FIELDS, object_hook=hook)


def change(kind, index, **values):
    def apply(content):
        content[kind][index].update(values)

    return apply


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda c: c.clear(), 'got one without images, annotations, categ'),
        (lambda c: c.update(images=None), 'got images None, not a list'),
        (lambda c: c['images'].append(None), 'image number 2 is None, exp'),
        (change('images', 1, id=2), 'ids of image records must be unique'),
        (change('images', 1, id=[1]), r'image number 1 has id \[1\]'),
        (change('images', 1, width=0), 'image 1 has width 0, expected a fin'),
        (change('images', 1, width=1e9), 'image 1 has width 1000000000.0,'),
        (change('images', 1, file_name=3), 'image 1 has file_name 3, exp'),
        (change('annotations', 1, id=7), 'annotation records must be unique'),
        (change('annotations', 1, image_id={}), r'8 has image_id {}, expec'),
        (change('annotations', 1, image_id=9), '8 has image_id 9, which is n'),
        (change('annotations', 1, category_id=9), '8 has category_id 9, whic'),
        (change('annotations', 1, bbox=[1e30] * 4), 'has bbox with 1e'),
        (change('annotations', 1, iscrowd=2), 'from 0 to 1'),
        (change('categories', 0, name=None), 'category 3 has name None'),
    ],
)
def test_what_is_wrong_is_named(spoil, message, tmp_path):
    broken = content()
    spoil(broken)
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(broken))
    for source, name in ((path, 'a.json'), (broken, 'ground truth')):
        with pytest.raises(FileError, match=message) as error:
            read_coco(source, FIELDS)
        assert name in str(error.value)
        assert '\n' not in str(error.value)
        assert str(error.value).endswith('; fix it')


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=5,
)
PLACES = [
    *((name,) for name in content()),
    *((name, 0) for name in content()),
    *(
        (name, 0, key)
        for name, records in content().items()
        for key in records[0]
    ),
]


@given(place=st.sampled_from(PLACES), value=ANYTHING)
def test_a_value_of_any_kind_is_read_or_named(place, value):
    broken = content()
    record = broken
    for key in place[:-1]:
        record = record[key]
    record[place[-1]] = value
    before = copy.deepcopy(broken)
    with contextlib.suppress(FileError):
        truth = read_coco(broken, FIELDS)
        assert len(truth.images) == len(broken['images'])
    assert repr(broken) == repr(before)


@given(text=st.binary(max_size=40))
def test_no_bytes_break_the_reader(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / 'bytes.json'
    path.write_bytes(text)
    with pytest.raises(UserError):
        read_coco(path, FIELDS)
    with pytest.raises(UserError, match=r'bytes\.json'):
        read_detections(path)


def test_urls_are_read_by_mmengine(monkeypatch):
    import mmengine.fileio

    seen = {}

    def get_text(path, backend_args=None):
        seen[path] = backend_args
        return json.dumps(content()) if 'good' in path else '['

    monkeypatch.setattr(mmengine.fileio, 'get_text', get_text)
    assert len(read_coco('s3://good.json', FIELDS).images) == 2
    with pytest.raises(FileError, match='s3://bad: the ground truth is not'):
        read_coco('s3://bad', FIELDS)
    args = {'backend': 'local'}
    assert read_coco('good.json', FIELDS, backend_args=args).images
    assert seen['good.json'] == args


def test_detections(tmp_path):
    path = tmp_path / 'a.json'
    entry = {'image_id': 1, 'category_id': 1, 'bbox': [1] * 4, 'score': 0.5}
    path.write_text(json.dumps([entry]))
    assert read_detections(path) == [entry]
    path.write_text(json.dumps([entry, entry | {'score': None}]))
    with pytest.raises(UserError, match=r'a\.json: entry 1 has score None, e'):
        read_detections(path)
    table = {'image_id': Integer(), 'score': Number(0, 1)}
    path.write_text('[{"image_id": 1, "score": 1}]')
    assert len(read_detections(path, table)) == 1


def masks():
    rng = np.random.default_rng(0)
    for k in range(40):
        h, w = rng.integers(1, 60, 2)
        mask = (rng.random((h, w)) < k / 39).astype(np.uint8)
        yield mask_utils.encode(np.asfortranarray(mask))


def test_run_lengths_of_pycocotools_are_right():
    for rle in masks():
        assert rle_problem(rle) == ''
        assert rle_problem(rle | {'counts': rle['counts'].decode()}) == ''
        assert Segmentation()(rle) == ''
        h, w = rle['size']
        assert 'not run lengths' in rle_problem(rle | {'size': [h, w + 1]})


@pytest.mark.parametrize(
    'rle',
    [
        {},
        {'size': [2, 2]},
        {'size': [2, 2], 'counts': [1, 2]},
        {'size': [2, 2], 'counts': [-1, 5]},
        {'size': [2, 2], 'counts': [None]},
        {'size': [2, 2], 'counts': 'é'},
        {'size': [2, 2], 'counts': '!'},
        {'size': [2, 2], 'counts': 'o' * 40},
        {'size': [2, 2], 'counts': 'P' * 5},
        {'size': [2, 2], 'counts': ''},
        {'size': [2, 2, 2], 'counts': [8]},
        {'size': [2.5, 2], 'counts': [4]},
        {'size': 'x', 'counts': [4]},
        {'size': [1e30, 1], 'counts': [4]},
    ],
)
def test_run_lengths_that_break_pycocotools(rle):
    assert rle_problem(rle)


@given(text=st.text('0123456789:;<=>?@ABCNOPQRSTUVWXYZ`abnoxyz', max_size=20))
def test_no_run_lengths_break_the_check(text):
    assert '\n' not in rle_problem({'size': [5, 7], 'counts': text})


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (7, ' 7, expected a list of polygons or run lengths'),
        ([[1, 2, None]], r'[0][2] None, expected finite numbers'),
        ([1, 2], '[0] 1, expected finite numbers'),
        ([[1] * 6, [1e9] * 6], '[1] with 1000000000.0,'),
        ({'size': [2, 2], 'counts': [9]}, ' whose counts are not run lengths'),
    ],
)
def test_segmentations_that_are_wrong(value, message):
    assert Segmentation()(value).startswith(message)


@pytest.mark.parametrize(
    'value', [None, [], [[1, 2]], [[1, 2, 3, 4, 5, 6], []]]
)
def test_segmentations_that_can_be_read(value):
    assert Segmentation()(value) == ''


@pytest.mark.fault(29)
def test_detections_must_leave_something():
    require_detections('boxes.json', 3, 1)
    for found, message in ((0, 'holds no det'), (3, '3 detections, of which')):
        with pytest.raises(UserError, match=rf'boxes\.json .*{message}'):
            require_detections('boxes.json', found, 0)


@pytest.mark.fault(4)
@pytest.mark.parametrize('prefix', ['', 'file://'])
def test_a_pipe_does_not_hang(tmp_path, prefix):
    path = tmp_path / 'a.json'
    os.mkfifo(path)
    for backend_args in (None, {'backend': 'local'}):
        with pytest.raises(FileError, match=r'ground truth: .*pipe or socket'):
            read_coco(f'{prefix}{path}', FIELDS, backend_args=backend_args)
