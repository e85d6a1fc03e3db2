# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What is wrong with a raw data set, and how its converter says so."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 20


@dataclass(frozen=True)
class Defect:
    """Something wrong with an image or one of its items.

    Attributes:
        file (str): Name of the file, ``'000001.json'``.
        item (str): Key of the item, ``''`` if the whole image is concerned.
        what (str): What is wrong, and what was expected.
        remedy (str): What to do about it.
        fatal (bool): The item (or image) cannot be used. Otherwise a note:
            it is used as it is, or as ``remedy`` says.
    """

    file: str
    item: str
    what: str
    remedy: str
    fatal: bool = True

    def __str__(self) -> str:
        place = f'{self.file} {self.item}'.rstrip()
        note = '' if self.fatal else 'note: '
        return f'{place}: {note}{self.what}; {self.remedy}'


def print_defects(defects: Sequence[Defect], report: str | None) -> None:
    """Print a converter's findings.

    Args:
        defects (Sequence[Defect]): All of them, notes included.
        report (str, optional): Counts to print before all defects, as
            ``--check`` asks for. None: only the first fatal ones, to stderr.
    """
    fatal = [defect for defect in defects if defect.fatal]
    if report is not None:
        print(report)
        print(f'defects: {len(fatal)}, notes: {len(defects) - len(fatal)}')
        for defect in defects:
            print(defect)
        return
    for defect in fatal[:_SHOWN]:
        print(defect, file=sys.stderr)
    if len(fatal) > _SHOWN:
        more = f'... and {len(fatal) - _SHOWN} more; --check lists them all'
        print(more, file=sys.stderr)
