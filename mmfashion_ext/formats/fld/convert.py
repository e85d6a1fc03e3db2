# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert a part of raw FLD to COCO JSON, or only check it."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import UserError
from ...utils.files import atomic_write
from ...utils.progress import show_progress
from ..defects import Defect, print_defects
from .constants import FLDSplit, Subset, clothes_type
from .raw import RawFLD, coco_categories
from .statistics import FLDStatistics


@dataclass
class ConvertedPart:
    """COCO records of a part of the dataset.

    Attributes:
        images (list[dict]): Usable images, sizes (w, h) in px.
        annotations (list[dict]): Their annotations: ``bbox`` (x, y, w, h)
            and ``keypoints``, the rows of (K, 3), in px.
        defects (list[Defect]): What is wrong, notes included.
        statistics (FLDStatistics): Counts of what is usable.
    """

    images: list[dict] = field(default_factory=list)
    annotations: list[dict] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
    statistics: FLDStatistics = field(default_factory=FLDStatistics)


def convert_part(
    root: Path,
    out: Path | None = None,
    *,
    split: FLDSplit | None = None,
    subset: Subset | None = None,
    check: bool = False,
    skip_invalid: bool = False,
) -> None:
    """Convert one split of one type, and print what is in it and wrong.

    Args:
        root (Path): Folder that holds ``Anno/``, ``Eval/`` and ``Img/``.
        out (Path, optional): JSON to write. None: only check.
        split (str, optional): ``train``, ``val`` or ``test``. None: all.
        subset (str, optional): Type of clothes. None: all.
        check (bool): Print counts and every defect. Otherwise only the first
            defects, to stderr.
        skip_invalid (bool): Leave out what cannot be used.

    Raises:
        FileNotFoundError: A list is missing.
        UserError: Something cannot be used and ``skip_invalid`` is False, or
            ``out`` is a folder, or holds more than one split and type.
    """
    if out and (split is None or subset is None):
        raise UserError(
            '--out holds one split of one type: name them with --split and '
            '--subset'
        )
    if out and out.is_dir():
        raise UserError(f'--out {out} is a folder, expected a file name')
    raw = RawFLD(root)
    part = read_usable(raw, split, subset)
    print_defects(part.defects, part.statistics.report() if check else None)
    bad = sum(defect.fatal for defect in part.defects)
    if bad and not skip_invalid:
        outcome = f'; {out} was not written' if out else ''
        raise UserError(
            f'{bad} defects in {root}{outcome}. Correct them, or leave the '
            'rows out with --skip-invalid'
        )
    if out and subset:
        write_coco(out, part, subset)
        print(
            f'wrote {out}: {len(part.images):,} images, {bad:,} defects left '
            f'out, {len(part.defects) - bad:,} notes (--check lists them); '
            f'file names are relative to {raw.images}'
        )


def read_usable(
    raw: RawFLD, split: FLDSplit | None, subset: Subset | None
) -> ConvertedPart:
    """Read the usable images of a part, and show the progress.

    Args:
        raw (RawFLD): The dataset.
        split (str, optional): ``train``, ``val`` or ``test``. None: all.
        subset (str, optional): Type of clothes. None: all.

    Returns:
        ConvertedPart: Images, annotations, defects of the lists and of the
        part, counts.
    """
    part = ConvertedPart(defects=list(raw.defects))
    entries = raw.select(split, subset)
    converted = show_progress(
        raw.read(entries), f'reading {raw.root}', len(entries)
    )
    for entry, image in zip(entries, converted, strict=True):
        part.defects += image.defects
        if image.image:
            part.images.append(image.image)
            part.annotations += image.annotations
            row = entry.landmarks
            part.statistics.add(
                row.clothes,
                row.points[:, 2].tolist(),
                split=entry.split,
                variation=row.variation,
            )
    return part


def write_coco(path: Path, part: ConvertedPart, subset: Subset) -> None:
    """Write a COCO file, whole or not at all.

    Args:
        path (Path): JSON to write.
        part (ConvertedPart): One split of one type; its K landmarks are
            written as the rows of (K, 3): x, y in px and v.
        subset (str): Its type of clothes.
    """
    content = {
        'info': {},
        'licenses': [],
        'categories': coco_categories(clothes_type(subset)),
        'images': part.images,
        'annotations': part.annotations,
    }
    with atomic_write(path) as temporary, temporary.open('w') as file:
        json.dump(content, file)
