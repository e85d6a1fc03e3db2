# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert a raw DeepFashion2 split to COCO JSON, or only check it."""

import argparse
from pathlib import Path

from mmfashion_ext.formats.deepfashion2.convert import convert_split
from mmfashion_ext.utils.cli import run_tool


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
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    convert_split(
        args.split,
        args.out,
        visible_only=args.visible_only,
        check=args.check or args.out is None,
        skip_invalid=args.skip_invalid,
    )


if __name__ == '__main__':
    run_tool(main)
