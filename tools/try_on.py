# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Dress persons in garments: pictures, folders, pairs, or all with all.

PERSON and CLOTH are a picture or a folder of pictures each. One person is
dressed in all garments, one garment is put on all persons; for two folders
say who wears what by --pairs, or take --grid for everybody in everything.

Examples:
    python tools/try_on.py CONFIG CHECKPOINT person.jpg cloth.jpg --out out
    python tools/try_on.py CONFIG CHECKPOINT test_img test_clothes \
        --mask test_edge --pairs test_pairs.txt --out out
    python tools/try_on.py CONFIG CHECKPOINT persons clothes --grid --out out

What cannot be made is left out and named. --resume leaves out what an earlier
run has made.
"""

import argparse

from mmfashion_ext import plugins
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'config', help='config file, or name of a parser-free model'
    )
    parser.add_argument('checkpoint', help='weights, a file or URL')
    parser.add_argument('person', help='photograph, or a folder')
    parser.add_argument('cloth', help='picture of a garment, or a folder')
    parser.add_argument(
        '--mask',
        help='mask of the garment, or a folder in which masks are called like '
        'their garments; those missing are made by GrabCut',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='DIR',
        help='folder to write try_on/, strips/ and results.json to',
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument('--pairs', help='file of lines "person.jpg cloth.jpg"')
    who.add_argument(
        '--grid',
        action='store_true',
        help='everybody in everything, and all on one sheet, grid.jpg',
    )
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('H', 'W'),
        help="px to resize all pictures to; default: the config's, or as "
        'they are',
    )
    parser.add_argument('--batch-size', type=int, default=1)
    parser.add_argument('--device', help='default: CUDA if there is one')
    parser.add_argument(
        '--amp', action='store_true', help='networks in half precision'
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='leave out the pairs whose try-on is in --out already',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.size and min(args.size) < 1:
        raise UserError(f'--size takes two numbers from 1, got {args.size}')
    plugins.require('tryon')
    from mmfashion_ext.tryon import TryOnInferencer

    infer = TryOnInferencer(
        args.config,
        args.checkpoint,
        args.device,
        size=args.size and tuple(args.size),
        batch_size=args.batch_size,
        amp=args.amp,
        show_progress=True,
    )
    result = infer(
        args.person,
        args.cloth,
        args.mask,
        args.out,
        args.pairs,
        args.grid,
        keep_arrays=False,
        resume=args.resume,
    )
    made = sum(map(len, result['predictions']))
    if not made:
        raise UserError(
            'no pair could be made, the first because: '
            f'{result["skipped"][0]["reason"]}'
        )
    skipped = len(result['skipped'])
    where = ', listed in its results.json' if skipped else ''
    print(f'{args.out}: {made} try-ons, {skipped} skipped{where}')


if __name__ == '__main__':
    run_tool(main)
