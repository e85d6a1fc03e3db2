# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Check VITON, VITON-HD, DressCode or a folder; make masks of clothes.

Nothing is converted: TryOnDataset reads the datasets as they are. Without
--make-masks it only checks. A run that was stopped continues where it was.
"""

import argparse
import os
from pathlib import Path

from mmfashion_ext.formats.viton.constants import PARSE_LABEL_SETS
from mmfashion_ext.formats.viton.layout import LAYOUTS
from mmfashion_ext.utils.cli import run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n\n')[0],
        epilog=__doc__.partition('\n\n')[2],
    )
    parser.add_argument('root', type=Path, help='folder of the dataset')
    parser.add_argument(
        '--layout',
        choices=sorted({name for name, _ in LAYOUTS}),
        default='viton',
        help='see docs/datasets.md (default: viton)',
    )
    parser.add_argument(
        '--split',
        choices=('train', 'test'),
        help='default: those that exist',
    )
    parser.add_argument(
        '--pairs-file',
        metavar='FILE',
        help='pairs to check, below the root (default: that of the layout if '
        'it exists, such as test_pairs.txt)',
    )
    parser.add_argument(
        '--parse-labels',
        choices=sorted(PARSE_LABEL_SETS),
        help="set of the parse maps' labels (default: viton; of layout "
        'viton-hd: cihp, of dresscode: atr)',
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='read every file, print counts and every defect',
    )
    parser.add_argument(
        '--make-masks',
        action='store_true',
        help='write the masks that clothes lack, by GrabCut',
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
    from mmfashion_ext.formats.viton.check import check_dataset

    check_dataset(
        args.root,
        args.layout,
        args.split,
        pairs_file=args.pairs_file,
        parse_labels=args.parse_labels,
        check=args.check or not args.make_masks,
        make_masks=args.make_masks,
        jobs=args.jobs,
    )


if __name__ == '__main__':
    run_tool(main)
