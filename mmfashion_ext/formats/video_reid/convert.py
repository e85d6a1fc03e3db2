# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert raw iLIDS-VID, PRID2011 or MARS to one layout, flow included.

A conversion can be interrupted and started again: files that exist are not
made again, and each appears whole. ``meta.json`` comes last.
"""

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np

from ...errors import UserError, describe
from ...utils.files import atomic_write, read_json, write_json
from ...utils.images import read_image
from ...utils.parallel import run_parallel
from ...utils.progress import show_progress
from ...utils.sources import check_regular_file
from ..rules import show
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
from .raw_folders import FolderOptions, read_folders
from .raw_ilids_prid import (
    RawTracklet,
    RawVideos,
    Splits,
    read_ilids_vid,
    read_prid2011,
)
from .raw_mars import read_mars

DatasetName = Literal['ilids-vid', 'prid2011', 'mars', 'folders']
DATASETS: tuple[DatasetName, ...] = get_args(DatasetName)
Flow = Literal['farneback', 'dis', 'given', 'none']
_MAX_PRINTED = 20  # problems

#: Passes numbers of finished frames on, and shows them: called with an
#: iterator of numbers, a title and their sum.
Progress = Callable[[Iterator[int], str, int], Iterator[int]]


def read_raw(
    dataset: DatasetName,
    folder: Path,
    flow: Flow,
    splits: Splits,
    own: FolderOptions | None = None,
) -> RawVideos:
    """Find the frames and the splits of a raw dataset.

    Args:
        dataset (str): ``'ilids-vid'``, ``'prid2011'``, ``'mars'`` or, for
            one's own tracklets, ``'folders'``.
        folder (Path): Folder of its archives, or of the tracklets.
        flow (str): ``'given'``: also find the published flow maps.
        splits (str): ``'published'`` or ``'corrected'``, see
            :func:`~.raw_ilids_prid.read_ilids_vid`.
        own (FolderOptions, optional): Of ``'folders'``.

    Raises:
        UserError: Something is missing or does not fit.
    """
    if not folder.is_dir():
        raise UserError(f'{folder} is not a folder')
    given = flow == 'given'
    if dataset == 'ilids-vid':
        return read_ilids_vid(folder, given, splits)
    if dataset == 'prid2011':
        return read_prid2011(folder, given, splits)
    if given and dataset == 'folders':
        raise UserError('folders have no flow maps; use --flow farneback')
    if dataset == 'folders':
        return read_folders(folder, own or FolderOptions())
    if given:
        raise UserError(
            'no flow maps of MARS are published; use --flow farneback, dis or '
            'none'
        )
    return read_mars(folder)


def show_frames(counts: Iterator[int], title: str, total: int) -> Iterator:
    """Show how many frames are done."""
    return show_progress(counts, title, total, int)


def convert(
    raw: RawVideos,
    root: str | Path,
    *,
    flow: Flow,
    bound: float,
    jobs: int,
    progress: Progress = show_frames,
) -> VideoReID:
    """Write a converted dataset.

    Frames keep their bytes: they are linked, or copied to another disk.

    Args:
        raw (RawVideos): What to convert.
        root (str | Path): Folder to write to.
        flow (str): ``'farneback'`` or ``'dis'``: computed. ``'given'``: the
            maps that were found in the raw data. ``'none'``: no flow.
        bound (float): Largest displacement in a computed map, px.
        jobs (int): Processes that compute flow.
        progress (callable): Shows the progress, see ``Progress``.

    Returns:
        VideoReID: What was written.

    Raises:
        UserError: Frames are damaged or missing, or the folder holds flow of
            another kind. All frames are tried before; the next run goes on.
    """
    root, problems = Path(root), list[str]()
    named = name_frames(raw.tracklets)
    total = sum(len(tracklet.files) for tracklet in named)
    pairs = list(zip(raw.tracklets, named, strict=True))
    (root / IMAGES).mkdir(parents=True, exist_ok=True)
    frames = (_link(t.frames, n.files, root / IMAGES) for t, n in pairs)
    _exhaust(progress(_counts(frames, problems), 'frames', total))
    _raise_problems(problems)
    if flow != 'none':
        _record_flow(root, flow, bound)
        (root / FLOWS).mkdir(exist_ok=True)
        maps: Iterator[tuple[int, list[str]]]
        if flow == 'given':
            maps = (
                _link(t.flows or [], map(flow_name, n.files), root / FLOWS)
                for t, n in pairs
            )
        else:
            tasks = [
                FlowTask(root, n.files, flow, bound) for n in named if n.files
            ]
            maps = run_parallel(_try_flow, tasks, jobs)
        _exhaust(progress(_counts(maps, problems), 'flow maps', total))
        _raise_problems(problems)
    data = VideoReID(_meta(raw, named), raw.splits)
    data.write(root)
    return data


def name_frames(tracklets: Sequence[RawTracklet]) -> list[Tracklet]:
    """Name all frames; numbers go on over the tracklets of a person."""
    counters: dict[tuple[int, int], int] = defaultdict(int)
    named = []
    for tracklet in tracklets:
        pid, camid = tracklet.pid, tracklet.camid
        files = []
        for path in tracklet.frames:
            number = counters[pid, camid]
            counters[pid, camid] += 1
            suffix = path.suffix.lower()
            files.append(f'{pid:08d}_{camid:02d}_{number:04d}{suffix}')
        named.append(Tracklet(pid, camid, files))
    return named


class FlowTask(NamedTuple):
    """Arguments of :func:`write_flow`: the flow (h, w, 2) of one tracklet.

    Attributes:
        root (Path): Folder of the converted dataset.
        files (list[str]): Names of the frames.
        method (str): ``'farneback'`` or ``'dis'``.
        bound (float): Largest displacement, px.
    """

    root: Path
    files: list[str]
    method: FlowMethod
    bound: float


def write_flow(task: FlowTask) -> int:
    """Write the flow maps of a tracklet that are missing.

    A map is a PNG of (h, w, 3) uint8, see :mod:`.optical_flow`.

    Returns:
        int: Number of frames.

    Raises:
        UserError: A frame is damaged, or of another size than the others.
    """
    cv2.setNumThreads(1)
    targets = [task.root / FLOWS / flow_name(f) for f in task.files]
    if all(target.is_file() for target in targets):
        return len(targets)
    sources = [task.root / IMAGES / file for file in task.files]
    frames, damaged = [], []
    for source in sources:
        try:
            frames.append(read_frame(source))
        except UserError as error:
            damaged.append(error)
            source.unlink(missing_ok=True)  # the next run links it again
    if damaged:
        raise UserError(describe(damaged, '; ')) from damaged[0]
    try:
        for target, map_ in zip(
            targets,
            flow_maps(frames, task.method, task.bound),
            strict=True,
        ):
            if not target.is_file():
                _, packed = cv2.imencode('.png', map_[:, :, ::-1])
                with atomic_write(target) as temporary:
                    temporary.write_bytes(packed.tobytes())
    except UserError as error:
        raise UserError(
            f'{sources[0]} and the frames after it: {error}; correct the raw '
            f'frames and remove {sources[0].parent}, or convert with '
            '--flow none'
        ) from error
    return len(targets)


def _try_flow(task: FlowTask) -> tuple[int, list[str]]:
    """Write the flow of a tracklet; return its length and what is wrong."""
    try:
        return write_flow(task), []
    except UserError as error:
        return len(task.files), [str(error)]


def _counts(
    results: Iterator[tuple[int, list[str]]], problems: list[str]
) -> Iterator[int]:
    """Yield the numbers of frames, and collect what is wrong."""
    for count, found in results:
        problems += found
        yield count


def _raise_problems(problems: list[str]) -> None:
    """Raise what is wrong with frames, each listed on stderr if several."""
    if not problems:
        return
    if len(problems) > 1:
        for problem in problems[:_MAX_PRINTED]:
            print(problem, file=sys.stderr)
        raise UserError(
            f'{len(problems)} frames or tracklets cannot be used, the first: '
            f'{problems[0]} (the next run goes on from here)'
        )
    raise UserError(problems[0])


def read_frame(path: Path) -> np.ndarray:
    """Read a frame as it is stored: (h, w, 3) uint8 RGB.

    Raises:
        UserError: It is damaged or missing.
    """
    try:
        return read_image(path, orientation=False)[..., ::-1]
    except UserError as error:
        raise UserError(
            f'{error}; unpack the raw frame again and convert once more'
        ) from None


def _link(
    sources: Sequence[Path], names: Iterable[str], folder: Path
) -> tuple[int, list[str]]:
    """Link or copy files under new names.

    Returns:
        tuple[int, list[str]]: Their number, and what is wrong.
    """
    problems = []
    for source, name in zip(sources, names, strict=True):
        target = folder / name
        try:
            check_regular_file(source)
        except UserError as error:
            what = str(error)
            if not os.path.lexists(source):
                what = f'{source} does not exist, though a list names it'
            problems.append(f'{what}; unpack the raw data again')
            continue
        size = source.stat().st_size
        if target.is_file() and target.stat().st_size == size:
            continue
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another disk, or one that knows no links
            with atomic_write(target) as temporary:
                shutil.copyfile(source, temporary)
    return len(sources), problems


def _record_flow(root: Path, flow: Flow, bound: float) -> None:
    """Record how flow is made; refuse to mix kinds in one folder."""
    record: dict[str, str | float] = {'method': flow}
    if flow in METHODS:
        record['bound'] = bound
    path = root / FLOW_RECORD
    found = None
    if path.is_file():
        found = read_json(path, 'record of the flow')
    elif (root / FLOWS).is_dir() and any((root / FLOWS).iterdir()):
        found = 'unknown'
    if found not in (None, record):
        raise UserError(
            f'{root / FLOWS} holds flow of another kind ({show(found)}, '
            f'expected {record}); remove that folder and {path}, or name '
            'another --out'
        )
    write_json(path, record)


def _meta(raw: RawVideos, named: list[Tracklet]) -> Meta:
    identities: list[list[list[str]]] = [
        [[] for _ in range(raw.num_cameras)] for _ in raw.persons
    ]
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
