# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Commands ``gallery build|query|update|remove|info``."""

from pathlib import Path
from typing import Any

import click

from . import options
from .groups import Group
from .options import Decorator, Number

_OWN = 'what the index was built with'

duplicate_iou = click.option(
    '--duplicate-iou',
    metavar='IOU',
    type=Number(float, 0, 1),
    default=0.7,
    show_default=True,
    help='Garments whose boxes overlap more are one; 1 keeps all.',
)


def encoder_options(default: str) -> Decorator:
    """Return the options ``--encoder`` and ``--encoder-weights``."""

    def add(command: Any) -> Any:
        command = click.option(
            '--encoder-weights',
            metavar='FILE',
            type=click.Path(),
            help='Checkpoint of the encoder. Default: the published one.',
        )(command)
        return click.option(
            '--encoder',
            metavar='NAME',
            help='Image encoder that compares the garments, of timm or '
            f'mmpretrain: timm:NAME, mmpretrain:NAME. Default: {default}.',
        )(command)

    return add


store = click.option(
    '--store',
    metavar='KIND',
    type=click.Choice(['exact', 'faiss', 'milvus']),
    help='Engine that searches the vectors; the index remembers it. Default: '
    'none, the index is searched.',
)

store_url = click.option(
    '--store-url',
    metavar='URL',
    help='Server of --store milvus, http://HOST:PORT; needed each time.',
)


def index_argument(name: str = 'index') -> Decorator:
    """Return the argument that is the file of an index."""
    return click.argument(name, metavar='INDEX', type=click.Path())


def images_argument(required: bool = True) -> Decorator:
    """Return the argument that is image files and folders."""
    return click.argument(
        'images',
        metavar='IMAGE...' if required else '[IMAGE...]',
        nargs=-1,
        required=required,
        type=click.Path(),
    )


