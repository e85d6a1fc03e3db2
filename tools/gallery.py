# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Build a gallery of shop images, keep it up to date, and search it.

Examples:
    python tools/gallery.py build images/ --config NAME \
        --weights epoch_12.pth --out shop.index
    python tools/gallery.py build images/ --out shop.index \
        --encoder timm:convnext_tiny --encoder-weights model.safetensors
    python tools/gallery.py query shop.index street.jpg --topk 10 --out a.jpg
    python tools/gallery.py update shop.index
    python tools/gallery.py remove shop.index images/sold/
    python tools/gallery.py info shop.index

Building again with more images extends the index; an interrupted build
continues where it stopped. An image is read again if its file changed.
"""

import argparse

from mmfashion_ext.cli import gallery_actions
from mmfashion_ext.cli.defaults import choose_model
from mmfashion_ext.cli.gallery_actions import EncoderOptions
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
    add_store_arguments(build, (build, query, update, remove))
    for command in (build, update):
        command.add_argument(
            '--batch-size',
            type=int,
            default=8,
            help='images that go through the network together; default 8',
        )
    for command in (build, query, update):
        add_model_arguments(command, new=command is build)
    return parser.parse_args()


def add_store_arguments(
    build: argparse.ArgumentParser,
    commands: tuple[argparse.ArgumentParser, ...],
) -> None:
    """Add arguments: processes that build, what searches the vectors."""
    build.add_argument(
        '--jobs', type=int, default=1, help='processes that read the images'
    )
    build.add_argument(
        '--store',
        choices=('exact', 'faiss', 'milvus'),
        help='engine that searches the vectors; the index remembers it; '
        'default: none, the index is searched',
    )
    for command in commands:
        command.add_argument(
            '--store-url',
            metavar='URL',
            help='server of the store milvus, http://HOST:PORT; needed each '
            'time',
        )


def add_model_arguments(command: argparse.ArgumentParser, new: bool) -> None:
    """Add the arguments that say what detects and compares clothes."""
    default = 'what the index was built with'
    command.add_argument(
        *('--config', '--model'),
        help='config file or name of a model; default: '
        + (
            'the published one; of an --encoder, the published detector'
            if new
            else f'{default}, if it is in the zoo'
        ),
    )
    command.add_argument(
        *('--weights', '--checkpoint'),
        help='checkpoint, a file or URL; default: '
        + ('the published ones' if new else f'{default}, if a file'),
    )
    command.add_argument(
        '--encoder',
        metavar='NAME',
        help='image encoder that compares the clothes, of timm or mmpretrain '
        '(timm:NAME, mmpretrain:NAME); default: '
        + ("the model's match network" if new else default),
    )
    command.add_argument(
        '--encoder-weights',
        metavar='FILE',
        help='checkpoint of the encoder; nothing is downloaded',
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


def options_of(args: argparse.Namespace) -> EncoderOptions:
    """Return the options of :func:`add_model_arguments`."""
    return EncoderOptions(
        model=args.config,
        weights=args.weights,
        device=args.device,
        score_thr=args.score_thr,
        duplicate_iou=args.duplicate_iou,
        batch_size=getattr(args, 'batch_size', 1),
        encoder=args.encoder,
        encoder_weights=args.encoder_weights,
        store=getattr(args, 'store', None),
        store_url=args.store_url,
        jobs=getattr(args, 'jobs', 1),
    )


def query(args: argparse.Namespace) -> None:
    """Find the clothes of an image in an index."""
    garments = gallery_actions.query_index(
        args.index,
        args.image,
        options_of(args),
        topk=args.topk,
        out=args.out,
        keep_missing=args.keep_missing,
    )
    gallery_actions.print_matches(garments)
    if args.json:
        write_json(args.json, {'image': args.image, 'garments': garments})
    if args.out:
        print(f'wrote {args.out}')


def main() -> None:
    args = parse_args()
    if args.command == 'build':
        command = 'predict' if args.encoder else 'gallery'
        args.config = choose_model(command, args.config, args.weights)
        gallery_actions.build_index(args.images, args.out, options_of(args))
    elif args.command == 'update':
        gallery_actions.update_index(args.index, args.images, options_of(args))
    elif args.command == 'query':
        query(args)
    elif args.command == 'remove':
        gallery_actions.remove_images(
            args.index, args.images, store_url=args.store_url
        )
    else:
        gallery_actions.print_index(args.index)


if __name__ == '__main__':
    run_tool(main)
