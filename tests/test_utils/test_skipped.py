# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""One line about skipped samples, in MMEngine's log."""

import logging

import pytest

from mmfashion_ext.utils import skipped


@pytest.fixture
def lines(monkeypatch):
    """The logged lines and their levels."""
    logged = []
    monkeypatch.setattr(
        skipped,
        'print_log',
        lambda line, logger, level: logged.append((line, level)),
    )
    return logged


def test_nothing_skipped_logs_nothing(lines):
    skipped.warn_skipped('train.json', 'annotations', [])
    assert lines == []


def test_a_statement_with_advice(lines):
    skipped.warn_named('2 lack masks', ['a', 'b'], '; GrabCut makes them')
    skipped.warn_named('none lacks masks', [])
    assert lines == [
        ('2 lack masks: a, b; GrabCut makes them', logging.WARNING)
    ]


def test_the_first_five_are_named(lines):
    names = [f'{k} (no box)' for k in range(7)]
    skipped.warn_skipped('train.json', 'annotations', names)
    skipped.warn_skipped('train.json', 'annotations', names[:1], 12)
    first = '; '.join(names[:5])
    assert lines == [
        (
            f'train.json: 7 annotations skipped: {first} and 2 more',
            logging.WARNING,
        ),
        (
            'train.json: 1 of 12 annotations skipped: 0 (no box)',
            logging.WARNING,
        ),
    ]


def test_skipped_inputs_are_one_line():
    assert skipped.skipped_line([]) == ''
    entries = [{'input': x, 'reason': 'too small'} for x in 'abc']
    entries.append({'input': 'd', 'reason': 'not a file'})
    assert skipped.skipped_line(entries) == (
        '4 of the inputs skipped: a and 2 more (too small); d (not a file)'
    )
