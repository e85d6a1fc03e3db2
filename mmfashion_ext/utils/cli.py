# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Entry point of the command-line tools: errors in one line, exit status."""

import sys
from collections.abc import Callable

from ..errors import UserError


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's ``main``; end with 2 and one line on a user's error.

    Args:
        main (callable): Returns the exit status; None counts as 0.
    """
    mendable = (
        UserError,
        ImportError,
        FileNotFoundError,
        IsADirectoryError,
        NotADirectoryError,
        PermissionError,
    )
    try:
        status = main()
    except mendable as error:
        print(f'error: {_message(error)}', file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print('stopped', file=sys.stderr)
        status = 130
    sys.exit(status)


def _message(error: Exception) -> str:
    """One line, without the traceback that a DataLoader's process adds."""
    text = str(error).strip()
    if text.startswith('Caught ') and 'Original Traceback' in text:
        # its last line: {type}: {message}
        text = text.splitlines()[-1].partition(': ')[2]
    return ' '.join(text.split())
