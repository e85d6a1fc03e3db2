# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Virtual try-on: dress persons in garments; images, folders or pairs.

PERSON and CLOTH are an image, a URL or a folder of images. One person is
dressed in all garments, one garment is put on all persons; for two folders
give --pairs FILE, or --grid for all combinations.

Examples:
    python tools/try_on.py MODEL person.jpg cloth.jpg --out out
    python tools/try_on.py MODEL --weights pf-afn.pth persons clothes \
        --grid --out out
    python tools/try_on.py MODEL --weights pf-afn.pth test_img test_clothes \
        --mask test_edge --pairs test_pairs.txt --out out

MODEL is the name of a parser-free model or a config file. Its weights may also
be given as second argument: MODEL CHECKPOINT PERSON CLOTH.

In a file of pairs, names with blanks stand in double quotes, or a tab stands
between the two. Pairs that fail are skipped and named. --resume does not run
pairs again whose results are in --out.
"""

import argparse

from mmfashion_ext.cli.dressing import TryOnOptions, dress
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        usage='%(prog)s MODEL [CHECKPOINT] PERSON CLOTH --out DIR [options]',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'model', help='name of a parser-free model, or config file'
    )
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='PERSON CLOTH',
        help='photograph or folder of persons, and image or folder of '
        'garments',
    )
    parser.add_argument(
        '--weights',
        metavar='FILE',
        help='checkpoint, a file or URL; default: the published weights',
    )
    parser.add_argument(
        '--mask',
        help='mask of the garment, or a folder in which masks have the names '
        'of their garments; missing ones are made by GrabCut',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='DIR',
        help='folder for visualizations/, predictions/ and results.json',
    )
    pairing = parser.add_mutually_exclusive_group()
    pairing.add_argument(
        '--pairs', help='file of lines "person.jpg cloth.jpg"'
    )
    pairing.add_argument(
        '--grid',
        action='store_true',
        help='all combinations, also drawn on a contact sheet, grid.jpg',
    )
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('H', 'W'),
        help='resize all images to this size in px; default: that of the '
        'config, or as they are',
    )
    parser.add_argument('--batch-size', type=int, default=1)
    parser.add_argument('--device', help='default: CUDA if there is one')
    parser.add_argument(
        '--amp', action='store_true', help='run in half precision'
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='skip pairs whose results are in --out already',
    )
    return parser.parse_intermixed_args()


def resolve(args: argparse.Namespace) -> None:
    """Set weights, person and cloth from the arguments, and check them."""
    if len(args.inputs) not in (2, 3):
        raise UserError(
            'expected MODEL PERSON CLOTH or MODEL CHECKPOINT PERSON CLOTH, '
            f'got {len(args.inputs) + 1} arguments'
        )
    *checkpoint, args.person, args.cloth = args.inputs
    if checkpoint and args.weights:
        raise UserError(
            f'got the weights twice, {checkpoint[0]} and --weights '
            f'{args.weights}; expected one of them'
        )
    args.weights = args.weights or next(iter(checkpoint), None)
    if args.size and min(args.size) < 1:
        raise UserError(
            f'--size: expected two numbers from 1, got {args.size}'
        )


def main() -> None:
    args = parse_args()
    resolve(args)
    result = dress(
        args.person,
        args.cloth,
        args.out,
        mask=args.mask,
        options=TryOnOptions(
            model=args.model,
            weights=args.weights,
            device=args.device,
            size=args.size and tuple(args.size),
            batch_size=args.batch_size,
            amp=args.amp,
        ),
        pairs=args.pairs,
        grid=args.grid,
        resume=args.resume,
    )
    count, skipped = len(result['predictions']), len(result['skipped'])
    where = ', listed in its results.json' if skipped else ''
    print(f'{args.out}: {count} try-ons, {skipped} skipped{where}')


if __name__ == '__main__':
    run_tool(main)
