# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Console of training and test: short lines, the rest to the log file.

MMEngine logs everything to the console: environment, config, the order of
hooks, hundreds of lines before the first loss. Here its logger keeps two
handlers, the file with everything and a console without what ``FILE_ONLY``
names. Hosts are not patched: the handler is ours.
"""

import logging
import re
import sys
import time

from ..utils.host_noise import process_rank

#: Messages of the log that are in its file only, by their beginning: dumps,
#: and warnings of hosts about themselves, which a user cannot act on.
FILE_ONLY = re.compile(
    '|'.join(
        (
            r'\n-+\nSystem environment',
            r'Config:\n',
            r'Hooks will be executed in the following order',
            r'Distributed training is not used, all SyncBatchNorm',
            r'Exp name: ',
            r'Checkpoints will be saved to ',
            r'paramwise_options -- ',
            r'\n?Name of parameter - Initialization information',
            r'.* is a duplicate\. It is skipped since bypass_duplicate',
            r'"FileClient" will be deprecated',
            r'"HardDiskBackend" is the alias of "LocalBackend"',
            r'Failed to search registry with scope ',
            r'The prefix is not set in metric class ',
            r'`Visualizer` backend is not initialized because save_dir',
            r'Visualizer backend is not initialized because save_dir',
            r'init_weights of \w+ has been called more than once',
            r'Dataset \w+ has no metainfo',
            r'Auto resumed from the latest checkpoint ',
        )
    )
)

#: The table that a dataset logs when it is loaded; of its rows the console
#: shows those about what was left out.
DATASET_TABLE = re.compile(r'\w*Dataset\b[^\n]*\n')
_LEFT_OUT = re.compile('skipped|ignored|dropped|left out')


class ConsoleHandler(logging.Handler):
    """Handler that writes short lines to stdout.

    The stream is looked up for each line, so that lines stay above a progress
    bar that is being shown.

    Args:
        level (int): Lowest level that is shown.

    Attributes:
        last_line (float): ``time.monotonic()`` of the last line, in seconds.
    """

    def __init__(self, level: int = logging.INFO) -> None:
        super().__init__(level)
        self.last_line = time.monotonic()
        self._seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless it is for the log file or a repetition."""
        try:
            text = shown(record.getMessage())
            if not text or record.levelno < self.level:
                return
            if record.levelno == logging.WARNING:
                if text in self._seen:
                    return
                self._seen.add(text)
            sys.stdout.write(f'{_with_time(record, text)}\n')
            sys.stdout.flush()
            self.last_line = time.monotonic()
        except Exception:
            self.handleError(record)


def shown(message: str) -> str:
    """Return what the console shows of a message; nothing of most dumps."""
    if FILE_ONLY.match(message):
        return ''
    if DATASET_TABLE.match(message):
        title, *rows = message.splitlines()
        told = [row.strip() for row in rows if _LEFT_OUT.search(row)]
        return f'{title}: {"; ".join(told)}' if told else ''
    return message.lstrip('\n').rstrip()


def _with_time(record: logging.LogRecord, text: str) -> str:
    """Put the time before a text; before warnings and errors also a word."""
    word = ''
    if record.levelno >= logging.WARNING:
        word = f'{record.levelname.lower()}: '
    clock = time.strftime('%H:%M:%S', time.localtime(record.created))
    # a table starts on a line of its own
    gap = '\n' if '\n' in text else ' '
    return f'{clock}{gap}{word}{text}'


def set_console(logger: logging.Logger) -> ConsoleHandler:
    """Replace the console handler of MMEngine's logger; files stay.

    Args:
        logger (Logger): An ``MMLogger``.

    Returns:
        ConsoleHandler: Its only console handler. In processes other than the
        first one it shows errors only.
    """
    console = ConsoleHandler()
    kept = []
    for handler in logger.handlers:
        if isinstance(handler, ConsoleHandler):
            return handler
        if isinstance(handler, logging.FileHandler):
            kept.append(handler)
        else:
            console.setLevel(handler.level)
    if process_rank() != 0:
        console.setLevel(logging.ERROR)
    logger.handlers = [console, *kept]
    return console


def find_console(logger: logging.Logger) -> ConsoleHandler | None:
    """Return the logger's console handler, None if it has another one."""
    for handler in logger.handlers:
        if isinstance(handler, ConsoleHandler):
            return handler
    return None
