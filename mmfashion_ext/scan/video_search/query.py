# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Queries of an index of persons: folders, clips, boxes and results."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import UserError, describe
from ...utils.video import VideoReader, is_video_file
from ..inputs import TrackletFeatures
from .build import IndexOptions, describe_video, index_video
from .finder import PersonFinder
from .index_file import (
    IndexedTracklet,
    IndexedVideo,
    PersonIndex,
    format_time,
)
from .model import Model
from .tracklets import Cleaning

#: A query may be short and small.
QUERY_CLEANING = Cleaning(min_height=1, min_sharpness=0, min_frames=3)
_MIN_IOU = 0.3  # of a box that a person drew, with the one in the index


class Query(NamedTuple):
    """A person to search for.

    Attributes:
        features (TrackletFeatures): With a name; features (m, T, D).
        own (int, optional): Its index among the tracklets of the index, if
            it is one of them.
    """

    features: TrackletFeatures
    own: int | None = None


@dataclass(frozen=True)
class BoxInVideo:
    """A person that is named by a box.

    Attributes:
        box (tuple[float, float, float, float]): x, y, w, h in px.
        time (float): Seconds from the start of the video.
    """

    box: tuple[float, float, float, float]
    time: float


def resolve_query(
    query: str,
    index: PersonIndex,
    model: Model,
    *,
    box: BoxInVideo | None = None,
    finder: PersonFinder | None = None,
    options: IndexOptions | None = None,
) -> list[Query]:
    """Return the persons that a query stands for.

    Args:
        query (str): ``VIDEO#NUMBER`` as results are named; a folder of frames
            or a video of one person cut out; or, with ``box`` or ``finder``,
            a video of a scene.
        index (PersonIndex): With features (M, T, D).
        model (Model): That of the index.
        box (BoxInVideo, optional): The person in a video of the index or,
            with ``finder``, in any video.
        finder (PersonFinder, optional): Finds all persons of the video.
        options (IndexOptions, optional): Of the tracklets then.

    Returns:
        list[Query]: One or more; several only of a video with a finder.

    Raises:
        UserError: It stands for nobody.
    """
    names = index.names()
    if query in names and box is None:
        own = names.index(query)
        return [Query(_named(query, index.tracklets[own]), own)]
    path = Path(query).expanduser()
    if not path.exists():
        raise UserError(
            f'{query}: no such file, folder or tracklet of the index; its '
            f'tracklets are {describe(names)}'
        )
    if finder is not None:
        return _of_scene(path, index, model, finder, options, box)
    if box is not None:
        return [_of_box(path, index, names, box)]
    return [Query(_of_person(path, model))]


def find_box(
    tracklets: list[IndexedTracklet], fps: float, box: BoxInVideo
) -> int | None:
    """Return which tracklet a box shows; None if it shows none.

    Args:
        tracklets (list[IndexedTracklet]): Of one video, n boxes (n, 5) each.
        fps (float): Frames per second of the video.
        box (BoxInVideo): Of a moment; the nearest frame within half a second
            counts.
    """
    x, y, w, h = box.box
    corners = np.array([x, y, x + w, y + h])
    best, found = _MIN_IOU, None
    for number, tracklet in enumerate(tracklets):
        away = np.abs(tracklet.boxes[:, 0] - box.time * fps)
        nearest = int(away.argmin())
        if away[nearest] > max(fps / 2, 1):
            continue
        overlap = _iou(corners, tracklet.boxes[nearest, 1:])
        if overlap >= best:
            best, found = overlap, number
    return found


