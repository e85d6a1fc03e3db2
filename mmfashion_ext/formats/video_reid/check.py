# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Check the frames and flow maps of a video re-identification dataset."""

from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from ...utils.parallel import run_parallel
from ...utils.progress import show_progress
from .convert import Flow, name_frames, read_frame
from .layout import FLOWS, IMAGES, flow_name
from .raw_ilids_prid import RawVideos


@dataclass(frozen=True)
class TrackletFiles:
    """The files of one tracklet.

    Attributes:
        name (str): Of the tracklet, for messages.
        frames (list[Path]): Its images.
        flows (list[Path]): Their flow maps; empty: none are checked.
    """

    name: str
    frames: list[Path]
    flows: list[Path]


def check_tracklet(tracklet: TrackletFiles) -> tuple[int, list[str]]:
    """Decode every image and flow map of a tracklet; all must be (h, w, 3).

    Returns:
        tuple[int, list[str]]: Number of frames, and what is wrong.
    """
    defects: list[str] = []
    sizes: dict[Path, tuple[int, int]] = {}
    for path in (*tracklet.frames, *tracklet.flows):
        try:
            sizes[path] = read_frame(path).shape[:2]
        except UserError as error:
            defects.append(str(error))
    for path, size in sizes.items():
        first = next(iter(sizes))
        if size != sizes[first]:
            (h, w), (height, width) = size, sizes[first]
            defects.append(
                f'{path} has {w} x {h} px, but {first.name} of the same '
                f'tracklet ({tracklet.name}) {width} x {height}'
            )
    return len(tracklet.frames), defects


def find_defects(
    raw: RawVideos, root: Path | None, flow: Flow, jobs: int
) -> list[str]:
    """Decode all images of a dataset, and show the progress.

    Args:
        raw (RawVideos): The raw dataset.
        root (Path, optional): Folder of the converted dataset, which is
            checked then. None: the raw files are.
        flow (str): ``'none'``: flow maps are not checked.
        jobs (int): Processes.

    Returns:
        list[str]: What is wrong, one line each.
    """
    tracklets = []
    named = name_frames(raw.tracklets)
    for tracklet, converted in zip(raw.tracklets, named, strict=True):
        frames, flows = tracklet.frames, tracklet.flows or []
        if root:
            frames = [root / IMAGES / file for file in converted.files]
            maps = map(flow_name, converted.files)
            flows = [root / FLOWS / file for file in maps]
        if flow == 'none':
            flows = []
        tracklets.append(TrackletFiles(str(converted), frames, flows))
    checked = show_progress(
        run_parallel(check_tracklet, tracklets, jobs),
        'checking',
        sum(len(tracklet.frames) for tracklet in tracklets),
        lambda found: found[0],
    )
    return [defect for _, defects in checked for defect in defects]


def describe_counts(raw: RawVideos) -> str:
    """Return lines of text: what a raw dataset holds, and what is unusual."""
    lengths = [len(t.frames) for t in raw.tracklets if t.frames]
    mean = sum(lengths) / max(len(lengths), 1)
    counts = (
        f'{raw.name}: {len(raw.persons):,} persons, {len(lengths):,} '
        f'tracklets of {min(lengths, default=0)} to '
        f'{max(lengths, default=0)} frames ({mean:.1f} '
        f'on average), {sum(lengths):,} frames, {raw.num_cameras} cameras, '
        f'{len(raw.splits)} splits'
    )
    return '\n'.join([counts, *(f'note: {note}' for note in raw.notes())])


def check_dataset(
    raw: RawVideos, source: Path, root: Path | None, flow: Flow, jobs: int
) -> None:
    """Decode all images of a dataset, and print what is wrong.

    Args:
        raw (RawVideos): The raw dataset.
        source (Path): Its folder, for the message.
        root (Path, optional): Folder of the converted dataset, see
            :func:`find_defects`.
        flow (str): See :func:`find_defects`.
        jobs (int): Processes.

    Raises:
        UserError: Something is wrong.
    """
    defects = find_defects(raw, root, flow, jobs)
    print(f'defects: {len(defects)}')
    for defect in defects:
        print(defect)
    if defects:
        raise UserError(
            f'{len(defects)} defects in {root or source}; unpack the raw data '
            'again and convert once more'
        )
