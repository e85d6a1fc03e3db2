# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Commands ``reid index|search|info``: persons in raw videos."""

import click

from ..errors import UserError
from . import options
from .completion import complete_models
from .options import Decorator, Number

_OWN = 'what the index was made with'
_PUBLISHED = 'the published ones'

boxes_option = click.option(
    '--boxes',
    metavar='FILE',
    type=click.Path(),
    help='Boxes of persons: MOT text or COCO JSON, or a folder of them.',
)
detector_option = click.option(
    '--detector',
    metavar='NAME',
    shell_complete=complete_models,
    help='Detector of persons: model of mmdet, or config file.',
)
detector_weights_option = click.option(
    '--detector-weights',
    metavar='FILE',
    type=click.Path(),
    help='Its checkpoint, a file or URL. Default: the published ones.',
)
person_class_option = click.option(
    '--person-class',
    metavar='NAME',
    help='Class of the detector that is a person. Default: person.',
)


def finds_persons(command: click.decorators.FC) -> click.decorators.FC:
    """Add the options that say where the boxes of persons come from."""
    for option in (
        person_class_option,
        detector_weights_option,
        detector_option,
        boxes_option,
    ):
        command = option(command)
    return command


def _number(
    name: str, kind: type, low: float, default: float, text: str
) -> Decorator:
    return click.option(
        name,
        metavar='N',
        type=Number(kind, low, 1 if name == '--start-score' else None),
        default=default,
        show_default=True,
        help=text,
    )


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion reid index cam1.mp4 --boxes cam1.txt --out people.index',
        'mmfashion reid index videos/ --detector NAME --out people.index',
    ],
)
@click.argument(
    'videos', metavar='VIDEO...', nargs=-1, required=True, type=click.Path()
)
@options.out('INDEX', 'File of the index.', required=True)
@finds_persons
@_number('--start-score', float, 0, 0.5, 'Lowest score that begins a track.')
@_number('--min-height', float, 1, 32, 'Lowest height of a person, px.')
@_number('--min-frames', int, 1, 10, 'Fewest frames of a tracklet.')
@_number('--max-frames', int, 1, 250, 'Most frames of a tracklet.')
@_number(
    '--min-sharpness', float, 0, 0.02, 'Lowest sharpness; 0 keeps blurred.'
)
@click.option(
    '--tracks',
    metavar='DIR',
    type=click.Path(),
    help='Also write the boxes of the tracklets there, as MOT text.',
)
@options.model('the published model')
@options.weights()
@options.batch_size('Clips of 10 frames', 4)
@options.device
def index(
    videos: tuple[str, ...],
    out: str,
    boxes: str | None,
    detector: str | None,
    detector_weights: str | None,
    person_class: str | None,
    start_score: float,
    min_height: float,
    min_frames: int,
    max_frames: int,
    min_sharpness: float,
    tracks: str | None,
    model: str | None,
    weights: str | None,
    batch_size: int,
    device: str | None,
) -> None:
    """Make an index of the persons of raw videos, or extend one.

    VIDEO is a video file, a folder of videos, or a folder with an image for
    each frame. Boxes without tracks are tracked (ByteTrack). An interrupted
    run continues where it stopped.
    """
    from .defaults import choose_model
    from .output import has_terminal, results_only
    from .people_actions import (
        BoxSource,
        CleaningOptions,
        ModelOptions,
        make_index,
    )

    source = BoxSource(
        *(boxes, detector, detector_weights, person_class, device)
    )
    source.check('index')
    name = choose_model('reid', model, weights)
    with results_only() as stdout:
        make_index(
            [*videos],
            out,
            source,
            ModelOptions(name, weights, device, batch_size),
            CleaningOptions(
                *(min_height, min_sharpness, min_frames, max_frames),
                start_score=start_score,
            ),
            tracks=tracks,
            progress=has_terminal(),
            file=stdout,
        )


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion reid search people.index --query person/ --out found.jpg',
        'mmfashion reid search people.index --query "cam1.mp4#3"',
        'mmfashion reid search p.index --query a.mp4 --at 9 --box 31 8 60 150',
    ],
)
@click.argument('index', metavar='INDEX', type=click.Path())
@click.option(
    '--query',
    metavar='QUERY',
    required=True,
    type=click.Path(),
    help='The person: frames, clip, video with --box, or VIDEO#NUMBER.',
)
@click.option(
    '--box',
    metavar='X Y W H',
    nargs=4,
    type=float,
    help='The person in the video, px; with --at.',
)
@click.option(
    '--at',
    metavar='SECONDS',
    type=Number(float, 0),
    help='When the box shows the person.',
)
@finds_persons
@click.option(
    '--other-videos',
    is_flag=True,
    help='Of a query of the index: only matches in other videos.',
)
@options.out('JPG', 'File of a sheet of the matches, .jpg or .png.')
@options.top('Matches')
@options.model(_OWN)
@options.weights(_OWN)
@options.batch_size('Clips of 10 frames', 4)
@options.device
@options.as_json
def search(
    index: str,
    query: str,
    box: tuple[float, float, float, float] | None,
    at: float | None,
    boxes: str | None,
    detector: str | None,
    detector_weights: str | None,
    person_class: str | None,
    other_videos: bool,
    out: str | None,
    top: int,
    model: str | None,
    weights: str | None,
    batch_size: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Find a person in an index of videos.

    QUERY is a folder of frames or a clip of one person cut out; a video of
    the index, with --box and --at; VIDEO#NUMBER as a result is named; or any
    video with --boxes or --detector, for all persons in it. A line of the
    output is a tracklet: rank, probability 0 to 1, name, times.
    """
    from .output import print_json, results_only
    from .people_actions import (
        BoxSource,
        ModelOptions,
        describe_matches,
        find_persons,
    )

    if (box is None) != (at is None):
        raise click.UsageError('--box and --at go together')
    if out and not out.lower().endswith(('.jpg', '.jpeg', '.png')):
        raise UserError(f'--out must end with .jpg or .png, got {out}')
    source = BoxSource(
        *(boxes, detector, detector_weights, person_class, device)
    )
    with results_only() as stdout:
        results = find_persons(
            index,
            query,
            source,
            ModelOptions(model, weights, device, batch_size),
            place=None if box is None or at is None else (box, at),
            top=top,
            other_videos=other_videos,
            out=out,
        )
        if as_json:
            print_json({'index': index, 'results': results}, stdout)
            return
        for result in results:
            print(*describe_matches(result), sep='\n', file=stdout)
        if out:
            print(f'wrote {out}', file=stdout)


@click.command(
    cls=options.Command, examples=['mmfashion reid info people.index']
)
@click.argument('index', metavar='INDEX', type=click.Path())
@options.as_json
def info(index: str, as_json: bool) -> None:
    """Print the videos and tracklets of an index."""
    from .output import print_json, results_only
    from .people_actions import describe_index, index_content

    with results_only() as stdout:
        content = index_content(index)
        if as_json:
            print_json(content, stdout)
        else:
            print(*describe_index(content), sep='\n', file=stdout)
