# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Style sheet and script: whole, and of this server alone."""

from mmfashion_ext.app.style import CSS, JS


def test_nothing_is_loaded_from_elsewhere():
    for text in (CSS, JS):
        assert 'http' not in text
        assert '@import' not in text


def test_brackets_are_closed():
    for text in (CSS, JS):
        for first, last in ('{}', '()', '[]'):
            assert text.count(first) == text.count(last)


def test_the_pattern_of_an_ending_reaches_the_browser():
    assert r"replace(/\.\w+$/, '')" in JS
