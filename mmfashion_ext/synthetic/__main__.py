# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Command line of the generators: python -m mmfashion_ext.synthetic."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..errors import UserError
from ..plugins import explain_missing, require_package, tool_command


class _Parser(argparse.ArgumentParser):
    """Parser that reports an error in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: {message}\n')


def _deepfashion2(args: argparse.Namespace) -> None:
    from . import generate_deepfashion2

    generate_deepfashion2(
        args.out, val=args.val, textures=args.textures, **_common(args)
    )
    print(f'wrote {args.out}/{{train,validation}}/{{image,annos}}')
    if args.sheet:
        from .deepfashion2.sheet import contact_sheet  # needs Pillow

        contact_sheet(args.out / 'train', args.sheet)


def _fld(args: argparse.Namespace) -> None:
    from . import generate_fld

    generate_fld(
        args.out,
        val=args.val,
        test=args.test,
        textures=args.textures,
        **_common(args),
    )
    print(f'wrote {args.out}/{{Anno,Eval,Img}}')
    if args.sheet:
        from .fld.sheet import contact_sheet  # needs Pillow

        contact_sheet(args.out, args.sheet)


def _video_reid(args: argparse.Namespace) -> None:
    from . import generate_video_reid

    generate_video_reid(
        args.out,
        frames=tuple(args.frames),
        cameras=args.cameras,
        **_common(args),
    )
    converter = tool_command('dataset_converters/video_reid.py')
    print(
        f'wrote {args.out}/raw; convert it: {converter} ilids-vid '
        f'{args.out}/raw --out {args.out}'
    )
    if args.sheet:
        from .video_reid.sheet import contact_sheet  # needs Pillow

        contact_sheet(args.out, args.sheet)


def _surveillance(args: argparse.Namespace) -> None:
    from .video_reid.surveillance import generate_surveillance

    generate_surveillance(
        args.out, frames=args.frames, cameras=args.cameras, **_common(args)
    )
    print(f'wrote {args.out}/{{videos,boxes,detections}}')


def _viton(args: argparse.Namespace) -> None:
    from . import generate_viton

    generate_viton(args.out, test=args.test, **_common(args))
    print(f'wrote {args.out}/{{VITON_traindata,VITON_test}}')
    if args.sheet:
        from .viton.sheet import contact_sheet  # needs Pillow

        contact_sheet(args.out, args.sheet)


def _tryon_photos(args: argparse.Namespace) -> None:
    from .tryon_photos.generate import generate_tryon_photos

    generate_tryon_photos(
        args.out,
        people=args.people,
        garments=args.garments,
        num=args.num,
        val=args.val,
        seed=args.seed,
        overwrite=args.overwrite,
    )
    print(f'wrote {args.out}/pairs.jsonl')
    if args.sheet:
        from .tryon_photos.sheet import contact_sheet

        contact_sheet(args.out, args.sheet)


def _common(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of :func:`_add_options` that all generators have."""
    options = 'num', 'seed', 'size', 'overwrite'
    common = {option: getattr(args, option) for option in options}
    return {**common, 'progress': sys.stdout.isatty()}


def _add_options(
    parser: argparse.ArgumentParser,
    num: int = 200,
    num_help: str = 'images in train',
    size: int | None = 512,
) -> None:
    """Add the options that all generators have; ``size`` None: not that."""
    parser.add_argument('out', type=Path, help='folder to create')
    parser.add_argument(
        '--num',
        type=int,
        default=num,
        help=f'{num_help} (default: %(default)s)',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='the same seed gives the same files (default: 0)',
    )
    if size is not None:
        parser.add_argument(
            '--size',
            type=int,
            default=size,
            help='longer side of the images in pixels (default: %(default)s)',
        )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace an earlier dataset'
    )
    parser.add_argument(
        '--sheet',
        type=Path,
        help='also write a contact sheet to this .jpg or .png file',
    )


def _add_textures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--textures',
        type=Path,
        metavar='DIR',
        help='photographs of garments to cut cloth and backgrounds from '
        '(default: everything is drawn)',
    )


def _add_deepfashion2(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'deepfashion2',
        help='DeepFashion2: 13 categories with boxes, masks and landmarks',
    )
    _add_options(parser)
    parser.add_argument(
        '--val', type=int, help='images in validation (default: num // 4)'
    )
    _add_textures(parser)
    parser.set_defaults(run=_deepfashion2)


