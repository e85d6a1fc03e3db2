# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert a part of raw FLD to COCO JSON, or only check it."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.progress import track

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.defects import Defect, print_defects
from mmfashion_ext.formats.fld.constants import (
    CLOTHES_TYPES,
    SPLITS,
    clothes_type,
)
from mmfashion_ext.formats.fld.raw import RawFLD, coco_categories
from mmfashion_ext.formats.fld.statistics import FLDStatistics
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'root', type=Path, help='folder that holds Anno/, Eval/ and Img/'
    )
    parser.add_argument(
        '--split', choices=SPLITS, help='default when only checking: all'
    )
    parser.add_argument(
        '--subset',
        choices=[clothes.name for clothes in CLOTHES_TYPES],
        help='type of clothes; default when only checking: all',
    )
    parser.add_argument(
        '--out', type=Path, help='JSON to write; without it: only check'
    )
    parser.add_argument(
        '--check', action='store_true', help='print counts and every defect'
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
    args: argparse.Namespace, raw: RawFLD
) -> tuple[list[dict], list[dict], list[Defect], FLDStatistics]:
    """Images, their annotations, all defects and the counts."""
    images, annotations, statistics = [], [], FLDStatistics()
    defects = list(raw.defects)
    entries = raw.select(args.split, args.subset)
    console = Console(stderr=True)
    for entry, read in zip(
        entries,
        track(
            raw.read(entries),
            f'reading {args.root}',
            total=len(entries),
            console=console,
            disable=not console.is_terminal,
        ),
        strict=True,
    ):
        defects += read.defects
        if read.image:
            images.append(read.image)
            annotations += read.annotations
            landmarks = entry.landmarks
            statistics.add(
                landmarks.clothes,
                landmarks.points[:, 2].tolist(),
                split=entry.split,
                variation=landmarks.variation,
            )
    return images, annotations, defects, statistics


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    if args.out and not (args.split and args.subset):
        raise UserError(
            '--out holds one split of one type: name them with '
            '--split and --subset'
        )
    if args.out and args.out.is_dir():
        raise UserError(f'--out {args.out} is a folder, expected a file name')
    raw = RawFLD(args.root)
    images, annotations, defects, statistics = read_usable(args, raw)
    report = statistics.report() if args.check else None
    print_defects(defects, report)
    bad = sum(defect.fatal for defect in defects)
    if bad and not args.skip_invalid:
        outcome = f'; {args.out} was not written' if args.out else ''
        raise UserError(
            f'{bad} defects in {args.root}{outcome}. Correct them, or leave '
            'the rows out with --skip-invalid'
        )
    if args.out:
        content = {
            'info': {},
            'licenses': [],
            'categories': coco_categories(clothes_type(args.subset)),
            'images': images,
            'annotations': annotations,
        }
        with atomic_write(args.out) as path, path.open('w') as file:
            json.dump(content, file)
        print(
            f'wrote {args.out}: {len(images):,} images, {bad:,} defects left '
            f'out, {len(defects) - bad:,} notes (--check lists them); file '
            f'names are relative to {raw.images}'
        )


if __name__ == '__main__':
    run_tool(main)
