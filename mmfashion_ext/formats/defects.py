# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Defects of raw annotations: how a converter collects and prints them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..utils.images import image_orientation

_MAX_PRINTED = 20
_TURNED = 'has EXIF orientation'


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


def orientation_notes(path: str | Path, file: str) -> list[Defect]:
    """Return a note if an image is to be shown rotated or mirrored.

    Args:
        path (str | Path): The image.
        file (str): What to call it.

    Returns:
        list[Defect]: One, or none of an upright image.
    """
    orientation = image_orientation(path)
    if orientation == 1:
        return []
    what = f'{_TURNED} {orientation}, which viewers follow'
    remedy = (
        'sizes and annotations are taken to refer to the pixels as they are '
        'stored, and the configs load them so; if they refer to the rotated '
        'image, store it rotated, without the orientation'
    )
    return [Defect(file, '', what, remedy, fatal=False)]


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
    turned = [d for d in defects if d.what.startswith(_TURNED)]
    if turned:
        print(
            f'note: {len(turned)} images have an EXIF orientation, such as '
            f'{turned[0].file}; {turned[0].remedy}',
            file=sys.stderr,
        )
    for defect in fatal[:_MAX_PRINTED]:
        print(defect, file=sys.stderr)
    if len(fatal) > _MAX_PRINTED:
        more = f'... and {len(fatal) - _MAX_PRINTED} more'
        print(f'{more}; --check lists them all', file=sys.stderr)
