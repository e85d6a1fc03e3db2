# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Raw MARS, as it is published.

What is expected below the raw folder; archives are unpacked if the folder of
the same name is missing::

    bbox_train.zip  bbox_train/0001/0001C1T0001F001.jpg
    bbox_test.zip   bbox_test/, 0000 are distractors, 00-1 junk
                    info/{train_name,test_name}.txt
                    info/{tracks_train_info,tracks_test_info,query_IDX}.mat

The lists count frames and tracklets from 1.
"""

from pathlib import Path

import numpy as np

from ...errors import UserError
from ...utils.sources import check_regular_file
from ..image_files import with_any_ending
from .layout import PersonSplit
from .raw_ilids_prid import (
    RawTracklet,
    RawVideos,
    missing_file,
    read_matrix,
    unpacked,
)

_CAMERAS = 6
_JUNK = -1


def read_mars(raw: Path) -> RawVideos:
    """Read MARS with its one split.

    Junk (useless detections, raw number -1) is left out. Distractors (raw
    number 0) are in the gallery. The gallery list holds all test tracklets
    except the queries; ``VideoReIDMetric(query_in_gallery=True)`` adds them
    again, as the official evaluation does.

    Args:
        raw (Path): Folder of ``bbox_train``, ``bbox_test`` and ``info``.

    Raises:
        UserError: Something is missing or does not fit.
    """
    info = raw / 'info'
    parts = {}
    for part in ('train', 'test'):
        folder = unpacked(raw, f'bbox_{part}', '.zip')
        if (folder / folder.name).is_dir():
            folder = folder / folder.name
        names = _lines(info / f'{part}_name.txt')
        rows = read_matrix(
            info / f'tracks_{part}_info.mat', f'track_{part}_info', 4
        )
        parts[part] = _tracklets(folder, names, rows, info, part)
    queries = _queries(info, len(parts['test']))
    everything = parts['train'] + parts['test']
    raw_pids = sorted({t.pid for t in everything} - {_JUNK})
    persons = {pid: index for index, pid in enumerate(raw_pids)}
    tracklets: list[RawTracklet] = []
    lists: dict[str, list[int]] = {'train': [], 'query': [], 'gallery': []}
    query_numbers = set((queries + len(parts['train'])).tolist())
    for number, tracklet in enumerate(everything):
        if tracklet.pid == _JUNK:
            continue
        role = 'query' if number in query_numbers else 'gallery'
        if number < len(parts['train']):
            role = 'train'
        lists[role].append(len(tracklets))
        pid = persons[tracklet.pid]
        tracklets.append(RawTracklet(pid, tracklet.camid, tracklet.frames))
    pids = {
        role: sorted({tracklets[i].pid for i in indices})
        for role, indices in lists.items()
    }
    return RawVideos(
        'mars-sequence',
        _CAMERAS,
        [f'{pid:04d}' for pid in raw_pids],
        tracklets,
        [
            PersonSplit(
                pids['train'],
                pids['query'],
                pids['gallery'],
                lists['train'],
                lists['query'],
                lists['gallery'],
            )
        ],
        listed=True,
    )


def _tracklets(
    folder: Path, names: list[str], rows: np.ndarray, info: Path, part: str
) -> list[RawTracklet]:
    """Return the tracklets of a part; persons are still raw numbers."""
    tracklets = []
    where = info / f'tracks_{part}_info.mat'
    if not len(rows):
        raise _empty(where)
    for row, (first, last, pid, camera) in enumerate(rows.tolist(), 1):
        person = f'{pid:04d}' if pid >= 0 else f'00{pid}'
        files = names[first - 1 : last]
        if not (
            1 <= first <= last <= len(names)
            and 1 <= camera <= _CAMERAS
            and all(name.startswith(f'{person}C{camera}') for name in files)
        ):
            raise UserError(
                f'{where} row {row}: frames {first} to {last} of '
                f'{part}_name.txt are not all of person {person} in camera '
                f'{camera}; download the folder info again'
            )
        frames = [folder / name[:4] / name for name in files]
        if not frames[0].exists():  # images that were converted
            frames = [with_any_ending(frame) for frame in frames]
        tracklets.append(RawTracklet(pid, camera - 1, frames))
    return tracklets


def _queries(info: Path, count: int) -> np.ndarray:
    """Return which of ``count`` test tracklets are queries, from 0: (Q,)."""
    path = info / 'query_IDX.mat'
    queries = read_matrix(path, 'query_IDX').ravel() - 1
    if not len(queries):
        raise _empty(path)
    if not all(0 <= query < count for query in queries):
        raise UserError(
            f'{path} names tracklets other than 1 to {count}, those of '
            'tracks_test_info.mat; download the folder info again'
        )
    return queries


def _empty(path: Path) -> UserError:
    return UserError(
        f'{path} names no tracklets; download the folder info again'
    )


def _lines(path: Path) -> list[str]:
    """Return the lines of a list of file names."""
    if not path.exists():
        raise missing_file(path)
    check_regular_file(path)
    try:
        return path.read_text(encoding='utf-8-sig').split()
    except (OSError, ValueError) as error:
        raise UserError(
            f'{path} cannot be read as text ({error}); download the folder '
            'info again'
        ) from None
