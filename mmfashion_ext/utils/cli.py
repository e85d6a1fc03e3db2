# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Entry point of the command-line tools: errors in one line, exit status."""

import sys
from collections.abc import Callable

from ..errors import UserError
from ..plugins import explain_missing, locate_tools
from .config_errors import explain
from .host_noise import quiet_hosts


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's ``main``; end with 2 and one line on a user's error.

    A user's error is a ``UserError``, a missing package, an error of the
    operating system (no such file, disk full, no connection ...), or one that
    the content of a config causes when its objects are built.

    Args:
        main (callable): Returns the exit status; None counts as 0.
    """
    try:
        with quiet_hosts():
            status = main()
    except (UserError, ImportError, OSError) as error:
        print(f'error: {_message(error)}', file=sys.stderr)
        status = 2
    except (TypeError, KeyError) as error:
        message = explain(error)
        if message is None:
            raise
        print(f'error: the config: {message}', file=sys.stderr)
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
    elif isinstance(error, ImportError):
        text = explain_missing(error)
    elif isinstance(error, OSError):
        text = _os_message(error)
    return locate_tools(' '.join(text.split()))


def _os_message(error: OSError) -> str:
    """Name the file or URL first, then what the system says of it."""
    url = getattr(error, 'url', None)  # of urllib's HTTPError
    if url:
        return f'{url}: {error}'
    if error.filename is not None and error.strerror:
        files = [error.filename, error.filename2]
        named = ' -> '.join(str(file) for file in files if file is not None)
        return f'{named}: {error.strerror}'
    return str(error) or type(error).__name__
