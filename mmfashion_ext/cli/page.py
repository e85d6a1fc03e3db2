# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Command ``app``: the four systems as pages in a browser."""

import functools
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UserError
from . import options
from .completion import complete_models
from .gallery import encoder_options
from .options import Decorator, Number

if TYPE_CHECKING:
    from ..app.models import Choice
    from ..app.shop import Shop
    from .gallery_actions import EncoderOptions

#: Page -> the start of its options, and the system of its model.
_PAGES = {
    'predict': ('det', 'match_rcnn'),
    'gallery': ('retrieval', 'match_rcnn'),
    'try-on': ('try-on', 'tryon'),
    'reid': ('reid', 'scan'),
}


def _model_options(task: str, what: str) -> Decorator:
    """Return the two options of a page's model."""
    start = _PAGES[task][0]

    def add(function: Any) -> Any:
        function = click.option(
            f'--{start}-weights',
            metavar='FILE',
            type=click.Path(),
            help='Its checkpoint, a file or URL. Default: the published ones.',
        )(function)
        return click.option(
            f'--{start}-model',
            metavar='NAME',
            shell_complete=complete_models,
            help=f'Model that {what}. Default: the published one.',
        )(function)

    return add


@click.command(
    'app',
    cls=options.Command,
    examples=[
        'mmfashion app',
        'mmfashion app --gallery shop.index --port 8000',
        'mmfashion app --gallery shop/ --encoder NAME --encoder-weights FILE',
    ],
)
@click.option(
    '--gallery',
    metavar='PATH',
    type=click.Path(),
    help='Index of a shop (mmfashion gallery build), or a folder of shop '
    'images, which is indexed at the first search. Default: the photographs '
    'that come with the package.',
)
@_model_options('predict', 'finds the garments')
@_model_options('gallery', 'compares garments')
@encoder_options('what the index was built with')
@_model_options('try-on', 'dresses persons')
@_model_options('reid', 'compares persons')
@click.option(
    '--host',
    metavar='ADDRESS',
    default='127.0.0.1',
    show_default=True,
    help='Where to listen; 0.0.0.0: other machines can open the pages too.',
)
@click.option(
    '--port',
    metavar='N',
    type=Number(int, 1, 65535),
    help='Default: the first free one from 7860.',
)
@options.device
def app(
    gallery: str | None,
    host: str,
    port: int | None,
    device: str | None,
    **named: str | None,
) -> None:
    """Serve pages: analyse a photo, find in shop, try on, find a person.

    Needs the extra "app". Nothing is sent to another machine.
    """
    from ..app.server import serve
    from .gallery_actions import EncoderOptions
    from .output import check_files, results_only

    if gallery is not None:
        check_files([gallery], 'an index or a folder of images')
    with results_only() as stdout, tempfile.TemporaryDirectory() as folder:
        choices = {
            task: choose(
                *(task, named[f'{key}_model'], named[f'{key}_weights'], device)
            )
            for task, key in (
                ('predict', 'det'),
                ('try-on', 'try_on'),
                ('reid', 'reid'),
            )
        }
        encoder = EncoderOptions(
            named['retrieval_model'],
            named['retrieval_weights'],
            device,
            encoder=named['encoder'],
            encoder_weights=named['encoder_weights'],
        )
        choices['gallery'] = choose_shop(gallery, encoder, Path(folder))
        with serve(choices, host, port) as running:
            print(f'pages: {running.url} (Ctrl-C ends)', file=stdout)
            stdout.flush()
            wait()


def wait() -> None:
    """Wait until the process is interrupted or asked to end."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    threading.Event().wait()


def choose(
    task: str, model: str | None, weights: str | None, device: str | None
) -> 'Choice':
    """Return the model of a page; without a published one, what is missing.

    Args:
        task (str): ``'predict'``, ``'try-on'`` or ``'reid'``.
        model (str, optional): What was named. None: the published one.
        weights (str, optional): What was named. None: the published ones.
        device (str, optional): None: CUDA where there is one.

    Raises:
        UserError: What was named cannot be used.
    """
    from ..app.models import Choice

    name = _choose_name(task, task, model, weights)
    if isinstance(name, UserError):
        return Choice(missing=_text(name))
    build = functools.partial(_inferencer, task, name, weights, device)
    return Choice(name, build)


def choose_shop(
    gallery: str | None, encoder: 'EncoderOptions', folder: Path
) -> 'Choice':
    """Return the shop to search in; without a model for it what is missing.

    Args:
        gallery (str, optional): File of an index, or folder of images. None:
            the photographs of the package.
        encoder (EncoderOptions): What was named; of an index it may be empty.
        folder (Path): For the index of a folder of images.

    Raises:
        UserError: What was named cannot be used.
    """
    from dataclasses import replace

    from ..app.models import Choice
    from .defaults import choose_encoder

    if gallery is not None and Path(gallery).expanduser().is_file():
        from ..retrieval.gallery_index import GalleryIndex

        path = str(Path(gallery).expanduser())
        index = GalleryIndex.load(path)
        shown = encoder.model or str(index.origin.get('config'))
        build = functools.partial(_indexed_shop, path, index, encoder)
        return Choice(shown, build)
    chosen = choose_encoder(encoder.model, encoder.weights, encoder.encoder)
    encoder = replace(encoder, encoder=chosen)
    task = 'predict' if chosen else 'gallery'
    name = _choose_name('gallery', task, encoder.model, encoder.weights)
    if isinstance(name, UserError):
        return Choice(
            missing=f'{_text(name)} Or start the pages with the index of a '
            'shop, mmfashion app --gallery INDEX (mmfashion gallery build '
            'makes one), or with an image encoder, --encoder NAME '
            '--encoder-weights FILE.'
        )
    encoder = replace(encoder, model=name)
    build = functools.partial(_new_shop, gallery, encoder, folder)
    return Choice(encoder.encoder or name, build)


def _choose_name(
    page: str, task: str, model: str | None, weights: str | None
) -> str | UserError:
    """Return a model's name; the error if nothing was named or published."""
    from .defaults import choose_model

    try:
        return choose_model(task, model, weights, f'--{_PAGES[page][0]}-model')
    except UserError as error:
        if model is not None or weights is not None:
            raise
        return error


def _text(error: UserError) -> str:
    """Return an error as a sentence."""
    text = str(error)
    return f'{text[:1].upper()}{text[1:]}.'


def _inferencer(
    task: str, name: str, weights: str | None, device: str | None
) -> Any:
    """Build the inferencer of a page."""
    from .output import check_system

    kind = check_system(name, _PAGES[task][1])
    return kind(name, weights, device, show_progress=False)


def _indexed_shop(path: str, index: Any, encoder: 'EncoderOptions') -> 'Shop':
    """Return the shop of an index, the file ``path``."""
    from ..app.shop import Shop

    built = encoder.build_for(index, path)
    index.check_model(built.fingerprint, path)
    return Shop(index, built)


def _new_shop(
    gallery: str | None, encoder: 'EncoderOptions', folder: Path
) -> 'Shop':
    """Index the images of a shop, or those of the package."""
    from ..app.examples import garment_photos
    from ..app.shop import Shop
    from ..match_rcnn.gallery import build_gallery
    from ..retrieval.gallery_index import GalleryIndex

    built = encoder.build()
    images = [gallery] if gallery is not None else garment_photos()
    out = folder / 'shop.index'
    build_gallery(images, built, out)
    return Shop(GalleryIndex.load(out), built)
