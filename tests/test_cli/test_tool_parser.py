# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The parser of a tool and the parser of a command."""

import pytest

from mmfashion_ext.cli.tool_parser import new_parser
from mmfashion_ext.errors import UserError

TEXT = 'Do it.\n\n{program} NAME'


def test_a_command_reports_in_one_line_and_takes_no_abbreviations():
    parser = new_parser(TEXT, 'python tools/x.py', 'x')
    parser.add_argument('--weights')
    assert 'mmfashion x NAME' in parser.format_help()
    with pytest.raises(UserError, match='--weig y; see: mmfashion x --help'):
        parser.parse_args(['--weig', 'y'])


def test_a_tool_is_as_before(capsys):
    parser = new_parser(TEXT, 'python tools/x.py', None)
    parser.add_argument('--weights')
    assert 'python tools/x.py NAME' in parser.format_help()
    assert parser.parse_args(['--weig', 'y']).weights == 'y'
    with pytest.raises(SystemExit):
        parser.parse_args(['--nix'])
    assert capsys.readouterr().err.startswith('usage: ')
