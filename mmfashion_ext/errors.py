# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Errors that a user can fix, told in one line."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """An error in a config, in data or on a command line that a user can fix.

    The message is one line: what was wrong, where, what was expected and
    what to do next. Command-line tools print it without a traceback and end
    with status 2.
    """


def describe(items: Iterable[object], separator: str = ', ') -> str:
    """Name the first few of many, for a message.

    Args:
        items (Iterable[object]): Whatever ``str`` makes readable.
        separator (str): Between them.
    """
    named = [str(item) for item in items]
    more = f' and {len(named) - 5} more' if len(named) > 5 else ''
    return separator.join(named[:5]) + more


def one_line(error: Exception) -> str:
    """Return what an error of a library says, on one line of 200 characters.

    Args:
        error (Exception): Without a message its class stands for it.
    """
    return ' '.join(str(error).split())[:200] or type(error).__name__


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``. Did you mean X?``, or nothing if no name is close."""
    close = difflib.get_close_matches(name, sorted(known), n=2)
    return f'. Did you mean {" or ".join(close)}?' if close else ''
