# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert a split of Clothing Co-Parsing to COCO JSON, or only check it."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import UserError
from ...utils.files import atomic_write
from ...utils.progress import show_progress
from ..defects import Defect, print_defects
from .constants import GroupSet
from .items import coco_categories
from .raw import RawCCP
from .splits import CCPSplit
from .statistics import CCPStatistics


@dataclass
class ConvertedSplit:
    """COCO records of a split.

    Attributes:
        images (list[dict]): Usable images, sizes (w, h) in px.
        annotations (list[dict]): Their items, boxes (x, y, w, h) in px, see
            :func:`~.items.find_items`.
        defects (list[Defect]): What is wrong, notes included.
        statistics (CCPStatistics): Counts of what is usable.
    """

    images: list[dict] = field(default_factory=list)
    annotations: list[dict] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
    statistics: CCPStatistics = field(default_factory=CCPStatistics)


def convert_split(
    root: Path,
    out: Path | None = None,
    *,
    split: CCPSplit = 'all',
    groups: GroupSet = 'nine',
    check: bool = False,
    skip_invalid: bool = False,
) -> None:
    """Convert a split, and print what is in it and what is wrong.

    Args:
        root (Path): Folder that holds ``photos``, see :mod:`.raw`.
        out (Path, optional): JSON to write. None: only check.
        split (str): ``train``, ``validation``, ``test`` or ``all``.
        groups (str): Categories: the ``'nine'`` groups or the ``'six'``
            evaluation groups.
        check (bool): Print counts and every defect; decode the photographs,
            and of the split ``all`` read the image-level tags too. Otherwise
            print only the first defects, to stderr.
        skip_invalid (bool): Leave out what cannot be used.

    Raises:
        FileNotFoundError: The folder is not that of the dataset.
        UserError: Something cannot be used and ``skip_invalid`` is False, or
            nothing can, or ``out`` is a folder. ``out`` is then as it was.
    """
    if out and out.is_dir():
        raise UserError(f'--out {out} is a folder, expected a file name')
    raw = RawCCP(root, split, groups, decode=check)
    part = read_usable(raw)
    if check and split == 'all':
        part.defects += raw.read_image_tags()[1]
    report = part.statistics.report(split, len(raw.tagged))
    print_defects(part.defects, report if check else None)
    bad = sum(defect.fatal for defect in part.defects)
    outcome = f'; {out} was not written' if out else ''
    if bad and not skip_invalid:
        raise UserError(
            f'{bad} defects in {root}{outcome}. Correct them, or leave the '
            'photographs out with --skip-invalid'
        )
    if not part.images:
        raise UserError(f'{root} holds no usable photograph{outcome}')
    if out:
        write_coco(out, part, groups)
        print(
            f'wrote {out}: {len(part.images):,} images, '
            f'{len(part.annotations):,} items, {bad:,} defects left out, '
            f'{len(part.defects) - bad:,} notes (--check lists them); file '
            f'names are relative to {raw.photos}'
        )


def read_usable(raw: RawCCP) -> ConvertedSplit:
    """Read the usable images of a split, and show the progress.

    Args:
        raw (RawCCP): What to read.

    Returns:
        ConvertedSplit: Images (sizes (w, h) in px), items, defects, counts.
    """
    part = ConvertedSplit(defects=list(raw.defects))
    for image in show_progress(raw, f'reading {raw.root}', len(raw)):
        part.defects += image.defects
        if image.image:
            part.images.append(image.image)
            part.annotations += image.annotations
            part.statistics.add(image.image, image.annotations)
    return part


def write_coco(path: Path, part: ConvertedSplit, groups: GroupSet) -> None:
    """Write a COCO file, whole or not at all.

    Args:
        path (Path): JSON to write.
        part (ConvertedSplit): Its images and items, boxes (x, y, w, h) in px.
        groups (str): ``'nine'`` or ``'six'``: its categories.
    """
    content = {
        'info': {'description': 'Clothing Co-Parsing'},
        'licenses': [],
        'categories': coco_categories(groups),
        'images': part.images,
        'annotations': part.annotations,
    }
    with atomic_write(path) as temporary, temporary.open('w') as file:
        json.dump(content, file)
