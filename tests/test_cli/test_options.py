# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Options of the commands: numbers, and the help of a command."""

import click
import pytest

from mmfashion_ext.cli import options


@pytest.mark.parametrize(
    ('number', 'value', 'expected'),
    [
        (options.Number(int, 1), '3', 3),
        (options.Number(float, 0, 1), '1', 1.0),
        (options.Number(float, 0, 1), '0.25', 0.25),
    ],
)
def test_numbers(number, value, expected):
    assert number.convert(value, None, None) == expected


@pytest.mark.parametrize(
    ('number', 'value', 'message'),
    [
        (options.Number(int, 1), '0', "a whole number from 1, got '0'"),
        (options.Number(int, 1), '1.5', "a whole number from 1, got '1.5'"),
        (options.Number(float, 0, 1), '1.1', "from 0 to 1, got '1.1'"),
        (options.Number(float, 0, 1), 'nan', "from 0 to 1, got 'nan'"),
        (options.Number(float, 0, 1), 'x', "a number from 0 to 1, got 'x'"),
    ],
)
def test_what_is_not_such_a_number(number, value, message):
    with pytest.raises(click.BadParameter, match=message):
        number.convert(value, None, None)


def test_examples_stay_as_they_are():
    line = 'mmfashion x ' + 'very-long-argument ' * 5 + 'end'
    command = options.Command('x', examples=[line], help='Do x.')
    with click.Context(command) as context:
        assert command.get_help(context).endswith(f'Examples:\n  {line}')
