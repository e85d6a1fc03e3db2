# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Build a gallery of shop images, keep it up to date, and search it.

Examples:
    python tools/gallery.py build images/ --config NAME \
        --weights epoch_12.pth --out shop.index
    python tools/gallery.py query shop.index street.jpg --topk 10 --out a.jpg
    python tools/gallery.py update shop.index
    python tools/gallery.py remove shop.index images/sold/
    python tools/gallery.py info shop.index

Building again with more images extends the index; an interrupted build
continues where it stopped. An image is read again if its file changed.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from mmfashion_ext import plugins
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

if TYPE_CHECKING:
    from mmfashion_ext.match_rcnn.gallery import BuildReport


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
    query.add_argument(
        '--keep-missing',
        action='store_true',
        help='also match images that are gone, of an index that was moved',
    )
    update = commands.add_parser(
        'update', help='read changed images again, drop those that are gone'
    )
    update.add_argument('index', help='file of the index')
    update.add_argument('images', nargs='*', help='files and folders to add')
    remove = commands.add_parser('remove', help='remove images')
    remove.add_argument('index', help='file of the index')
    remove.add_argument('images', nargs='+', help='image files and folders')
    info = commands.add_parser('info', help='say what is in an index')
    info.add_argument('index', help='file of the index')
    for command in (build, update):
        command.add_argument(
            '--batch-size',
            type=int,
            default=8,
            help='images that go through the network together; default 8',
        )
    for command in (build, query, update):
        add_model_arguments(command, required=command is build)
    return parser.parse_args()


def add_model_arguments(
    command: argparse.ArgumentParser, required: bool
) -> None:
    """Add the arguments that say what detects and compares clothes."""
    default = 'what the index was built with'
    command.add_argument(
        '--config',
        required=required,
        help='config file or name of a model'
        + ('' if required else f'; default: {default}, if it is in the zoo'),
    )
    command.add_argument(
        *('--weights', '--checkpoint'),
        help='checkpoint, a file or URL; default: '
        + ('the published ones' if required else f'{default}, if a file'),
    )
    command.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='lowest score (0-1) of a garment; default 0.3',
    )
    command.add_argument(
        '--duplicate-iou',
        type=float,
        default=0.7,
        metavar='IOU',
        help='garments of any categories whose boxes overlap more (IoU) are '
        'one; default 0.7, 1 keeps all',
    )
    command.add_argument('--device', help='default: CUDA if there is one')


def build(args: argparse.Namespace) -> None:
    """Make or extend an index; name the files that cannot be read."""
    check_batch_size(args)
    plugins.require('match_rcnn')
    from mmfashion_ext.match_rcnn.gallery import (
        GarmentEncoder,
        build_gallery,
        find_gallery_images,
    )

    find_gallery_images(args.images)  # before the model is loaded
    encoder = GarmentEncoder(
        args.config,
        args.weights,
        args.device,
        score_thr=args.score_thr,
        batch_size=args.batch_size,
    )
    report = build_gallery(
        args.images, encoder, args.out, duplicate_iou=args.duplicate_iou
    )
    print_report(args.out, report)


def update(args: argparse.Namespace) -> None:
    """Compare an index with the files of its images."""
    check_batch_size(args)
    plugins.require('match_rcnn')
    from mmfashion_ext.match_rcnn.gallery import (
        GarmentEncoder,
        update_gallery,
    )
    from mmfashion_ext.match_rcnn.gallery_query import index_model
    from mmfashion_ext.retrieval.gallery_index import GalleryIndex

    index = GalleryIndex.load(args.index)
    encoder = GarmentEncoder(
        *index_model(index, args.index, args.config, args.weights),
        args.device,
        score_thr=args.score_thr,
        batch_size=args.batch_size,
    )
    report = update_gallery(
        args.index, encoder, args.images, duplicate_iou=args.duplicate_iou
    )
    print_report(args.index, report)


def check_batch_size(args: argparse.Namespace) -> None:
    """Refuse a batch without images."""
    if args.batch_size < 1:
        raise UserError(f'--batch-size must be 1 or more: {args.batch_size}')


def print_report(out: str, report: 'BuildReport') -> None:
    """Print what a build or an update changed."""
    for entry in report.skipped:
        print(f'skipped {entry["input"]}: {entry["reason"]}', file=sys.stderr)
    print(
        f'{out}: {report.garments} garments of {report.images} images '
        f'added, {report.known} images were indexed before, '
        f'{report.changed} of the added ones had changed, {report.removed} '
        f'are gone and removed, {report.empty} without clothes, '
        f'{len(report.skipped)} skipped'
    )


def remove(args: argparse.Namespace) -> None:
    """Remove images from an index."""
    plugins.require('match_rcnn')
    from mmfashion_ext.match_rcnn.gallery import remove_from_gallery

    images, garments = remove_from_gallery(args.index, args.images)
    print(f'{args.index}: {images} images, {garments} garments removed')


def info(args: argparse.Namespace) -> None:
    """Print what is in an index, and what became of its images."""
    plugins.require('match_rcnn')
    from mmfashion_ext.match_rcnn.gallery import describe_gallery

    for name, value in describe_gallery(args.index).items():
        name = name.replace('_', ' ')
        if isinstance(value, dict):
            print(f'{name}:')
            for entry, number in value.items():
                print(f'  {number:>9,}  {entry}')
        else:
            text = f'{value:,}' if isinstance(value, int) else value
            print(f'{name + ":":<17}{text}')


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
    from mmfashion_ext.match_rcnn.gallery_query import index_model
    from mmfashion_ext.retrieval.gallery_index import GalleryIndex
    from mmfashion_ext.utils.images import read_image

    index = GalleryIndex.load(args.index)
    image = read_image(args.image)  # before the model is loaded
    encoder = GarmentEncoder(
        *index_model(index, args.index, args.config, args.weights),
        args.device,
        score_thr=args.score_thr,
    )
    index.check_model(encoder.fingerprint, args.index)
    garments = query_gallery(
        args.image,
        index,
        encoder,
        args.topk,
        keep_missing=args.keep_missing,
        duplicate_iou=args.duplicate_iou,
    )
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
    {
        'build': build,
        'query': query,
        'update': update,
        'remove': remove,
        'info': info,
    }[args.command](args)


if __name__ == '__main__':
    run_tool(main)
