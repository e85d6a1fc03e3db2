# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert a raw DeepFashion2 split to COCO JSON, or only check it."""

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from ...errors import UserError
from ...utils.files import atomic_write
from ...utils.progress import show_progress
from ..defects import ConvertedImage, Defect, print_defects
from .raw import RawSplit, coco_categories
from .statistics import SplitStatistics


def convert_split(
    folder: Path,
    out: Path | None = None,
    *,
    visible_only: bool = False,
    check: bool = False,
    skip_invalid: bool = False,
) -> None:
    """Convert a raw split, and print what it holds and what is wrong.

    Boxes are written as (x, y, w, h), landmarks as the rows of (294, 3), in
    px.

    Args:
        folder (Path): Folder that holds ``image/`` and ``annos/``.
        out (Path, optional): JSON to write. None: only check.
        visible_only (bool): Keep landmarks with v = 2 only, as the official
            "visible" ground truth does.
        check (bool): Print counts beside the published ones, and every
            defect. Otherwise only the first defects, to stderr.
        skip_invalid (bool): Leave out what cannot be used.

    Raises:
        FileNotFoundError: The folder is not that of a split.
        UserError: Something cannot be used and ``skip_invalid`` is False, or
            ``out`` is a folder. ``out`` is then as it was.
    """
    if out and out.is_dir():
        raise UserError(f'--out {out} is a folder, expected a file name')
    statistics = SplitStatistics()
    defects: list[Defect] = []
    split = RawSplit(folder, visible_only)
    images = read_usable(split, statistics, defects)
    with atomic_write(out) if out else nullcontext() as path:
        if path:
            write_coco(path, images)
        else:
            for _ in images:
                pass
        name = folder.resolve().name
        print_defects(defects, statistics.report(name) if check else None)
        skipped = count_skipped(defects)
        if skipped and not skip_invalid:
            outcome = f'; {out} was not written' if out else ''
            raise UserError(
                f'{skipped} of {folder} cannot be used{outcome}. Correct '
                'them, or leave them out with --skip-invalid'
            )
    if skipped:
        print(f'left out: {skipped} of {folder}')
    if out:
        notes = sum(not defect.fatal for defect in defects)
        print(
            f'wrote {out}: {statistics.images:,} images, '
            f'{statistics.items.total():,} items, {notes:,} notes '
            '(--check lists them)'
        )


def read_usable(
    split: RawSplit, statistics: SplitStatistics, defects: list[Defect]
) -> Iterator[ConvertedImage]:
    """Yield the usable images of a split, and show the progress.

    Args:
        split (RawSplit): What to read.
        statistics (SplitStatistics): Counts the usable images.
        defects (list[Defect]): Collects the defects of all images.

    Yields:
        ConvertedImage: Images whose ``image`` is not None.
    """
    for raw in show_progress(split, f'reading {split.folder}', len(split)):
        defects += raw.defects
        if raw.image:
            statistics.add(raw.image, raw.annotations)
            yield raw


def count_skipped(defects: list[Defect]) -> str:
    """Return how many images and items cannot be used; '' if all can."""
    bad = {(defect.file, defect.item) for defect in defects if defect.fatal}
    items = sum(item != '' for _, item in bad)
    return f'{len(bad) - items} images and {items} items' if bad else ''


def write_coco(path: Path, images: Iterable[ConvertedImage]) -> None:
    """Write a COCO file image by image.

    The 882 numbers of every item of train do not fit into memory at once;
    the image records do, and follow at the end.

    Args:
        path (Path): JSON to write.
        images (Iterable[ConvertedImage]): Usable images.
    """
    records = []
    head = {'info': {}, 'licenses': [], 'categories': coco_categories()}
    with open(path, 'w') as file:
        file.write(json.dumps(head)[:-1] + ', "annotations": [')
        separator = '\n'
        for raw in images:
            records.append(raw.image)
            for annotation in raw.annotations:
                file.write(separator + json.dumps(annotation))
                separator = ',\n'
        file.write('\n], "images": ' + json.dumps(records) + '}\n')
