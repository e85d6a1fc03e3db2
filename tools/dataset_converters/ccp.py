# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert a split of Clothing Co-Parsing to COCO JSON, or only check it."""

import argparse
from pathlib import Path

from mmfashion_ext.formats.ccp.convert import convert_split
from mmfashion_ext.formats.ccp.splits import SPLITS
from mmfashion_ext.utils.cli import run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'root',
        type=Path,
        help='folder that holds photos/ and annotations/ (or labels/)',
    )
    parser.add_argument(
        '--split', choices=SPLITS, default='all', help='default: all'
    )
    parser.add_argument(
        '--out', type=Path, help='JSON to write; without it: only check'
    )
    parser.add_argument(
        '--groups',
        choices=('nine', 'six'),
        default='nine',
        help='categories: nine groups of tags (default), or the six that '
        'DeepFashion2 shares',
    )
    parser.add_argument(
        '--check', action='store_true', help='print counts and every defect'
    )
    parser.add_argument(
        '--skip-invalid',
        action='store_true',
        help='leave out what cannot be used instead of stopping',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    convert_split(
        args.root,
        args.out,
        split=args.split,
        groups=args.groups,
        check=args.check or args.out is None,
        skip_invalid=args.skip_invalid,
    )


if __name__ == '__main__':
    run_tool(main)
