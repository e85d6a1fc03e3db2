# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Log skipped samples in one line."""

import logging
from collections.abc import Sequence

from mmengine.logging import print_log

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
    if not skipped:
        return
    count = f'{len(skipped)} of {total}' if total else f'{len(skipped)}'
    print_log(
        f'{where}: {count} {what} skipped: {describe(skipped, "; ")}',
        logger='current',
        level=logging.WARNING,
    )
