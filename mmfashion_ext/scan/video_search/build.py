# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Build the index of the persons of videos; a run that was killed goes on.

What is finished lies in the folder ``{out}.partial`` until the index is
written: a small index of each video that is done, and the boxes that a
detector found so far in the one that was interrupted.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...inferencer import SKIPPED_ERRORS, skipped_entry
from ...utils.file_lock import file_lock
from ...utils.files import make_folder
from ...utils.image_inputs import NamedInput
from ...utils.progress import show_progress
from ...utils.skipped import print_log
from ..inferencer import SCANInferencer
from .finder import OpenFinder, PersonFinder
from .frames import open_video
from .index_file import (
    IndexedTracklet,
    IndexedVideo,
    PersonIndex,
    encode_jpeg,
    read_index,
    write_index,
)
from .model import Model
from .tracker import PATIENCE, START_SCORE, ByteTracker
from .tracklets import Cleaning, TrackletCollector, VideoTracklet

_COMPLETE = 0.95  # part of the header's frames; headers are often imprecise


@dataclass(frozen=True)
class IndexOptions:
    """How tracklets are made of boxes.

    Attributes:
        cleaning (Cleaning): Which frames and tracks are used.
        start_score (float): Lowest score, 0-1, of a box that begins a track.
        progress (bool): Show a progress bar on a terminal.
    """

    cleaning: Cleaning = field(default_factory=Cleaning)
    start_score: float = START_SCORE
    progress: bool = True


@dataclass
class IndexReport:
    """What a build changed.

    Attributes:
        added (list[IndexedVideo]): Videos that were read.
        known (int): Videos that were in the index before, unchanged.
        resumed (int): Of those added, how many an earlier run had finished.
        tracklets (int): Tracklets (m, T, D) of all videos of the index.
        skipped (list[dict]): ``input`` and ``reason`` of videos that cannot
            be used.
    """

    added: list[IndexedVideo] = field(default_factory=list)
    known: int = 0
    resumed: int = 0
    tracklets: int = 0
    skipped: list[dict] = field(default_factory=list)


def build_person_index(
    videos: Sequence[Path],
    model: Model,
    finder: PersonFinder,
    out: str | Path,
    options: IndexOptions | None = None,
    tell: Callable[[IndexedVideo, int], None] | None = None,
) -> IndexReport:
    """Add the persons of videos to an index, which is made if missing.

    Videos that are in it, unchanged and with the same settings, are not read
    again. A video that cannot be read is skipped.

    Args:
        videos (Sequence[Path]): See :func:`.frames.find_videos`.
        model (Model): Computes the features (M, T, D).
        finder (PersonFinder): Finds the boxes of persons.
        out (str | Path): File of the index.
        options (IndexOptions, optional): Defaults to None: its defaults.
        tell (callable, optional): Called with each video that was read, and
            the number of its tracklets.

    Returns:
        IndexReport: What was done.

    Raises:
        UserError: No video can be used, no person was found in any, or
            ``out`` is not an index, or of another model.
    """
    out, options = Path(out), options or IndexOptions()
    report = IndexReport()
    with file_lock(out):
        index = PersonIndex(model.fingerprint, model.origin)
        if out.exists():
            index = read_index(out)
            check_model(index, model.fingerprint, out)
        known = {video.path: video for video in index.videos}
        parts = out.with_name(f'{out.name}.partial')
        for video in videos:
            try:
                record = describe_video(video, finder, model.infer, options)
                if known.get(record.path) == _without_counts(
                    known.get(record.path), record
                ):
                    report.known += 1
                    continue
                make_folder(parts)
                found, resumed = _read_or_index(
                    video, record, model, finder, options, parts
                )
            except SKIPPED_ERRORS as error:
                item = NamedInput(str(video), video.stem, video)
                report.skipped.append(skipped_entry(item, error))
                continue
            index.extend(found)
            report.added += found.videos
            report.resumed += resumed
            if tell is not None:
                tell(found.videos[0], len(found))
        report.tracklets = len(index)
        _check_result(report, index, parts)
        if report.added:
            write_index(out, index)
        shutil.rmtree(parts, ignore_errors=True)
    return report


def check_model(index: PersonIndex, fingerprint: str, path: Path) -> None:
    """Check that the features (M, T, D) of an index are of a model.

    Raises:
        UserError: They are of another one.
    """
    if index.fingerprint != fingerprint:
        raise UserError(
            f'{path}: was made with another model: its features are of '
            f'{index.fingerprint}, this one is {fingerprint}; use that model, '
            'or name another index'
        )


def describe_video(
    video: Path,
    finder: PersonFinder,
    infer: SCANInferencer,
    options: IndexOptions,
) -> IndexedVideo:
    """Return the record of a video before it is read: 0 frames yet.

    Args:
        video (Path): Video file, or folder of (h, w, 3) frames.
        finder (PersonFinder): Finds the boxes.
        infer (SCANInferencer): Its settings matter.
        options (IndexOptions): They matter too.

    Raises:
        UserError: The video or its boxes cannot be read.
    """
    settings = {
        'boxes': finder.settings(video),
        'cleaning': asdict(options.cleaning),
        'start_score': options.start_score,
        'size': list(infer.crop_size),
        'flow': infer.flow,
    }
    return IndexedVideo(
        str(video.absolute()),
        video_state(video),
        0,
        open_video(video).fps,
        json.dumps(settings, sort_keys=True),
    )


