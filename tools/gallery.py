# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Build a gallery of shop pictures, and find a garment in it.

Examples:
    python tools/gallery.py build pictures/ --config NAME \
        --checkpoint epoch_12.pth --out shop.index
    python tools/gallery.py query shop.index street.jpg --topk 10 --out a.jpg

Building again with more pictures extends the index; an interrupted build
goes on where it stopped.
"""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from mmfashion_ext import plugins
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest='command', required=True)
    build = commands.add_parser('build', help='make or extend an index')
    build.add_argument(
        'images', nargs='+', help='pictures, and folders of pictures'
    )
    build.add_argument(
        '--out', required=True, metavar='INDEX', help='file of the index'
    )
    build.add_argument('--batch-size', type=int, default=8)
    query = commands.add_parser('query', help='find the clothes of a picture')
    query.add_argument('index', help='file of the index')
    query.add_argument('image', help='the picture')
    query.add_argument(
        '--topk', type=int, default=10, help='matches of each garment'
    )
    query.add_argument(
        '--out', metavar='JPG', help='write a sheet of the matches (or .png)'
    )
    query.add_argument(
        '--json', metavar='JSON', help='write the matches to this file'
    )
    for command in (build, query):
        needed = command is build
        known = '' if needed else '; default: what the index was built with'
        command.add_argument(
            '--config',
            required=needed,
            help=f'config file or name of a model{known}',
        )
        command.add_argument(
            '--checkpoint',
            required=needed,
            help=f'weights, a file or URL{known}',
        )
        command.add_argument(
            '--score-thr',
            type=float,
            default=0.3,
            help='lowest score (0-1) of a garment; default 0.3',
        )
        command.add_argument('--device', help='default: CUDA if there is one')
    return parser.parse_args()


def build(args: argparse.Namespace) -> None:
    """Make or extend an index; name the pictures that cannot be read."""
    if args.batch_size < 1:
        raise UserError(f'--batch-size must be 1 or more: {args.batch_size}')
    plugins.require('match_rcnn')
    from mmfashion_ext.match_rcnn.gallery import build_gallery, find_pictures

    pictures = find_pictures(args.images)  # before the model is loaded
    report = build_gallery(pictures, encoder(args), args.out, args.batch_size)
    for path in report.unreadable:
        print(f'skipped, no readable picture: {path}', file=sys.stderr)
    print(
        f'{args.out}: {report.garments} garments of {report.images} pictures '
        f'added, {report.known} pictures were there already, '
        f'{len(report.unreadable)} skipped'
    )


def query(args: argparse.Namespace) -> None:
    """Find the clothes of a picture in an index."""
    if args.topk < 1:
        raise UserError(f'--topk must be at least 1, got {args.topk}')
    if args.out and not args.out.lower().endswith(('.jpg', '.jpeg', '.png')):
        raise UserError(f'--out must end with .jpg or .png, got {args.out}')
    plugins.require('match_rcnn')  # imports torch, so not before the above
    from mmfashion_ext.match_rcnn.gallery import (
        draw_matches,
        query_gallery,
        user_picture,
    )
    from mmfashion_ext.retrieval.gallery_index import GalleryIndex

    index = GalleryIndex.load(args.index)
    user_picture(args.image)  # before the model is loaded
    args.config = args.config or index.origin['config']
    args.checkpoint = args.checkpoint or index.origin['checkpoint']
    model = encoder(args)
    index.check_model(model.fingerprint, args.index)
    garments = query_gallery(args.image, index, model, args.topk)
    for garment in garments:
        table = Table(
            *('rank', 'similarity', 'category', 'picture'),
            title=f'{garment["category"]} at {garment["bbox"]}',
        )
        for rank, match in enumerate(garment['matches'], 1):
            similarity = f'{match["similarity"]:.3f}'
            table.add_row(
                *(str(rank), similarity, match['category'], match['image'])
            )
        Console().print(table)
    if args.json:
        write_json(args.json, {'image': args.image, 'garments': garments})
    if args.out:
        draw_matches(args.image, garments, args.out)
        print(f'wrote {args.out}')


def encoder(args: argparse.Namespace) -> object:
    """The model that both commands describe clothes with."""
    from mmfashion_ext.match_rcnn.gallery import GarmentEncoder

    return GarmentEncoder(
        args.config, args.checkpoint, args.device, args.score_thr
    )


def main() -> None:
    args = parse_args()
    {'build': build, 'query': query}[args.command](args)


if __name__ == '__main__':
    run_tool(main)
