# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Build a gallery of shop images, and find a garment in it.

Examples:
    python tools/gallery.py build images/ --config NAME \
        --weights epoch_12.pth --out shop.index
    python tools/gallery.py query shop.index street.jpg --topk 10 --out a.jpg

Building again with more images extends the index; an interrupted build
continues where it stopped.
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
    build.add_argument('images', nargs='+', help='image files and folders')
    build.add_argument(
        '--out', required=True, metavar='INDEX', help='file of the index'
    )
    build.add_argument(
        '--batch-size',
        type=int,
        default=8,
        help='images that go through the network together; default 8',
    )
    query = commands.add_parser('query', help='find the clothes of an image')
    query.add_argument('index', help='file of the index')
    query.add_argument('image', help='the image, a file or URL')
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
        default = 'what the index was built with'
        command.add_argument(
            '--config',
            required=command is build,
            help='config file or name of a model'
            + ('' if command is build else f'; default: {default}'),
        )
        command.add_argument(
            *('--weights', '--checkpoint'),
            help='checkpoint, a file or URL; default: '
            + ('the published ones' if command is build else default),
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
    """Make or extend an index; name the files that cannot be read."""
    if args.batch_size < 1:
        raise UserError(f'--batch-size must be 1 or more: {args.batch_size}')
    plugins.require('match_rcnn')
    from mmfashion_ext.match_rcnn.gallery import (
        GarmentEncoder,
        build_gallery,
        find_gallery_images,
    )

    images = find_gallery_images(args.images)  # before the model is loaded
    encoder = GarmentEncoder(
        args.config,
        args.weights,
        args.device,
        score_thr=args.score_thr,
        batch_size=args.batch_size,
    )
    report = build_gallery(images, encoder, args.out)
    for entry in report.skipped:
        print(f'skipped {entry["input"]}: {entry["reason"]}', file=sys.stderr)
    print(
        f'{args.out}: {report.garments} garments of {report.images} images '
        f'added, {report.known} images were indexed before, '
        f'{len(report.skipped)} skipped'
    )


def query(args: argparse.Namespace) -> None:
    """Find the clothes of an image in an index."""
    if args.topk < 1:
        raise UserError(f'--topk must be at least 1, got {args.topk}')
    if args.out and not args.out.lower().endswith(('.jpg', '.jpeg', '.png')):
        raise UserError(f'--out must end with .jpg or .png, got {args.out}')
    plugins.require('match_rcnn')  # imports torch, so not before the above
    from mmfashion_ext.match_rcnn.gallery import (
        GarmentEncoder,
        draw_matches,
        query_gallery,
    )
    from mmfashion_ext.retrieval.gallery_index import GalleryIndex
    from mmfashion_ext.utils.images import read_image

    index = GalleryIndex.load(args.index)
    image = read_image(args.image)  # before the model is loaded
    encoder = GarmentEncoder(
        args.config or index.origin['config'],
        args.weights or index.origin['checkpoint'],
        args.device,
        score_thr=args.score_thr,
    )
    index.check_model(encoder.fingerprint, args.index)
    garments = query_gallery(args.image, index, encoder, args.topk)
    print_matches(garments)
    if args.json:
        write_json(args.json, {'image': args.image, 'garments': garments})
    if args.out:
        draw_matches(image, garments, args.out)
        print(f'wrote {args.out}')


def print_matches(garments: list[dict]) -> None:
    """Print one table per garment, its matches best first."""
    for garment in garments:
        table = Table(
            *('rank', 'similarity', 'category', 'image'),
            title=f'{garment["category"]} at {garment["bbox"]}',
        )
        for rank, match in enumerate(garment['matches'], 1):
            similarity = f'{match["similarity"]:.3f}'
            table.add_row(
                *(str(rank), similarity, match['category'], match['image'])
            )
        Console().print(table)


def main() -> None:
    args = parse_args()
    {'build': build, 'query': query}[args.command](args)


if __name__ == '__main__':
    run_tool(main)
