# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""From raw videos to the layout of ``video_reid``; flow in parallel.

All of it can be interrupted and started again: files that are there are not
made again, and each appears whole. ``meta.json`` comes last.
"""

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
from PIL import Image

from ...errors import UserError
from ...utils.files import atomic_write, write_json
from ...utils.parallel import run_parallel
from .layout import (
    FLOW_RECORD,
    FLOWS,
    IMAGES,
    Meta,
    Tracklet,
    VideoReID,
    flow_name,
)
from .optical_flow import METHODS, FlowMethod, flow_maps
from .raw_ilids_prid import RawTracklet, RawVideos

Flow = Literal['farneback', 'dis', 'given', 'none']


def convert(
    raw: RawVideos,
    root: str | Path,
    *,
    flow: Flow,
    bound: float,
    jobs: int,
    watch: Callable[[Iterator[int], str, int], Iterator[int]],
) -> VideoReID:
    """Write a converted data set.

    Frames keep their bytes: they are linked, or copied to another disk.

    Args:
        raw (RawVideos): What to convert.
        root (str | Path): Folder to write to.
        flow (str): ``'farneback'`` or ``'dis'``: computed. ``'given'``: the
            maps that were found in the raw data. ``'none'``: no flow.
        bound (float): Largest displacement in a computed map, px.
        jobs (int): Processes that compute flow.
        watch (callable): Called with an iterator of numbers of frames done,
            a title and their sum; passes it on and shows the progress.

    Returns:
        VideoReID: What was written.

    Raises:
        UserError: A frame is damaged, or flow of another kind is there.
    """
    root = Path(root)
    named = name_frames(raw.tracklets)
    total = sum(len(tracklet.files) for tracklet in named)
    pairs = list(zip(raw.tracklets, named, strict=True))
    (root / IMAGES).mkdir(parents=True, exist_ok=True)
    frames = (_place(t.frames, n.files, root / IMAGES) for t, n in pairs)
    _exhaust(watch(frames, 'frames', total))
    if flow != 'none':
        _record_flow(root, flow, bound)
        (root / FLOWS).mkdir(exist_ok=True)
        files = [[flow_name(file) for file in n.files] for n in named]
        if flow == 'given':
            maps = (
                _place(t.flows, own, root / FLOWS)
                for t, own in zip(raw.tracklets, files, strict=True)
            )
        else:
            tasks = [
                FlowTask(root, n.files, flow, bound) for n in named if n.files
            ]
            maps = run_parallel(write_flow, tasks, jobs)
        _exhaust(watch(maps, 'flow maps', total))
    data = VideoReID(_meta(raw, named), raw.splits)
    data.write(root)
    return data


def name_frames(tracklets: Sequence[RawTracklet]) -> list[Tracklet]:
    """Give all frames their names; frames count on over tracklets."""
    counters = defaultdict(int)
    named = []
    for tracklet in tracklets:
        where = tracklet.pid, tracklet.camid
        files = []
        for path in tracklet.frames:
            number = counters[where]
            counters[where] += 1
            files.append(
                f'{where[0]:08d}_{where[1]:02d}_{number:04d}'
                f'{path.suffix.lower()}'
            )
        named.append(Tracklet(*where, files))
    return named


class FlowTask(NamedTuple):
    """Compute the flow of one tracklet.

    Attributes:
        root (Path): Of the converted data set.
        files (list[str]): Names of the frames.
        method (str): ``'farneback'`` or ``'dis'``.
        bound (float): Largest displacement, px.
    """

    root: Path
    files: list[str]
    method: FlowMethod
    bound: float


def write_flow(task: FlowTask) -> int:
    """Write the maps that are missing; returns the number of frames.

    Raises:
        UserError: A frame is damaged, or of another size than the others.
    """
    cv2.setNumThreads(1)
    targets = [task.root / FLOWS / flow_name(f) for f in task.files]
    if all(target.is_file() for target in targets):
        return len(targets)
    sources = [task.root / IMAGES / file for file in task.files]
    frames = [read_picture(source) for source in sources]
    try:
        for target, map_ in zip(
            targets,
            flow_maps(frames, task.method, task.bound),
            strict=True,
        ):
            if not target.is_file():
                _, packed = cv2.imencode('.png', map_[:, :, ::-1])
                with atomic_write(target) as temporary:
                    temporary.write_bytes(packed)
    except ValueError as error:
        raise UserError(
            f'{sources[0]} and the frames after it: {error}; correct the raw '
            f'frames and remove {sources[0].parent}, or convert with '
            '--flow none'
        ) from error
    return len(targets)


def read_picture(path: Path) -> np.ndarray:
    """Read a picture whole: (h, w, 3) uint8 RGB.

    Raises:
        UserError: It is damaged or missing.
    """
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert('RGB'))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(
            f'{path} cannot be read ({error}); unpack the raw frame again '
            'and convert once more'
        ) from error


@dataclass(frozen=True)
class CheckTask:
    """Look at one tracklet.

    Attributes:
        name (str): Of the tracklet, for messages.
        frames (list[Path]): Its pictures.
        flows (list[Path]): Their maps; empty: none wanted.
    """

    name: str
    frames: list[Path]
    flows: list[Path]


def check_tracklet(task: CheckTask) -> tuple[int, list[str]]:
    """Decode every picture; returns their number and what is wrong."""
    defects, sizes = [], {}
    for path in (*task.frames, *task.flows):
        try:
            sizes[path] = read_picture(path).shape[:2]
        except UserError as error:
            defects.append(str(error))
    first = next(iter(sizes), None)
    for path, size in sizes.items():
        if size != sizes[first]:
            (h, w), (height, width) = size, sizes[first]
            defects.append(
                f'{path} has {w} x {h} px, but {first.name} of the same '
                f'tracklet ({task.name}) {width} x {height}'
            )
    return len(task.frames), defects


def _place(sources: list[Path], names: list[str], folder: Path) -> int:
    """Link or copy files under new names; returns their number."""
    for source, name in zip(sources, names, strict=True):
        target = folder / name
        try:
            size = source.stat().st_size
        except FileNotFoundError:
            raise UserError(
                f'{source} does not exist, though a list names it; unpack '
                'the raw data again'
            ) from None
        if target.is_file() and target.stat().st_size == size:
            continue
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another disk, or one that knows no links
            with atomic_write(target) as temporary:
                shutil.copyfile(source, temporary)
    return len(names)


def _record_flow(root: Path, flow: Flow, bound: float) -> None:
    """Refuse to mix maps of different kinds in one folder."""
    record = {'method': flow}
    if flow in METHODS:
        record['bound'] = bound
    path = root / FLOW_RECORD
    there = None
    if path.is_file():
        there = json.loads(path.read_text())
    elif (root / FLOWS).is_dir() and any((root / FLOWS).iterdir()):
        there = 'unknown'
    if there not in (None, record):
        raise UserError(
            f'{root / FLOWS} holds flow of another kind ({there}, wanted '
            f'{record}); remove that folder and {path}, or name another --out'
        )
    write_json(path, record)


def _meta(raw: RawVideos, named: list[Tracklet]) -> Meta:
    identities = [[[] for _ in range(raw.num_cameras)] for _ in raw.persons]
    for pid, camid, files in named:
        identities[pid][camid] += files
    return Meta(
        raw.name,
        raw.num_cameras,
        identities,
        named if raw.listed else None,
    )


def _exhaust(iterator: Iterator) -> None:
    for _ in iterator:
        pass
