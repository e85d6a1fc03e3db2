# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Commands ``reid compare|index|search|info``; ``reid Q G`` compares."""

from pathlib import Path
from typing import Any

import click

from ..errors import UserError
from . import options
from .groups import DefaultGroup
from .people import index, info, search


@click.group(cls=DefaultGroup, default='compare')
def reid() -> None:
    """Find persons in videos: tracklets cut out, or raw videos.

    Without one of these words the command is compare: mmfashion reid QUERY
    GALLERY. For a folder that is called like one, write ./index.
    """


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion reid compare cam1/person001 cam2/',
        'mmfashion reid compare person.mp4 clips/ --top 5 --out results',
    ],
)
@click.argument('query', type=click.Path())
@click.argument('gallery', type=click.Path())
@options.model('the published model')
@options.weights()
@options.out('DIR', 'Folder for predictions/, visualizations/, results.json.')
@options.draw
@options.top('Tracklets')
@options.batch_size('Clips of 10 frames', 4)
@options.device
@options.as_json
def compare(
    query: str,
    gallery: str,
    model: str | None,
    weights: str | None,
    out: str | None,
    draw: bool,
    top: int,
    batch_size: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Rank video tracklets by how likely they show the same person.

    A tracklet is one walking person, cut out: a folder of frames, or a video
    clip. GALLERY is a folder of tracklets, QUERY a tracklet or also a folder
    of them. A line of the output is a tracklet of the gallery: rank,
    probability 0 to 1, path.
    """
    from .defaults import choose_model
    from .output import (
        check_system,
        has_terminal,
        results_only,
        show_predictions,
    )

    name = choose_model('reid', model, weights)
    out = out or (options.DEFAULT_OUT if draw else None)
    with results_only() as stdout:
        inferencer = check_system(name, 'scan')
        queries, tracklets = query_tracklets(query), gallery_tracklets(gallery)
        infer = inferencer(
            *(name, weights, device),
            batch_size=batch_size,
            show_progress=has_terminal(),
        )
        stream = infer(queries, tracklets, out_dir=out, stream=True, top=top)

        def describe(prediction: dict) -> list[str]:
            return describe_ranking(prediction, top)

        show_predictions(
            *(infer, stream, describe),
            stdout=stdout,
            as_json=as_json,
            out=out,
        )


def tracklet(path: str | Path) -> dict[str, Any]:
    """Return a tracklet by its path: a folder, or the frames of a video.

    Args:
        path (str | Path): Folder of frames, or video clip of one person.

    Returns:
        dict: The path -> what ``SCANInferencer`` reads; a video's frames are
        (h, w, 3) uint8 BGR.

    Raises:
        UserError: It is neither.
    """
    from ..utils.video import VideoReader, is_video_file

    folder = Path(path).expanduser()
    if folder.is_dir():
        return {str(path): str(folder)}
    if is_video_file(folder):
        return {str(path): VideoReader(folder)}
    raise UserError(
        f'{path}: '
        + ('is a file' if folder.exists() else 'no such file or folder')
        + '; expected a tracklet: a folder of frames or a video clip'
    )


def query_tracklets(path: str) -> dict[str, Any]:
    """Return the tracklets to rank for: one, or those of a folder.

    Args:
        path (str): A tracklet, or a folder of tracklets.

    Returns:
        dict: See :func:`tracklet`.

    Raises:
        UserError: It is neither.
    """
    folder = Path(path).expanduser()
    if folder.is_dir() and not _has_images(folder):
        return gallery_tracklets(path)
    return tracklet(path)


def _has_images(folder: Path) -> bool:
    from ..utils.images import is_image_file

    return any(is_image_file(file) for file in folder.iterdir())


def gallery_tracklets(path: str) -> dict[str, Any]:
    """Return the tracklets of a folder: its folders of images, its videos.

    Args:
        path (str): A folder.

    Returns:
        dict: Path -> what ``SCANInferencer`` reads, see :func:`tracklet`, in
        the natural order of names.

    Raises:
        UserError: The folder does not exist, or has no tracklets.
    """
    from ..utils.images import natural_order
    from ..utils.video import is_video_file

    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(
            f'{path}: no such folder; expected a folder of tracklets'
        )
    found: dict[str, Any] = {}
    for entry in sorted(folder.iterdir(), key=natural_order):
        if entry.name.startswith('.'):
            continue
        if entry.is_dir():
            if _has_images(entry):
                found |= tracklet(entry)
        elif is_video_file(entry):
            found |= tracklet(entry)
    if not found:
        raise UserError(
            f'{path}: no tracklets in this folder; expected a folder of '
            'frames, or a video clip, for each person and camera'
        )
    return found


def describe_ranking(prediction: dict, top: int) -> list[str]:
    """Return the lines of a query: its path, then its best matches.

    Args:
        prediction (dict): ``gallery``, G names, and ``scores`` (G,).
        top (int): How many to name.
    """
    total = len(prediction['gallery'])
    ranked = zip(prediction['gallery'], prediction['scores'], strict=True)
    lines = [f'{prediction["input"]}: {min(top, total)} best of {total}']
    for rank, (name, score) in enumerate([*ranked][:top], 1):
        lines.append(f'{rank:>4}  {score:.3f}  {name}')
    return lines


reid.add_section('Commands', compare, index, search, info)