@click.group(cls=Group)
def gallery() -> None:
    """Search for garments in shop images, by an index of them."""


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion gallery build shop/ --out shop.index',
        'mmfashion gallery build shop/ --out a --encoder NAME '
        '--encoder-weights FILE',
    ],
)
@images_argument()
@options.model(
    'the published retrieval model, with --encoder the published detector'
)
@options.weights()
@encoder_options(
    "the model's match network; without --model, if no retrieval model is "
    'published, timm:tf_efficientnet_lite0'
)
@store
@store_url
@options.out('INDEX', 'File of the index.', required=True)
@options.score_thr()
@duplicate_iou
@options.batch_size('Images', 8)
@click.option(
    '--jobs',
    metavar='N',
    type=Number(int, 1),
    default=1,
    show_default=True,
    help='Processes that read the images.',
)
@options.device
def build(
    images: tuple[str, ...],
    model: str | None,
    weights: str | None,
    encoder: str | None,
    encoder_weights: str | None,
    store: str | None,
    store_url: str | None,
    out: str,
    score_thr: float,
    duplicate_iou: float,
    batch_size: int,
    jobs: int,
    device: str | None,
) -> None:
    """Make an index of the garments of images, or extend one.

    An interrupted build continues where it stopped.
    """
    from .defaults import choose_encoder, choose_model
    from .gallery_actions import EncoderOptions, build_index
    from .output import check_files, check_system, results_only

    check_files(images, 'image files and folders')
    encoder = choose_encoder(model, weights, encoder)
    name = choose_model('predict' if encoder else 'gallery', model, weights)
    with results_only() as stdout:
        check_system(name, 'match_rcnn')
        chosen = EncoderOptions(
            *(name, weights, device, score_thr, duplicate_iou, batch_size),
            *(encoder, encoder_weights, store, store_url, jobs),
        )
        build_index([*images], out, chosen, stdout)


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion gallery query shop.index street.jpg',
        'mmfashion gallery query shop.index street.jpg --out found.jpg',
    ],
)
@index_argument()
@click.argument('image', type=click.Path())
@options.model(_OWN)
@options.weights(_OWN)
@encoder_options(_OWN)
@store_url
@options.out('JPG', 'File of a sheet of the matches, .jpg or .png.')
@options.top('Matches of each garment')
@options.score_thr()
@duplicate_iou
@click.option(
    '--keep-missing',
    is_flag=True,
    help='Also match images that are gone, of an index that was moved.',
)
@options.device
@options.as_json
def query(
    index: str,
    image: str,
    model: str | None,
    weights: str | None,
    encoder: str | None,
    encoder_weights: str | None,
    store_url: str | None,
    out: str | None,
    top: int,
    score_thr: float,
    duplicate_iou: float,
    keep_missing: bool,
    device: str | None,
    as_json: bool,
) -> None:
    """Find the garments of an image in an index.

    IMAGE is a file or URL. A line of the output is a match: rank, probability
    0 to 1 that it is the same garment, category, image.
    """
    from .gallery_actions import EncoderOptions, query_index
    from .output import check_files, print_json, results_only

    check_files([image], 'an image or a URL')
    chosen = EncoderOptions(
        *(model, weights, device, score_thr, duplicate_iou, 1),
        *(encoder, encoder_weights, None, store_url),
    )
    with results_only() as stdout:
        garments = query_index(
            *(index, image, chosen),
            topk=top,
            out=out,
            keep_missing=keep_missing,
        )
        if as_json:
            print_json({'input': image, 'garments': garments}, stdout)
            return
        for garment in garments:
            print(*describe_matches(garment), sep='\n', file=stdout)
        if out:
            print(f'wrote {out}', file=stdout)


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion gallery update shop.index',
        'mmfashion gallery update shop.index new/',
    ],
)
@index_argument()
@images_argument(required=False)
@options.model(_OWN)
@options.weights(_OWN)
@encoder_options(_OWN)
@store_url
@options.score_thr()
@duplicate_iou
@options.batch_size('Images', 8)
@options.device
def update(
    index: str,
    images: tuple[str, ...],
    model: str | None,
    weights: str | None,
    encoder: str | None,
    encoder_weights: str | None,
    store_url: str | None,
    score_thr: float,
    duplicate_iou: float,
    batch_size: int,
    device: str | None,
) -> None:
    """Read changed images again, drop those that are gone, add new ones."""
    from .gallery_actions import EncoderOptions, update_index
    from .output import check_files, results_only

    check_files(images, 'image files and folders')
    chosen = EncoderOptions(
        *(model, weights, device, score_thr, duplicate_iou, batch_size),
        *(encoder, encoder_weights, None, store_url),
    )
    with results_only() as stdout:
        update_index(index, [*images], chosen, stdout)


@click.command(
    cls=options.Command,
    examples=['mmfashion gallery remove shop.index shop/sold/'],
)
@index_argument()
@images_argument()
@store_url
def remove(index: str, images: tuple[str, ...], store_url: str | None) -> None:
    """Remove images, files or whole folders, from an index."""
    from .gallery_actions import remove_images
    from .output import results_only

    with results_only() as stdout:
        remove_images(index, [*images], stdout, store_url)


@click.command(
    cls=options.Command, examples=['mmfashion gallery info shop.index']
)
@index_argument()
def info(index: str) -> None:
    """Print what is in an index, and what became of its images."""
    from .gallery_actions import print_index
    from .output import results_only

    with results_only() as stdout:
        print_index(index, stdout)


def describe_matches(garment: dict) -> list[str]:
    """Return the lines of a garment: what it is, then its matches.

    Args:
        garment (dict): ``category``, ``bbox`` (4) xyxy px, and ``matches``.
    """
    box = ' '.join(f'{value:.0f}' for value in garment['bbox'])
    lines = [f'{garment["category"]}, box {box}']
    for rank, match in enumerate(garment['matches'], 1):
        lines.append(
            f'{rank:>4}  {match["similarity"]:.3f}  {match["category"]:<21}  '
            f'{Path(match["image"])}'
        )
    return lines


gallery.add_section('Commands', build, query, update, remove, info)
