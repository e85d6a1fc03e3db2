# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What ``mmfashion reid index|search|info`` do.

Each function checks what is cheap to check before it imports PyTorch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..errors import UserError, describe
from ..plugins import require, require_package

if TYPE_CHECKING:
    from ..scan.video_search.finder import PersonFinder
    from ..scan.video_search.index_file import IndexedVideo, PersonIndex
    from ..scan.video_search.model import Model


@dataclass(frozen=True)
class BoxSource:
    """Where the boxes of persons come from.

    Attributes:
        boxes (str, optional): File or folder of boxes.
        detector (str, optional): Name of a model, or path of a config file.
        weights (str, optional): Its checkpoint.
        person_class (str, optional): Its class that is a person.
        device (str, optional): None: CUDA where there is one.
    """

    boxes: str | None = None
    detector: str | None = None
    weights: str | None = None
    person_class: str | None = None
    device: str | None = None

    def check(self, command: str) -> None:
        """Check that the boxes come from somewhere, and from one place.

        Raises:
            UserError: They do not.
        """
        if self.boxes and self.detector:
            raise UserError('--boxes or --detector, not both')
        if not self.boxes and not self.detector:
            raise UserError(
                f'mmfashion reid {command} needs the boxes of the persons, '
                'and no detector of persons has published weights: pass '
                '--detector NAME (any model of mmdet, with --detector-weights '
                'FILE) or --boxes FILE (MOT text or COCO JSON)'
            )

    def finder(self, videos: Sequence[Path]) -> 'PersonFinder | None':
        """Return what finds the persons of videos; None without options."""
        if not self.boxes and not self.detector:
            return None
        self.check('search')
        from ..formats.video_boxes.files import find_boxes
        from ..scan.video_search.finder import PersonFinder

        if self.boxes:
            files = find_boxes(self.boxes, videos)
            return PersonFinder(boxes=dict(zip(videos, files, strict=True)))
        from ..scan.video_search.detections import PersonDetector

        require_package('trackers', 'tracking of detected persons')
        return PersonFinder(
            PersonDetector(
                str(self.detector),
                self.weights,
                self.device,
                class_name=self.person_class,
            )
        )


@dataclass(frozen=True)
class ModelOptions:
    """The model that compares persons.

    Attributes:
        model (str, optional): Name of a model, or path of a config file.
            None: what the index was made with.
        weights (str, optional): File or URL. None: what the index was made
            with, or, of a new one, the published weights.
        device (str, optional): None: CUDA where there is one.
        batch_size (int): Clips that go through the network together.
    """

    model: str | None = None
    weights: str | None = None
    device: str | None = None
    batch_size: int = 1

    def load(self, index: 'PersonIndex | None', path: str) -> 'Model':
        """Load the model; of an index, the file ``path``, if one is given."""
        from ..hub.model_origin import origin_model
        from ..scan.video_search.model import video_model
        from .output import check_system

        name, weights = self.model, self.weights
        if index is not None:
            name, found = origin_model(index.origin, path, name, weights)
            weights = str(found)
        if name is None:
            raise UserError('a new index needs the model that it is of')
        check_system(name, 'scan')
        return video_model(
            name, weights, self.device, batch_size=self.batch_size
        )


@dataclass(frozen=True)
class CleaningOptions:
    """See ``scan.video_search.tracklets.Cleaning``."""

    min_height: float
    min_sharpness: float
    min_frames: int
    max_frames: int
    start_score: float


def make_index(
    videos: Sequence[str],
    out: str,
    source: BoxSource,
    model: ModelOptions,
    cleaning: CleaningOptions,
    *,
    tracks: str | None = None,
    progress: bool = False,
    file: TextIO | None = None,
) -> None:
    """Make or extend an index, and print a line for each video.

    Args:
        videos (Sequence[str]): Video files, folders of videos or frames.
        out (str): File of the index.
        source (BoxSource): Finds the persons.
        model (ModelOptions): With a model.
        cleaning (CleaningOptions): Which frames and tracks are used.
        tracks (str, optional): Folder for MOT text of the tracklets.
        progress (bool): Show a progress bar.
        file (TextIO, optional): Where to print. Defaults to None: stdout.

    Raises:
        UserError: See ``scan.video_search.build.build_person_index``.
    """
    require('scan')
    from ..scan.video_search.build import IndexOptions, build_person_index
    from ..scan.video_search.frames import find_videos
    from ..scan.video_search.tracklets import Cleaning
    from ..utils.skipped import skipped_line

    if Path(out).is_dir():
        raise UserError(f'--out {out} is a folder, expected a file')
    options = IndexOptions(
        Cleaning(
            min_height=cleaning.min_height,
            min_sharpness=cleaning.min_sharpness,
            min_frames=cleaning.min_frames,
            max_frames=cleaning.max_frames,
        ),
        cleaning.start_score,
        progress,
    )
    paths = find_videos(videos)
    finder = source.finder(paths)
    assert finder is not None, 'source.check comes first'
    report = build_person_index(
        paths,
        model.load(None, out),
        finder,
        out,
        options,
        lambda video, kept: print(
            describe_video(video, kept), file=file, flush=True
        ),
    )
    if report.known:
        print(f'{report.known} videos were in it, unchanged', file=file)
    if line := skipped_line(report.skipped):
        from ..utils.skipped import print_log

        print_log(line, 'current', 30)
    print(f'wrote {out}: {report.tracklets} tracklets', file=file)
    if tracks is not None:
        print(f'wrote {write_tracks(out, tracks)}/', file=file)


