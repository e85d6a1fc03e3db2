# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Log skipped or incomplete samples in one line."""

import logging
from collections.abc import Sequence

from ..errors import describe


def warn_skipped(
    where: str, what: str, skipped: Sequence[str], total: int | None = None
) -> None:
    """Log one warning that names the first few skipped samples.

    Nothing is logged if there are none.

    Args:
        where (str): The file, folder or object that the samples are from.
        what (str): Plural noun of the samples, for instance
            ``'annotations'``.
        skipped (Sequence[str]): The name of each skipped sample and, in
            brackets, the reason.
        total (int, optional): Number of all samples, skipped ones included.
    """
    count = f'{len(skipped)} of {total}' if total else f'{len(skipped)}'
    warn_named(f'{where}: {count} {what} skipped', skipped, separator='; ')


def warn_named(
    statement: str,
    names: Sequence[object],
    advice: str = '',
    *,
    separator: str = ', ',
) -> None:
    """Log one warning: a statement, the first few it is about, and advice.

    Nothing is logged if ``names`` is empty.

    Args:
        statement (str): What is wrong, and with how many.
        names (Sequence[object]): The samples that the statement is about.
        advice (str): What follows the names.
        separator (str): Stands between the names.
    """
    if names:
        print_log(
            f'{statement}: {describe(names, separator)}{advice}',
            logger='current',
            level=logging.WARNING,
        )


def skipped_line(skipped: list[dict]) -> str:
    """Return one line that names the skipped inputs of an inferencer.

    Args:
        skipped (list[dict]): ``input`` and ``reason`` of each.

    Returns:
        str: '' if there are none.
    """
    if not skipped:
        return ''
    inputs: dict[str, list[str]] = {}  # by reason
    for entry in skipped:
        inputs.setdefault(entry['reason'], []).append(entry['input'])
    reasons = []
    for reason, (name, *others) in inputs.items():
        more = f' and {len(others)} more' if others else ''
        reasons.append(f'{name}{more} ({reason})')
    return f'{len(skipped)} of the inputs skipped: {describe(reasons, "; ")}'


def print_log(message: str, logger: str, level: int) -> None:
    """Log by MMEngine; by Python alone where it is not installed."""
    try:
        from mmengine.logging import print_log
    except ImportError:
        logging.getLogger('mmfashion_ext').log(level, message)
    else:
        print_log(message, logger=logger, level=level)
