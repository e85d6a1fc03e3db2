# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Errors of users, and how their messages name things."""

from hypothesis import given
from hypothesis import strategies as st

from mmfashion_ext.errors import (
    UserError,
    describe,
    did_you_mean,
    one_line,
)


def test_a_users_error_is_a_value_error():
    """Callers that know nothing of this package can catch it."""
    assert issubclass(UserError, ValueError)


@given(st.lists(st.integers(), max_size=9))
def test_describe_names_the_first_and_counts_the_rest(numbers):
    text = describe(numbers)
    named = text.partition(' and ')[0]
    assert named == ', '.join(map(str, numbers[:5]))
    assert ('more' in text) == (len(numbers) > 5)
    if len(numbers) > 5:
        assert text.endswith(f' and {len(numbers) - 5} more')


def test_did_you_mean():
    known = ['depth', 'style', 'frozen_stages']
    assert did_you_mean('dept', known) == '. Did you mean depth?'
    assert did_you_mean('xyz', known) == ''
    assert did_you_mean('depth', ['depths', 'depths_2']) == (
        '. Did you mean depths or depths_2?'
    )


def test_one_line():
    # a library's message of many lines must not break a message of one
    assert one_line(ValueError('a\n  b\tc')) == 'a b c'
    assert one_line(ValueError('x' * 300)) == 'x' * 200
    assert one_line(KeyError()) == 'KeyError'