def _add_fld(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'fld', help='FLD: upper, lower and full clothes with landmarks'
    )
    _add_options(parser)
    for split in ('val', 'test'):
        parser.add_argument(
            f'--{split}',
            type=int,
            help=f'images in {split} (default: num // 4)',
        )
    _add_textures(parser)
    parser.set_defaults(run=_fld)


def _add_video_reid(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'video-reid', help='iLIDS-VID: people who walk past two cameras'
    )
    _add_options(parser, 40, 'persons, half of them for training', 128)
    parser.add_argument(
        '--frames',
        type=int,
        nargs=2,
        metavar=('MIN', 'MAX'),
        default=(23, 192),
        help='fewest and most frames of a tracklet (default: 23 192)',
    )
    parser.add_argument(
        '--cameras',
        type=int,
        default=1,
        help='halls in which each of the two cameras may stand (default: 1)',
    )
    parser.set_defaults(run=_video_reid)


def _add_surveillance(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'surveillance', help='raw videos of people who walk through halls'
    )
    _add_options(parser, 6, 'persons', 64)
    parser.add_argument(
        '--frames',
        type=int,
        default=250,
        help='frames of each video (default: %(default)s)',
    )
    parser.add_argument(
        '--cameras',
        type=int,
        default=2,
        help='videos, each of another hall (default: %(default)s)',
    )
    parser.set_defaults(run=_surveillance)


def _add_viton(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'viton', help='VITON: people, and their garments laid flat'
    )
    _add_options(parser, 200, 'persons in the training set', 256)
    parser.add_argument(
        '--test',
        type=int,
        help='persons in the test set, 0 or at least 2 (default: num // 4, '
        'at least 2)',
    )
    parser.set_defaults(run=_viton)


def _add_tryon_photos(families: argparse._SubParsersAction) -> None:
    parser = families.add_parser(
        'tryon-photos',
        help='try-on pairs with their true flow, from people of CCP and '
        'photographs of garments; an interrupted run is continued',
    )
    _add_options(parser, 1000, 'pairs for training', None)
    parser.add_argument(
        '--people',
        type=Path,
        required=True,
        help='copy of Clothing Co-Parsing (CCP)',
    )
    parser.add_argument(
        '--garments',
        type=Path,
        required=True,
        help='copy of clothing-dataset-small',
    )
    parser.add_argument(
        '--val',
        type=int,
        help='pairs of other people and garments for validation (default: '
        'num // 10)',
    )
    parser.set_defaults(run=_tryon_photos)


def build_parser(
    prog: str = 'python -m mmfashion_ext.synthetic',
) -> argparse.ArgumentParser:
    """Build the parser.

    Args:
        prog (str): What is typed to run it.
    """
    parser = _Parser(
        prog=prog,
        description='Write a synthetic dataset in the layout of a real one.',
    )
    families = parser.add_subparsers(
        dest='family', metavar='FAMILY', required=True
    )
    _add_deepfashion2(families)
    _add_fld(families)
    _add_video_reid(families)
    _add_surveillance(families)
    _add_viton(families)
    _add_tryon_photos(families)
    return parser


def main(
    argv: Sequence[str] | None = None,
    prog: str = 'python -m mmfashion_ext.synthetic',
) -> int:
    """Run the command line.

    Args:
        argv (Sequence[str], optional): Arguments. None: those of the process.
        prog (str): What is typed to run it.

    Returns:
        int: Exit status: 0, 2 after an error that the user can fix, or 130
        after Ctrl-C.
    """
    parser = build_parser(prog)
    args = parser.parse_args(argv)
    try:
        require_package('cv2', parser.prog)
        if args.sheet:  # before the work, not after it
            from .output import check_sheet

            check_sheet(args.sheet)
        args.run(args)
        if args.sheet:
            print(f'wrote {args.sheet}')
    except ImportError as error:
        print(f'error: {explain_missing(error)}', file=sys.stderr)
        return 2
    except (UserError, OSError) as error:
        print(f'{parser.prog}: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # the unfinished dataset is removed by now
        print(f'{parser.prog}: stopped', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
