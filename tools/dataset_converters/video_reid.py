# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert iLIDS-VID, PRID2011, MARS or own tracklets, optical flow included.

Unpacks archives, gives frames their names, computes flow, and writes
meta.json and splits.json. A run that was stopped goes on where it was.
"""

import argparse
import os
from pathlib import Path

from mmfashion_ext.utils.cli import run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    from mmfashion_ext.formats.video_reid.convert import DATASETS
    from mmfashion_ext.formats.video_reid.optical_flow import BOUND, METHODS

    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n\n')[0],
        epilog=__doc__.partition('\n\n')[2],
    )
    parser.add_argument('dataset', choices=DATASETS)
    parser.add_argument(
        'raw', type=Path, help='folder of the archives, or of the tracklets'
    )
    parser.add_argument(
        '--out', type=Path, help='folder to write; without it: only check'
    )
    parser.add_argument(
        '--flow',
        choices=(*METHODS, 'given', 'none'),
        default='farneback',
        help='computed, the published maps, or none (default: farneback)',
    )
    parser.add_argument(
        '--flow-bound',
        type=float,
        default=BOUND,
        metavar='PX',
        help=f'largest motion in a computed map (default: {BOUND:g})',
    )
    parser.add_argument(
        '--jobs',
        type=int,
        default=os.cpu_count(),
        help='processes (default: number of cores)',
    )
    parser.add_argument(
        '--splits',
        choices=('published', 'corrected'),
        default='published',
        help='as the published SCAN reads or draws them, or without its '
        'mistakes (docs/datasets.md); MARS has one split only',
    )
    _add_own(parser)
    parser.add_argument(
        '--check',
        action='store_true',
        help='read every image, print counts and every defect',
    )
    args = parser.parse_args(argv)
    args.check |= args.out is None
    if args.flow_bound <= 0:
        parser.error('--flow-bound must be above 0')
    return args


def _add_own(parser: argparse.ArgumentParser) -> None:
    """Add the options of one's own tracklets."""
    own = parser.add_argument_group("folders: one's own tracklets")
    own.add_argument(
        '--layout',
        default='{person}/{camera}',
        help='how paths name {person}, {camera}, perhaps {tracklet} and '
        '{frame} (default: %(default)s)',
    )
    own.add_argument(
        '--train-share',
        type=float,
        default=0.5,
        metavar='S',
        help='part of the persons that trains (default: %(default)s)',
    )
    own.add_argument(
        '--train-persons',
        type=Path,
        metavar='TXT',
        help='persons that train, one a line, instead of random ones',
    )
    own.add_argument(
        '--seed', type=int, default=0, help='of the splits (default: 0)'
    )


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    from mmfashion_ext.formats.video_reid.check import (
        check_dataset,
        describe_counts,
    )
    from mmfashion_ext.formats.video_reid.convert import convert, read_raw
    from mmfashion_ext.formats.video_reid.raw_folders import FolderOptions

    own = FolderOptions(
        args.layout, args.train_share, args.seed, args.train_persons
    )
    raw = read_raw(args.dataset, args.raw, args.flow, args.splits, own)
    print(describe_counts(raw))
    if args.out:
        convert(
            raw,
            args.out,
            flow=args.flow,
            bound=args.flow_bound,
            jobs=args.jobs,
        )
        print(f'wrote {args.out}, flow: {args.flow}')
    if args.check:
        check_dataset(raw, args.raw, args.out, args.flow, args.jobs)


if __name__ == '__main__':
    run_tool(main)