def write_tracks(index: str, folder: str) -> Path:
    """Write the boxes of the tracklets of an index as MOT text.

    Args:
        index (str): File of the index.
        folder (str): Gets ``VIDEO.txt`` for each video; the id of a box is
            the number of its tracklet.

    Returns:
        Path: The folder.
    """
    from ..formats.video_boxes.mot import write_mot
    from ..scan.video_search.index_file import read_index, tracklet_boxes

    content = read_index(index)
    for number, video in enumerate(content.videos):
        path = Path(folder) / f'{Path(video.path).stem}.txt'
        write_mot(path, tracklet_boxes(content, number))
    return Path(folder)


def find_persons(
    path: str,
    query: str,
    source: BoxSource,
    options: ModelOptions,
    *,
    place: tuple[tuple[float, float, float, float], float] | None,
    top: int,
    other_videos: bool,
    out: str | None,
) -> list[dict]:
    """Find the persons of a query in an index.

    Args:
        path (str): File of the index.
        query (str): See ``scan.video_search.query.resolve_query``.
        source (BoxSource): Finds the persons of a video, if it is set.
        options (ModelOptions): The model's settings.
        place (tuple, optional): Box (x, y, w, h) in px, and seconds.
        top (int): Matches of each query.
        other_videos (bool): Of a query of the index: other videos only.
        out (str, optional): File of a sheet of the matches.

    Returns:
        list[dict]: See ``scan.video_search.search.search_persons``.

    Raises:
        UserError: The index or the query cannot be used.
    """
    require('scan')
    from ..scan.video_search.build import IndexOptions
    from ..scan.video_search.index_file import read_index
    from ..scan.video_search.query import (
        QUERY_CLEANING,
        BoxInVideo,
        resolve_query,
    )
    from ..scan.video_search.search import search_persons, write_results

    index = read_index(path)
    finder = source.finder([Path(query)])
    model = options.load(index, path)
    queries = resolve_query(
        query,
        index,
        model,
        box=None if place is None else BoxInVideo(*place),
        finder=finder,
        options=IndexOptions(QUERY_CLEANING, progress=False),
    )
    results = search_persons(
        queries, index, model, top=top, other_videos=other_videos
    )
    if out:
        write_results(out, queries, results, index)
    return results


def index_content(path: str) -> dict:
    """Return what is in an index, as plain values.

    Args:
        path (str): File of the index.
    """
    require('scan')
    from ..scan.video_search.index_file import read_index

    index = read_index(path)
    rows = [
        {
            'name': name,
            'video': index.videos[tracklet.video].path,
            'start': round(index.times(tracklet)[0], 3),
            'end': round(index.times(tracklet)[1], 3),
            'frames': len(tracklet.boxes),
        }
        for name, tracklet in zip(index.names(), index.tracklets, strict=True)
    ]
    videos = [
        {
            'video': video.path,
            'frames': video.frames,
            'fps': video.fps,
            'tracks': video.tracks,
            'tracklets': sum(row['video'] == video.path for row in rows),
            'dropped': video.dropped,
        }
        for video in index.videos
    ]
    return {
        'fingerprint': index.fingerprint,
        **index.origin,
        'videos': videos,
        'tracklets': rows,
    }


def describe_index(content: dict) -> list[str]:
    """Return the lines of :func:`index_content` for people."""
    from ..scan.video_search.index_file import format_times

    lines = [
        f'model: {content["fingerprint"]}',
        f'{len(content["tracklets"])} tracklets of '
        f'{len(content["videos"])} videos',
    ]
    for video in content['videos']:
        lines.append(
            f'{video["video"]}: {video["frames"]} frames, '
            f'{video["tracks"]} tracks, {video["tracklets"]} tracklets'
            + _dropped(video['dropped'])
        )
        lines += [
            f'  {row["name"]}  {format_times(row["start"], row["end"])}  '
            f'{row["frames"]} frames'
            for row in content['tracklets']
            if row['video'] == video['video']
        ]
    return lines


def describe_video(video: 'IndexedVideo', kept: int) -> str:
    """Return the line of a video that was read."""
    return (
        f'{Path(video.path).name}: {video.frames} frames, {video.tracks} '
        f'tracks, {kept} tracklets{_dropped(video.dropped)}'
    )


def _dropped(counts: dict[str, int]) -> str:
    parts = [f'{number} {reason}' for reason, number in counts.items()]
    return f' (without: {describe(parts)})' if parts else ''


def describe_matches(result: dict) -> list[str]:
    """Return the lines of a query: its name, then its matches.

    Args:
        result (dict): ``query`` and ``matches``.
    """
    from ..scan.video_search.index_file import format_times

    matches = result['matches']
    width = max((len(match['name']) for match in matches), default=0)
    lines = [f'{result["query"]}: {len(matches) or "no"} matches']
    for rank, match in enumerate(matches, 1):
        lines.append(
            f'{rank:>4}  {match["score"]:.3f}  {match["name"]:<{width}}  '
            f'{format_times(match["start"], match["end"])}'
        )
    return lines
