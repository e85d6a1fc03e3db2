# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Records of image files: the same, changed or gone."""

import os

import pytest

from mmfashion_ext.retrieval.gallery_images import (
    compare_image,
    file_state,
    parse_records,
    plain_records,
    record_image,
)
from mmfashion_ext.retrieval.scoring import RetrievalError

pytestmark = pytest.mark.fault(18)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(b'12345')
    return path


def test_same_changed_or_gone(path):
    record = record_image(path, 2, 0.3, file_state(path))
    assert compare_image(path, record) == 'same'
    os.utime(path, ns=(1, 1))
    assert compare_image(path, record) == 'same'  # by its hash
    path.write_bytes(b'54321')
    os.utime(path, ns=(2, 2))
    assert compare_image(path, record) == 'changed'
    path.write_bytes(b'123456')
    assert compare_image(path, record) == 'changed'
    path.unlink()
    assert compare_image(path, record) == 'gone'
    path.symlink_to(path)
    assert compare_image(path, record) == 'gone'


def test_a_file_that_changed_while_it_was_read_is_read_again(path):
    before = file_state(path)
    os.utime(path, ns=(1, 1))
    record = record_image(path, 2, 0.3, before)
    assert compare_image(path, record) == 'changed'


def test_records_come_back_and_wrong_ones_are_refused(path):
    records = {'a.jpg': record_image(path, 2, 0.3, file_state(path))}
    plain = plain_records(records)
    assert parse_records(plain) == records
    for change in ({'size': 'x'}, {'garments': -1}, {'score_thr': None}):
        with pytest.raises(RetrievalError, match=r'image .a\.jpg. has'):
            parse_records({'a.jpg': {**plain['a.jpg'], **change}})
    with pytest.raises(RetrievalError, match='expected an object'):
        parse_records({'a.jpg': 3})
