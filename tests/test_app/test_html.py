# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""HTML of results: escaped, and marked up for screen readers."""

from mmfashion_ext.app.html import error, message, table

EVIL = '<img src=x onerror=alert(1)>'


def test_names_of_files_are_text():
    for made in (
        table(EVIL, [EVIL], [[EVIL, EVIL]]),
        message(EVIL, [EVIL]),
        error(EVIL),
    ):
        assert '<img' not in made
        assert '&lt;img' in made


def test_a_table_names_rows_and_columns():
    made = table('Garments', ['garment', 'score'], [['skirt', '0.9']])
    assert '<caption>Garments</caption>' in made
    assert made.count('scope="col"') == 2
    assert '<th scope="row">skirt</th><td>0.9</td>' in made


def test_messages_are_announced():
    assert 'role="status"' in message('1 garment found.')
    assert '<li>reduced</li>' in message('1 garment found.', ['reduced'])
    assert '<ul>' not in message('1 garment found.')
    assert 'role="alert"' in error('a.jpg: no image')
