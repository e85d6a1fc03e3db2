# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What a data set does not use, said in one line."""

import logging

from mmengine.logging import print_log

from ..errors import describe


def warn_left_out(path: str, what: str, left_out: list[str]) -> None:
    """Warn, if there is anything, and name the first few.

    Args:
        path (str): The file that it stands in.
        what (str): Plural of what is left out.
        left_out (list[str]): The name of each and, in brackets, why.
    """
    if left_out:
        print_log(
            f'{path}: {len(left_out)} {what} left out: '
            f'{describe(left_out, "; ")}',
            logger='current',
            level=logging.WARNING,
        )
