# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert a raw DeepFashion2 split to COCO JSON, or only check it."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import track

from mmfashion_ext.common.deepfashion2_annotations import (
    Defect,
    RawImage,
    RawSplit,
    coco_categories,
)
from mmfashion_ext.common.deepfashion2_statistics import SplitStatistics

_SHOWN = 20


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


def convert(
    folder: Path,
    out: Path | None,
    visible_only: bool = False,
    skip_invalid: bool = False,
) -> tuple[SplitStatistics, list[Defect]]:
    """Read a split once, and write it as COCO JSON if ``out`` is given.

    Args:
        folder (Path): The split; holds ``image/`` and ``annos/``.
        out (Path | None): File to write; only appears once it is complete,
            and not at all if something is wrong that is not skipped.
        visible_only (bool): Keep landmarks with v = 2 only.
        skip_invalid (bool): Leave out what cannot be used.

    Returns:
        tuple: Counts of what can be used, and what is wrong with the rest.
    """
    statistics, defects = SplitStatistics(), []

    def usable() -> Iterator[RawImage]:
        split = RawSplit(folder, visible_only)
        console = Console(stderr=True)
        for raw in track(
            split,
            f'reading {folder}',
            console=console,
            disable=not console.is_terminal,
        ):
            defects.extend(raw.defects)
            if raw.image:
                statistics.add(raw.image, raw.annotations)
                yield raw

    if out is None:
        for _ in usable():
            pass
        return statistics, defects
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f'.{out.name}.{os.getpid()}')
    try:
        write_coco(temporary, usable())
        if skip_invalid or not any(defect.fatal for defect in defects):
            os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)
    return statistics, defects


def write_coco(path: Path, images: Iterable[RawImage]) -> None:
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


def report(
    args: argparse.Namespace,
    statistics: SplitStatistics,
    defects: list[Defect],
) -> int:
    """Print what was found; returns the exit code."""
    fatal = [defect for defect in defects if defect.fatal]
    notes = len(defects) - len(fatal)
    if args.check:
        print(statistics.report(args.split.resolve().name))
        print(f'defects: {len(fatal)}, notes: {notes}')
        print('\n'.join(map(str, defects)), end='\n' if defects else '')
    images = len({defect.file for defect in fatal if not defect.item})
    items = len({(d.file, d.item) for d in fatal if d.item})
    unusable = f'{images} images and {items} items of {args.split}'
    if fatal and not args.check:
        print('\n'.join(map(str, fatal[:_SHOWN])), file=sys.stderr)
        if len(fatal) > _SHOWN:
            print(
                f'... and {len(fatal) - _SHOWN} more; --check lists them all',
                file=sys.stderr,
            )
    if fatal and not args.skip_invalid:
        outcome = f'; {args.out} was not written' if args.out else ''
        print(
            f'error: {unusable} cannot be used{outcome}. Correct them, or '
            'leave them out with --skip-invalid',
            file=sys.stderr,
        )
        return 2
    if fatal:
        print(f'left out: {unusable}')
    if args.out:
        print(
            f'wrote {args.out}: {statistics.images:,} images, '
            f'{statistics.items.total():,} items'
            f'{f", {notes} notes (see --check)" if notes else ""}'
        )
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = parse_args(argv)
    try:
        found = convert(
            args.split, args.out, args.visible_only, args.skip_invalid
        )
    except OSError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return report(args, *found)


if __name__ == '__main__':
    sys.exit(main())
