# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``python -m mmfashion_ext.synthetic FAMILY OUT ...`` writes a look-alike."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..errors import UserError
from .deepfashion2 import sheet as deepfashion2_sheet
from .deepfashion2.generate import generate_deepfashion2
from .fld import sheet as fld_sheet
from .fld.generate import generate_fld
from .output import check_sheet
from .video_reid import sheet as video_reid_sheet
from .video_reid.generate import FRAMES, generate_video_reid
from .viton import sheet as viton_sheet
from .viton.generate import generate_viton


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; ``--help`` shows the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: {message}\n')


def _deepfashion2(args: argparse.Namespace) -> None:
    generate_deepfashion2(args.out, val=args.val, **_common(args))
    print(f'wrote {args.out}/{{train,validation}}/{{image,annos}}')
    if args.sheet:
        deepfashion2_sheet.contact_sheet(args.out / 'train', args.sheet)


def _fld(args: argparse.Namespace) -> None:
    generate_fld(args.out, val=args.val, test=args.test, **_common(args))
    print(f'wrote {args.out}/{{Anno,Eval,Img}}')
    if args.sheet:
        fld_sheet.contact_sheet(args.out, args.sheet)


def _video_reid(args: argparse.Namespace) -> None:
    generate_video_reid(args.out, frames=tuple(args.frames), **_common(args))
    print(
        f'wrote {args.out}/raw; convert it: tools/dataset_converters/'
        f'video_reid.py ilids-vid {args.out}/raw --out {args.out}'
    )
    if args.sheet:
        video_reid_sheet.contact_sheet(args.out, args.sheet)


def _viton(args: argparse.Namespace) -> None:
    generate_viton(args.out, test=args.test, **_common(args))
    print(f'wrote {args.out}/{{VITON_traindata,VITON_test}}')
    if args.sheet:
        viton_sheet.contact_sheet(args.out, args.sheet)


def _common(args: argparse.Namespace) -> dict[str, Any]:
    """The options of :func:`_add_options` that all generators take."""
    names = 'num', 'seed', 'size', 'overwrite'
    return {name: getattr(args, name) for name in names}


def _add_options(
    parser: argparse.ArgumentParser,
    num: int = 200,
    what: str = 'pictures in train',
    size: int = 512,
) -> None:
    """What all families have in common."""
    parser.add_argument('out', type=Path, help='folder to create')
    parser.add_argument('--num', type=int, default=num, help=what)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--size', type=int, default=size, help='longer side, pixels'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace an earlier data set'
    )
    parser.add_argument(
        '--sheet', type=Path, help='also draw a contact sheet (.jpg, .png)'
    )


def _add_deepfashion2(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'deepfashion2',
        help='pictures of 13 clothes categories with masks and landmarks',
    )
    _add_options(parser)
    parser.add_argument(
        '--val', type=int, help='pictures in validation (default: num // 4)'
    )
    parser.set_defaults(run=_deepfashion2)


def _add_fld(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'fld', help='pictures of upper, lower and full clothes with landmarks'
    )
    _add_options(parser)
    for split in ('val', 'test'):
        parser.add_argument(
            f'--{split}',
            type=int,
            help=f'pictures in {split} (default: num // 4)',
        )
    parser.set_defaults(run=_fld)


def _add_video_reid(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'video-reid', help='people who walk past two cameras, as iLIDS-VID'
    )
    _add_options(parser, 40, 'persons, half of them for training', 128)
    parser.add_argument(
        '--frames',
        type=int,
        nargs=2,
        metavar=('MIN', 'MAX'),
        default=FRAMES,
        help='fewest and most frames of a tracklet',
    )
    parser.set_defaults(run=_video_reid)


def _add_viton(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'viton', help='people and their clothes laid flat, as VITON'
    )
    _add_options(parser, 200, 'persons in the training set', 256)
    parser.add_argument(
        '--test',
        type=int,
        help='persons in the test set (default: num // 4)',
    )
    parser.set_defaults(run=_viton)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = _Parser(
        prog='python -m mmfashion_ext.synthetic', description=__doc__
    )
    families = parser.add_subparsers(
        dest='family', metavar='FAMILY', required=True
    )
    _add_deepfashion2(families)
    _add_fld(families)
    _add_video_reid(families)
    _add_viton(families)
    args = parser.parse_args(argv)
    try:
        if args.sheet:  # before the work, not after it
            check_sheet(args.sheet)
        args.run(args)
        if args.sheet:
            print(f'wrote {args.sheet}')
    except (UserError, OSError) as error:
        print(f'{parser.prog}: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
