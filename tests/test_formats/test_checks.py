# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.checks import (
    find_problems,
    list_problem,
    name_record,
    parse_integer,
    parse_integers,
    require,
    require_all,
)
from mmfashion_ext.formats.rules import Integer, OptionalField


def test_tables():
    fields = {'id': Integer(), 'any': None, 'size': OptionalField(Integer(0))}
    assert list(find_problems({'id': 1, 'any': [None]}, fields)) == []
    (problem,) = find_problems({'size': 1}, fields)
    assert problem == ('', 'lacks id, any')
    found = dict(find_problems({'id': 'x', 'any': 1, 'size': -1}, fields))
    assert found['id'] == "has id 'x', expected an integer"
    assert found['size'].startswith('has size -1, expected')
    (problem,) = find_problems(7, fields)
    assert problem.text == 'is 7, expected an object'


def test_the_first_problem_is_raised():
    class ListError(UserError):
        pass

    fields = {'id': Integer()}
    require({'id': 1}, fields, 'a.json: entry 0')
    with pytest.raises(
        ListError, match=r'^a\.json: entry 0 lacks id; fix it$'
    ):
        require({}, fields, 'a.json: entry 0', 'fix it', ListError)
    require_all([{'id': 1}], fields, 'a.json: image')
    with pytest.raises(UserError, match=r"^a: image number 1 has id '7', exp"):
        require_all([{'id': 1}, {'id': '7'}], fields, 'a: image')
    assert name_record({'id': 7}, 0) == '7'
    assert name_record({'id': []}, 3) == name_record(None, 3) == 'number 3'


def test_lists():
    assert list_problem([], 'names') == ''
    assert list_problem({}, 'names') == (
        'holds an object, expected a list of names'
    )
    assert list_problem(1, 'names').startswith('holds an int,')


@pytest.mark.parametrize(
    ('text', 'number'),
    [
        ('12', 12),
        ('000012', 12),
        ('-5', -5),
        ('+5', 5),
        ('0' * 5000 + '7', 7),
        *((text, None) for text in ('', 'x', '1.5', '1_0', '²', '٣', '-+5')),
    ],
)
def test_integers_of_text(text, number):
    assert parse_integer(text) == number


def test_columns_of_text():
    assert parse_integers(['1', '02']) == [1, 2]
    with pytest.raises(ValueError, match=r"^has 'x', expected an integer$"):
        parse_integers(['1', 'x'])
    for text in ('1234567890', '1' * 6000):
        with pytest.raises(ValueError, match='of at most 9 digits'):
            parse_integers([text])
