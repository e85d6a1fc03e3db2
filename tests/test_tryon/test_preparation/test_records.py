# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.preparation.records import (
    Record,
    Records,
    version_of,
)


def test_an_earlier_run_is_read_back(tmp_path):
    records = Records(tmp_path)
    records.add(Record('person', 'a.jpg', 'in/a.jpg', '1', notes=['small']))
    records.add(Record('cloth', 'a.jpg', 'in/c/a.jpg', '1', reason='torn'))
    again = Records(tmp_path)
    assert again.finished('person', 'in/a.jpg', '1').notes == ['small']
    assert again.finished('person', 'in/a.jpg', '2') is None
    assert again.finished('cloth', 'in/a.jpg', '1') is None
    # what this run has not come to yet is not lost by a second break
    again.add(Record('person', 'b.jpg', 'in/b.jpg', '1'))
    assert Records(tmp_path).finished('cloth', 'in/c/a.jpg', '1')
    again.finish()
    assert not Records(tmp_path).finished('cloth', 'in/c/a.jpg', '1')


def test_another_file_is_refused(tmp_path):
    (tmp_path / 'prepared.json').write_text('[1]')
    with pytest.raises(UserError, match='not the file of an earlier run'):
        Records(tmp_path)


def test_version_depends_on_file_and_settings(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(b'1')
    first = version_of(path, {'crop': True})
    assert version_of(path, {'crop': True}) == first
    assert version_of(path, {'crop': False}) != first
    path.write_bytes(b'12')
    assert version_of(path, {'crop': True}) != first


def test_lines_of_a_report():
    bad = Record('cloth', 'a.jpg', 'in/a.jpg', '1', reason='torn')
    assert bad.line == 'in/a.jpg: unusable, torn'
    odd = Record('cloth', 'a.jpg', 'in/a.jpg', '1', notes=['small', 'dark'])
    assert odd.line == 'in/a.jpg: small; dark'
