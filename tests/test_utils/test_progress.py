# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import io

import pytest
from rich.console import Console

from mmfashion_ext.utils import progress
from mmfashion_ext.utils.progress import show_progress


def test_items_are_passed_on_and_nothing_is_shown(capsys):
    assert list(show_progress('abc', 'title', 3)) == ['a', 'b', 'c']
    assert capsys.readouterr() == ('', '')


def test_a_terminal_shows_the_weights(monkeypatch):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    monkeypatch.setattr(progress, 'Console', lambda **kwargs: console)
    assert list(show_progress([1, 3], 'frames', 4, int)) == [1, 3]
    assert 'frames' in stream.getvalue()
    assert '100%' in stream.getvalue()


def test_an_error_ends_it():
    def fail():
        yield 1
        raise KeyError('x')

    with pytest.raises(KeyError):
        list(show_progress(fail(), 'title', 2))
