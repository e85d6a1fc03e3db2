# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Commands ``predict`` and ``landmarks``: clothes of images and videos."""

import click

from . import options
from .completion import complete_models

_DUPLICATE_IOU = 0.7


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion predict street.jpg',
        'mmfashion predict photos/ --out results',
        'mmfashion predict street.jpg --json > street.json',
    ],
)
@click.argument(
    'images', nargs=-1, required=True, metavar='IMAGE...', type=click.Path()
)
@options.model('the published detector')
@options.weights()
@options.out('DIR', 'Folder for predictions/, visualizations/, results.json.')
@click.option(
    '--coco',
    metavar='DIR',
    type=click.Path(),
    help='New folder of images and COCO JSON, as FiftyOne reads it.',
)
@options.draw
@options.score_thr()
@options.batch_size('Images')
@options.device
@options.as_json
def predict(
    images: tuple[str, ...],
    model: str | None,
    weights: str | None,
    out: str | None,
    coco: str | None,
    draw: bool,
    score_thr: float,
    batch_size: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Find clothes: boxes, masks, categories and landmarks.

    IMAGE is an image, a URL, a folder of images or a video. A line of the
    output is a garment: category, score 0 to 1, box (x1 y1 x2 y2 in px).
    """
    from .defaults import choose_model
    from .output import (
        check_files,
        check_system,
        describe_garments,
        has_terminal,
        results_only,
        show_predictions,
    )

    check_files(images)
    folder = None
    if coco is not None:
        from ..formats.interchange import CocoFolder

        folder = CocoFolder(coco)
    name = choose_model('predict', model, weights)
    out = out or (options.DEFAULT_OUT if draw else None)
    with results_only() as stdout:
        infer = check_system(name, 'match_rcnn')(
            *(name, weights, device),
            batch_size=batch_size,
            show_progress=has_terminal(),
        )
        stream = infer(
            _one_or_all(images),
            out_dir=out,
            stream=True,
            score_thr=score_thr,
            duplicate_iou=_DUPLICATE_IOU,
            draw_score_thr=score_thr,
        )
        try:
            show_predictions(
                *(infer, stream, describe_garments),
                stdout=stdout,
                as_json=as_json,
                out=out,
                each=None if folder is None else folder.add,
            )
        except BaseException:
            if folder is not None:
                folder.discard()
            raise
        if folder is not None:
            folder.close()
            if not as_json:
                print(f'wrote {coco}/', file=stdout)


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion landmarks street.jpg --out results',
        'mmfashion landmarks shirt.jpg --whole-image --json',
    ],
)
@click.argument(
    'images', nargs=-1, required=True, metavar='IMAGE...', type=click.Path()
)
@options.model('the published landmark model')
@options.weights()
@click.option(
    '--det-model',
    metavar='NAME',
    shell_complete=complete_models,
    help='Model that finds the garments. Default: that of "predict".',
)
@click.option(
    '--det-weights',
    metavar='FILE',
    type=click.Path(),
    help='Its checkpoint, a file or URL. Default: the published ones.',
)
@click.option(
    '--whole-image',
    is_flag=True,
    help='Each image shows one garment: look for none.',
)
@options.out('DIR', 'Folder for predictions/, visualizations/, results.json.')
@options.draw
@options.score_thr()
@options.batch_size('Garments')
@options.device
@options.as_json
def landmarks(
    images: tuple[str, ...],
    model: str | None,
    weights: str | None,
    det_model: str | None,
    det_weights: str | None,
    whole_image: bool,
    out: str | None,
    draw: bool,
    score_thr: float,
    batch_size: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Find the landmarks of clothes by a network for landmarks alone.

    IMAGE is an image, a URL, a folder of images or a video. Garments are
    found by a detector first. A line of the output is a garment; --json gives
    the landmarks (x, y in px), their scores and names.
    """
    from .defaults import choose_model
    from .output import (
        check_files,
        check_system,
        describe_garments,
        has_terminal,
        results_only,
        show_predictions,
    )

    if whole_image and (det_model or det_weights):
        raise click.UsageError(
            '--whole-image goes without --det-model and --det-weights'
        )
    check_files(images)
    name = choose_model('landmarks', model, weights)
    if not whole_image:
        det_model = choose_model(
            'predict', det_model, det_weights, '--det-model'
        )
    out = out or (options.DEFAULT_OUT if draw else None)
    with results_only() as stdout:
        infer = check_system(name, 'landmark')(
            *(name, weights, device),
            det_model=det_model,
            det_weights=det_weights,
            batch_size=batch_size,
            show_progress=has_terminal(),
        )
        stream = infer(
            _one_or_all(images),
            out_dir=out,
            stream=True,
            bbox_thr=score_thr,
        )
        show_predictions(
            *(infer, stream, describe_garments),
            stdout=stdout,
            as_json=as_json,
            out=out,
        )


def _one_or_all(images: tuple[str, ...]) -> str | list[str]:
    """Return the only input itself, so that its error is not a skip."""
    return images[0] if len(images) == 1 else [*images]
