# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Groups of commands: help without a command, suggestions, sections."""

import click
import pytest

from mmfashion_ext.cli.groups import DefaultGroup, Group
from mmfashion_ext.errors import UserError


@pytest.fixture
def group():
    group = Group('tool')
    group.add_section('First', click.Command('alpha', help='Do alpha.'))
    group.add_section('Second', click.Command('be', help='Do be.'))
    return group


def run(group, *words):
    return group.main([*words], prog_name='tool', standalone_mode=False)


def test_without_a_command_the_help_is_printed(group, capsys):
    assert run(group) == 0
    text = capsys.readouterr().out
    assert 'First:\n  alpha  Do alpha.\n' in text
    assert 'Second:\n  be     Do be.\n' in text  # columns of one width


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        (
            'alhpa',
            r"no command 'alhpa'. Did you mean alpha\? See: tool --help",
        ),
        ('zzzz', r"no command 'zzzz'. See: tool --help"),
    ],
)
def test_a_wrong_name(group, name, message):
    with pytest.raises(UserError, match=message):
        run(group, name)


def test_words_that_name_no_command_go_to_the_default_one(capsys):
    group = DefaultGroup('tool', default='alpha')
    names = click.Argument(['names'], nargs=-1)
    show = click.Command('alpha', params=[names], callback=lambda names: names)
    group.add_section('First', show, click.Command('be', callback=lambda: 'b'))
    assert run(group, 'x', 'y') == ('x', 'y')
    assert run(group, 'alpha', 'be') == ('be',)
    assert run(group, 'be') == 'b'
    assert run(group) == 0
    assert 'alpha' in capsys.readouterr().out
