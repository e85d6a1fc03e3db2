# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert a raw DeepFashion2 split to COCO JSON, or only check it."""

import argparse
import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import track

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.raw import RawSplit, coco_categories
from mmfashion_ext.formats.deepfashion2.statistics import SplitStatistics
from mmfashion_ext.formats.defects import (
    ConvertedImage,
    Defect,
    print_defects,
)
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'split', type=Path, help='folder that holds image/ and annos/'
    )
    parser.add_argument(
        '--out', type=Path, help='JSON to write; without it: only check'
    )
    parser.add_argument(
        '--visible-only',
        action='store_true',
        help='keep visible landmarks (v = 2) only, as the official "visible" '
        'ground truth does',
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='print counts beside the published ones, and every defect',
    )
    parser.add_argument(
        '--skip-invalid',
        action='store_true',
        help='leave out what cannot be used instead of stopping',
    )
    args = parser.parse_args(argv)
    args.check |= args.out is None
    return args


def read_usable(
    split: RawSplit, statistics: SplitStatistics, defects: list[Defect]
) -> Iterator[ConvertedImage]:
    """The usable images; counts them and collects the defects of all."""
    console = Console(stderr=True)
    for raw in track(
        split,
        f'reading {split.folder}',
        console=console,
        disable=not console.is_terminal,
    ):
        defects += raw.defects
        if raw.image:
            statistics.add(raw.image, raw.annotations)
            yield raw


def write_coco(path: Path, images: Iterable[ConvertedImage]) -> None:
    """Write a COCO file image by image.

    The 882 numbers of every item of train do not fit into memory at once;
    the image records do, and follow at the end.
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


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    if args.out and args.out.is_dir():
        raise UserError(f'--out {args.out} is a folder, expected a file name')
    statistics, defects = SplitStatistics(), []
    images = read_usable(
        RawSplit(args.split, args.visible_only), statistics, defects
    )
    with atomic_write(args.out) if args.out else nullcontext() as path:
        if path:
            write_coco(path, images)
        else:
            for _ in images:
                pass
        report = (
            statistics.report(args.split.resolve().name)
            if args.check
            else None
        )
        print_defects(defects, report)
        bad = {(d.file, d.item) for d in defects if d.fatal}
        bad_items = sum(item != '' for _, item in bad)
        left_out = (
            f'{len(bad) - bad_items} images and {bad_items} items of '
            f'{args.split}'
        )
        if bad and not args.skip_invalid:
            outcome = f'; {args.out} was not written' if args.out else ''
            raise UserError(
                f'{left_out} cannot be used{outcome}. Correct them, or leave '
                'them out with --skip-invalid'
            )
    if bad:
        print(f'left out: {left_out}')
    if args.out:
        notes = sum(not defect.fatal for defect in defects)
        print(
            f'wrote {args.out}: {statistics.images:,} images, '
            f'{statistics.items.total():,} items, {notes:,} notes '
            '(--check lists them)'
        )


if __name__ == '__main__':
    run_tool(main)
