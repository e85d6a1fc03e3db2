# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmfashion_ext.formats.checks import Record
from mmfashion_ext.formats.rules import (
    Array,
    Choice,
    Integer,
    ListOf,
    Number,
    Numbers,
    OptionalField,
    Text,
    show,
)

NESTED = json.loads('[' * 200 + ']' * 200)
PEOPLE = ListOf(Text('a name'), 'names')


@pytest.mark.parametrize(
    ('rule', 'good'),
    [
        (Integer(), 0),
        (Integer(), np.int64(-7)),
        (Integer(1, 13), 13),
        (Number(), 1.5),
        (Number(0, 1), np.float32(0.5)),
        (Numbers(), []),
        (Numbers(), np.zeros(3)),
        (Numbers(4), [1, 2.5, 3, 4]),
        (Numbers(2, limit=9), (9, -9)),
        (Array(('h', 'w')), np.zeros((3, 4))),
        (Array(('h', 'w', 2), 'f'), np.full((3, 4, 2), np.nan)),
        (Array(('h', 'w'), 'u', below=3), np.eye(3, dtype=np.uint8)),
        (Choice((1, 2)), 2),
        (Choice(('a',)), 'a'),
        (PEOPLE, ['Ada', 'Bo']),
        (ListOf(PEOPLE, 'lists', 2), [['Ada'], []]),
        (Record({'id': Integer()}), {'id': 1, 'more': None}),
        (OptionalField(Integer()), 1),
    ],
)
def test_values_that_obey(rule, good):
    assert rule(good) == ''


BAD = [
    (Integer(), True, ' True, expected an integer'),
    (Integer(), '1', " '1', expected an integer"),
    (Integer(), 2**63, ' 9223372036854775808, expected an integer'),
    (Integer(1, 13), 14, ' 14, expected an integer from 1 to 13'),
    (Integer(0, note='a count'), -1, ' -1, expected an integer of 0 or more'),
    (Number(), float('nan'), ' nan, expected a finite number'),
    (Number(), [1], ' [1], expected a finite number'),
    (Number(), 10**400, ' 1'),
    (Number(high=1), 2, ' 2, expected a finite number up to 1'),
    (Numbers(4, 'xywh'), [1, 2], ' of 2 numbers, expected 4 finite numbers ('),
    (Numbers(2), [1, None], '[1] None, expected 2 finite numbers'),
    (Numbers(2), [[1, 2]], ' of shape (1, 2), expected 2 finite numbers in a'),
    (Numbers(2), [1, float('inf')], ' with inf, expected 2 finite numbers'),
    (Numbers(2, limit=9), [1, 10], ' with 10, expected 2 finite numbers to 9'),
    (Numbers(), None, ' None, expected finite numbers'),
    (Numbers(), 'text', " 'text', expected finite numbers"),
    (Array(('h', 2)), np.zeros((3, 3)), ' of shape (3, 3) and dtype float64,'),
    (Array(('h',), 'f'), np.zeros(3, int), 'expected (h)'),
    (Array(('n',), below=2), [0, 5, 1.5], ' 1.5, 5.0, expected whole numbers'),
    (Array(('n',), below=2), [np.nan], ' nan, expected whole numbers from 0'),
    (Array(('n',), below=1), range(9), ' 1, 2, 3, 4, 5 and 3 more, expected'),
    (Choice((0, 1, 2)), True, ' True, expected 0, 1 or 2'),
    (Choice(('a',)), {}, " {}, expected 'a'"),
    (Text('a file name'), '', " '', expected a file name"),
    (Text(), 'a\0b', 'expected a text'),
    (PEOPLE, 'Ada', " 'Ada', expected a list of names"),
    (PEOPLE, ['Ada', 7], '[1] 7, expected a name'),
    (ListOf(PEOPLE, 'lists', 2), [[]], ' of 1 entries, expected a list of 2 '),
    (ListOf(PEOPLE, 'lists'), [[], [1]], '[1][0] 1, expected a name'),
    (Record({'id': Integer()}), {'id': ''}, ".id '', expected an integer"),
    (Record({'id': Integer()}), {}, ' that lacks id'),
    (Record({'id': Integer()}), [], ' that is [], expected an object'),
]


@pytest.mark.parametrize(('rule', 'bad', 'message'), BAD)
def test_values_that_do_not(rule, bad, message):
    problem = rule(bad)
    assert message in problem
    assert problem[0] in ' [.'
    assert '\n' not in problem


RULES = [rule for rule, _, _ in BAD if not isinstance(rule, Array)]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.just(NESTED),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=8,
)


@given(rule=st.sampled_from(RULES), value=JSON)
def test_no_value_makes_a_rule_fail(rule, value):
    assert '\n' not in rule(value)


def test_whatever_is_shown_is_short():
    for value in (NESTED, 'x' * 999, 10**5000, np.zeros(999), 'a\nb'):
        text = show(value)
        assert len(text) < 120
        assert '\n' not in text
