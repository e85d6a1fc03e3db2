# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""HTML of results: tables and messages that screen readers can follow."""

from collections.abc import Sequence
from html import escape


def table(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    """Return a table; every text is escaped.

    Args:
        title (str): Its caption.
        headings (Sequence[str]): Of the columns.
        rows (Sequence[Sequence[str]]): The first cell of a row is its name.
    """
    head = ''.join(f'<th scope="col">{escape(x)}</th>' for x in headings)
    body = ''.join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + ''.join(f'<td>{escape(x)}</td>' for x in row[1:])
        + '</tr>'
        for row in rows
    )
    return (
        f'<div class="rows" tabindex="0" role="region" '
        f'aria-label="{escape(title)}"><table><caption>{escape(title)}'
        f'</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        '</table></div>'
    )


def message(text: str, notes: Sequence[str] = ()) -> str:
    """Return what a run ended with, which a screen reader says.

    Args:
        text (str): One sentence.
        notes (Sequence[str]): What else is worth to know.
    """
    items = ''.join(f'<li>{escape(note)}</li>' for note in notes)
    more = f'<ul>{items}</ul>' if items else ''
    return f'<div role="status">{escape(text)}{more}</div>'


def error(text: str) -> str:
    """Return an error, which a screen reader says at once."""
    return f'<div role="alert" class="wrong">{escape(text)}</div>'
