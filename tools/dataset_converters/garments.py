# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert CC0 garments to COCO JSON or to clothes of try-on, or check them."""

import argparse
import os
from pathlib import Path

from mmfashion_ext.formats.garments.constants import CLASS_BY_NAME, SPLITS
from mmfashion_ext.utils.cli import run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'root', type=Path, help='folder of train/, validation/ and test/'
    )
    parser.add_argument(
        '--split',
        choices=(*SPLITS, 'all'),
        default='all',
        help='default: all that exist',
    )
    parser.add_argument(
        '--classes',
        nargs='+',
        choices=[*CLASS_BY_NAME],
        help='classes to use (default: all)',
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument('--out', type=Path, help='COCO JSON to write')
    target.add_argument(
        '--clothes',
        type=Path,
        metavar='FOLDER',
        help='folder of the try-on layout "folder" to write clothes and masks '
        'to; without this and --out: only check',
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='print counts, every defect and note',
    )
    parser.add_argument(
        '--skip-invalid',
        action='store_true',
        help='leave out what cannot be used instead of stopping',
    )
    parser.add_argument(
        '--jobs',
        type=int,
        default=os.cpu_count(),
        help='processes (default: number of cores)',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    from mmfashion_ext.formats.garments.convert import convert_garments
    from mmfashion_ext.formats.garments.raw import RawGarments

    convert_garments(
        RawGarments(args.root, args.split, args.classes),
        args.out,
        args.clothes,
        check=args.check or not (args.out or args.clothes),
        skip_invalid=args.skip_invalid,
        jobs=args.jobs,
    )


if __name__ == '__main__':
    run_tool(main)