def video_state(video: Path) -> str:
    """Return size and time of a file, or of the files (n,) of a folder."""
    if not video.is_dir():
        state = video.stat()
        return f'{state.st_size}:{state.st_mtime_ns}'
    states = [
        (str(path), path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(video.rglob('*'))
        if path.is_file()
    ]
    return hashlib.sha256(repr(states).encode()).hexdigest()[:16]


def index_video(
    video: Path,
    record: IndexedVideo,
    model: Model,
    finder: PersonFinder,
    options: IndexOptions,
    log: Path | None = None,
) -> PersonIndex:
    """Make an index of the persons of one video.

    Args:
        video (Path): Video file, or folder of (h, w, 3) frames.
        record (IndexedVideo): Of :func:`describe_video`.
        model (Model): Computes the features (M, T, D).
        finder (PersonFinder): Finds the boxes.
        options (IndexOptions): How tracklets are made.
        log (Path, optional): Keeps the boxes of a detector.

    Raises:
        UserError: The video or its boxes cannot be read.
    """
    source = open_video(video)
    collector = TrackletCollector(
        options.cleaning,
        model.infer.crop_size,
        max(round(PATIENCE * source.fps), 1),
    )
    tracks: set[int] = set()
    found: list[IndexedTracklet] = []
    number = -1
    frames: Iterable[np.ndarray] = source
    if options.progress:
        frames = show_progress(source, video.name, len(source))
    with finder.open(video, log) as boxes:
        track = None
        if not boxes.tracked:
            track = ByteTracker(source.fps, options.start_score)
        for number, frame in enumerate(frames):
            here = boxes.find(number, frame)
            if track is not None:
                here = track(here)
            tracks.update(here.tracks.tolist())
            ended = collector.add(number, frame, here)
            found += [encode(tracklet, model.infer) for tracklet in ended]
        found += [encode(x, model.infer) for x in collector.finish()]
        _warn_incomplete(video, number + 1, len(source), boxes)
    found.sort(key=lambda tracklet: (tracklet.boxes[0, 0], tracklet.track))
    read = IndexedVideo(
        **{
            **asdict(record),
            'frames': number + 1,
            'tracks': len(tracks),
            'dropped': dict(collector.dropped),
        }
    )
    return PersonIndex(model.fingerprint, model.origin, [read], found)


def encode(tracklet: VideoTracklet, infer: SCANInferencer) -> IndexedTracklet:
    """Compute what an index holds of a tracklet, features (m, T, D)."""
    extracted = infer.extract(tracklet.crops)
    features = type(extracted.features)(
        *(part.float().cpu() for part in extracted.features)
    )
    numbers = np.array(tracklet.frames, float)[:, None]
    return IndexedTracklet(
        0,
        tracklet.track,
        features,
        np.hstack([numbers, np.array(tracklet.boxes)]),
        [encode_jpeg(frame) for frame in extracted.frames],
    )


def _without_counts(
    known: IndexedVideo | None, record: IndexedVideo
) -> IndexedVideo:
    """Return a record with the counts of one that was read."""
    if known is None:
        return record
    counts = {k: getattr(known, k) for k in ('frames', 'tracks', 'dropped')}
    return IndexedVideo(**{**asdict(record), **counts})


def _read_or_index(
    video: Path,
    record: IndexedVideo,
    model: Model,
    finder: PersonFinder,
    options: IndexOptions,
    parts: Path,
) -> tuple[PersonIndex, bool]:
    """Return the persons of a video, and whether they were found before."""
    part = parts / f'{_key(model.fingerprint, *_identity(record))}.part'
    if part.exists():
        try:
            return read_index(part), True
        except UserError:  # damaged
            part.unlink()
    boxes = _key(record.path, record.state, finder.settings(video))
    log = parts / f'{boxes}.boxes'
    found = index_video(video, record, model, finder, options, log)
    write_index(part, found)
    return found, False


def _identity(record: IndexedVideo) -> tuple[str, str, str]:
    return record.path, record.state, record.settings


def _key(*texts: str) -> str:
    return hashlib.sha256('\0'.join(texts).encode()).hexdigest()[:24]


def _check_result(
    report: IndexReport, index: PersonIndex, parts: Path
) -> None:
    """Check that there is something to write."""
    if report.skipped and not report.added and not report.known:
        raise UserError(
            f'none of the {len(report.skipped)} videos can be used: '
            + '; '.join(f'{e["input"]}: {e["reason"]}' for e in report.skipped)
        )
    if not index.tracklets:
        dropped = _sum(video.dropped for video in index.videos)
        tracks = sum(video.tracks for video in index.videos)
        reason = 'no boxes of persons'
        if tracks:
            counts = ', '.join(f'{n} {why}' for why, n in dropped.items())
            reason = f'{tracks} tracks, none of use: {counts}'
        raise UserError(
            f'no person in {len(index.videos)} videos ({reason}); nothing '
            'was written; check the boxes or the detector, or lower '
            '--min-height, --min-frames, --min-sharpness or --start-score '
            f'(finished work is kept in {parts.name})'
        )


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for count in counts:
        for reason, number in count.items():
            total[reason] = total.get(reason, 0) + number
    return total


def _warn_incomplete(
    video: Path, read: int, expected: int, boxes: OpenFinder
) -> None:
    """Warn of frames that are missing, and boxes without a frame."""
    if read < _COMPLETE * expected:
        print_log(
            f'{video}: only {read} of {expected} frames can be read; the file '
            'is damaged or cut off',
            'current',
            logging.WARNING,
        )
    given = boxes.given
    last = max(given.frames, default=-1) if given is not None else -1
    if given is not None and last >= read:
        print_log(
            f'{video} has {read} frames, but {given.source} has boxes up to '
            f'frame {last + 1}; are they of another video?',
            'current',
            logging.WARNING,
        )
