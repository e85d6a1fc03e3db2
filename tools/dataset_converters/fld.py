# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert a part of raw FLD to COCO JSON, or only check it."""

import argparse
from pathlib import Path

from mmfashion_ext.formats.fld.constants import CLOTHES_TYPES, SPLITS
from mmfashion_ext.formats.fld.convert import convert_part
from mmfashion_ext.utils.cli import run_tool


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
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    convert_part(
        args.root,
        args.out,
        split=args.split,
        subset=args.subset,
        check=args.check or args.out is None,
        skip_invalid=args.skip_invalid,
    )


if __name__ == '__main__':
    run_tool(main)
