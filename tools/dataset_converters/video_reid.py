# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert raw iLIDS-VID, PRID2011 or MARS, optical flow included.

Unpacks archives, gives frames their names, computes flow, and writes
meta.json and splits.json. A run that was stopped goes on where it was.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.convert import (
    CheckTask,
    check_tracklet,
    convert,
    name_frames,
)
from mmfashion_ext.formats.video_reid.layout import FLOWS, IMAGES, flow_name
from mmfashion_ext.formats.video_reid.optical_flow import BOUND, METHODS
from mmfashion_ext.formats.video_reid.raw_ilids_prid import (
    RawVideos,
    read_ilids_vid,
    read_prid2011,
)
from mmfashion_ext.formats.video_reid.raw_mars import read_mars
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.parallel import run_parallel

DATASETS = 'ilids-vid', 'prid2011', 'mars'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n\n')[0],
        epilog=__doc__.partition('\n\n')[2],
    )
    parser.add_argument('dataset', choices=DATASETS)
    parser.add_argument('raw', type=Path, help='folder of the archives')
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
        'slips (docs/datasets.md); MARS has one split only',
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='read every picture, print counts and every defect',
    )
    args = parser.parse_args(argv)
    args.check |= args.out is None
    if args.flow_bound <= 0:
        parser.error('--flow-bound must be above 0')
    return args


def read_raw(args: argparse.Namespace) -> RawVideos:
    """Find the frames and the splits."""
    if not args.raw.is_dir():
        raise UserError(f'{args.raw} is no folder')
    given = args.flow == 'given'
    if args.dataset == 'ilids-vid':
        return read_ilids_vid(args.raw, given, args.splits)
    if args.dataset == 'prid2011':
        return read_prid2011(args.raw, given, args.splits)
    if given:
        raise UserError(
            'no flow maps of MARS are published; take --flow farneback, dis '
            'or none'
        )
    return read_mars(args.raw)


def watch(counts: Iterator, title: str, total: int) -> Iterator:
    """Show how many frames are done."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        for done in counts:
            bar.advance(task, done if isinstance(done, int) else done[0])
            yield done


def find_defects(args: argparse.Namespace, raw: RawVideos) -> list[str]:
    """Decode all pictures: the converted ones, or the raw ones."""
    tasks = []
    named = name_frames(raw.tracklets)
    for tracklet, converted in zip(raw.tracklets, named, strict=True):
        frames, flows = tracklet.frames, tracklet.flows or []
        if args.out:
            frames = [args.out / IMAGES / f for f in converted.files]
            maps = map(flow_name, converted.files)
            flows = [args.out / FLOWS / file for file in maps]
        if args.flow == 'none':
            flows = []
        tasks.append(CheckTask(str(converted), frames, flows))
    total = sum(len(task.frames) for task in tasks)
    checked = run_parallel(check_tracklet, tasks, args.jobs)
    return [
        defect
        for _, defects in watch(checked, 'checking', total)
        for defect in defects
    ]


def print_counts(raw: RawVideos) -> None:
    """What there is, and what is odd about it."""
    lengths = [len(t.frames) for t in raw.tracklets if t.frames]
    mean = sum(lengths) / len(lengths)
    print(
        f'{raw.name}: {len(raw.persons):,} persons, {len(lengths):,} '
        f'tracklets of {min(lengths)} to {max(lengths)} frames ({mean:.1f} '
        f'on average), {sum(lengths):,} frames, {raw.num_cameras} cameras, '
        f'{len(raw.splits)} splits'
    )
    for note in raw.notes():
        print(f'note: {note}')


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    raw = read_raw(args)
    print_counts(raw)
    if args.out:
        convert(
            raw,
            args.out,
            flow=args.flow,
            bound=args.flow_bound,
            jobs=args.jobs,
            watch=watch,
        )
        print(f'wrote {args.out}, flow: {args.flow}')
    if args.check:
        defects = find_defects(args, raw)
        print(f'defects: {len(defects)}')
        for defect in defects:
            print(defect)
        if defects:
            raise UserError(
                f'{len(defects)} defects in {args.out or args.raw}; unpack '
                'the raw data again and convert once more'
            )


if __name__ == '__main__':
    run_tool(main)