def _of_box(
    path: Path, index: PersonIndex, names: list[str], box: BoxInVideo
) -> Query:
    """Return the tracklet of the index that a box shows."""
    paths = [Path(video.path) for video in index.videos]
    matching = [i for i, known in enumerate(paths) if known == path.absolute()]
    matching = matching or [
        i for i, known in enumerate(paths) if known.name == path.name
    ]
    if len(matching) != 1:
        raise UserError(
            f'{path}: --box names a person of a video of the index, whose '
            f'videos are {describe(map(str, paths))}; of another one pass '
            '--detector or --boxes too'
        )
    numbers = [
        i for i, t in enumerate(index.tracklets) if t.video == matching[0]
    ]
    inside = [index.tracklets[i] for i in numbers]
    found = find_box(inside, index.videos[matching[0]].fps, box)
    if found is None:
        times = [
            f'{names[i]} {_span(index, index.tracklets[i])}' for i in numbers
        ]
        raise UserError(
            f'{path}: no person at {format_time(box.time)} in the box '
            f'{describe(f"{v:g}" for v in box.box)} (x, y, w, h); in the '
            f'index are {describe(times, "; ") or "none of this video"}'
        )
    own = numbers[found]
    return Query(_named(names[own], index.tracklets[own]), own)


def _of_scene(
    path: Path,
    index: PersonIndex,
    model: Model,
    finder: PersonFinder,
    options: IndexOptions | None,
    box: BoxInVideo | None,
) -> list[Query]:
    """Return the persons that a detector or boxes show in a video."""
    options = options or IndexOptions()
    record = describe_video(path, finder, model.infer, options)
    found = index_video(path, record, model, finder, options)
    chosen = [*range(len(found))]
    if box is not None:
        number = find_box(found.tracklets, record.fps, box)
        chosen = [] if number is None else [number]
    if not chosen:
        where = 'in this box ' if box is not None else ''
        raise UserError(
            f'{path}: no person {where}that can be used; '
            f'{found.videos[0].tracks} tracks were found, dropped: '
            f'{found.videos[0].dropped or "none"}'
        )
    named = found.features()
    return [
        Query(named[i], _in_index(found.tracklets[i], record, index))
        for i in chosen
    ]


def _in_index(
    tracklet: IndexedTracklet, video: IndexedVideo, index: PersonIndex
) -> int | None:
    """Return which tracklet of the index is the same one, if one is."""
    numbers = [
        i
        for i, other in enumerate(index.tracklets)
        if index.videos[other.video].path == video.path
    ]
    frame, x1, y1, x2, y2 = tracklet.boxes[len(tracklet.boxes) // 2].tolist()
    box = BoxInVideo((x1, y1, x2 - x1, y2 - y1), frame / video.fps)
    found = find_box([index.tracklets[i] for i in numbers], video.fps, box)
    return None if found is None else numbers[found]


def _of_person(path: Path, model: Model) -> TrackletFeatures:
    """Return the features of a person whose frames are cut out."""
    if path.is_dir():
        return model.infer.extract(str(path))
    if not is_video_file(path):
        raise UserError(
            f'{path}: is a file; expected a folder of frames, a video, or a '
            'tracklet of the index'
        )
    reader = VideoReader(path)
    height, width = next(iter(reader)).shape[:2]
    if width > height:
        raise UserError(
            f'{path}: frames of {width} x {height} px are not those of one '
            'person cut out; say who is meant: --box X Y W H --at SECONDS, '
            'or --boxes FILE or --detector NAME for all persons in it'
        )
    return model.infer.extract(reader, str(path))


def _named(name: str, tracklet: IndexedTracklet) -> TrackletFeatures:
    return TrackletFeatures(name, tracklet.features, tracklet.frames())


def _span(index: PersonIndex, tracklet: IndexedTracklet) -> str:
    start, end = index.times(tracklet)
    return f'{format_time(start)}-{format_time(end)}'


def _iou(first: np.ndarray, second: np.ndarray) -> float:
    """Return the overlap, 0-1, of two boxes (4,) xyxy px."""
    corner = np.maximum(first[:2], second[:2])
    inside = np.prod(
        np.clip(np.minimum(first[2:], second[2:]) - corner, 0, None)
    )
    areas = [np.prod(box[2:] - box[:2]) for box in (first, second)]
    return float(inside / max(sum(areas) - inside, 1e-9))
