# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Defects of raw annotations: how a converter collects and prints them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

_MAX_PRINTED = 20


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
        location = f'{self.file} {self.item}'.rstrip()
        note = '' if self.fatal else 'note: '
        return f'{location}: {note}{self.what}; {self.remedy}'


@dataclass
class ConvertedImage:
    """One raw image as COCO records, with the defects of its annotation.

    Attributes:
        image (dict | None): COCO image record, ``width`` and ``height`` in
            px; None if the image cannot be used.
        annotations (list[dict]): COCO annotations of the usable items,
            coordinates in px of the image.
        defects (list[Defect]): What is wrong, notes included.
    """

    image: dict | None = None
    annotations: list[dict] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)


def print_defects(defects: Sequence[Defect], report: str | None) -> None:
    """Print what a converter found.

    Args:
        defects (Sequence[Defect]): All of them, notes included.
        report (str, optional): Counts to print before all defects, as
            ``--check`` asks for. None: print only the first 20 fatal ones,
            to stderr.
    """
    fatal = [defect for defect in defects if defect.fatal]
    if report is not None:
        print(report)
        print(f'defects: {len(fatal)}, notes: {len(defects) - len(fatal)}')
        for defect in defects:
            print(defect)
        return
    for defect in fatal[:_MAX_PRINTED]:
        print(defect, file=sys.stderr)
    if len(fatal) > _MAX_PRINTED:
        more = f'... and {len(fatal) - _MAX_PRINTED} more'
        print(f'{more}; --check lists them all', file=sys.stderr)
