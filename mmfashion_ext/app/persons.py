# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Page "Find a person": which tracklets show the person of another one."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserError
from ..utils.video import is_video_file
from .uploads import (
    Upload,
    check_video,
    natural_name,
    read_frames,
    visible_names,
)

#: Largest file of boxes.
_MAX_BOXES_BYTES = 2**20


class Ranking(NamedTuple):
    """Tracklets in the order of how likely they show the person.

    Attributes:
        sheet (np.ndarray): (h, w, 3) uint8 BGR: the person, then the best.
        rows (list[tuple[str, ...]]): Rank, probability 0-1 of the same
            person, and name of each tracklet.
        notes (list[str]): Tracklets that were left out, and why.
    """

    sheet: np.ndarray
    rows: list[tuple[str, ...]]
    notes: list[str]


HEADINGS = 'rank', 'same person', 'tracklet'


def find_person(
    query: Sequence[Upload], candidates: Sequence[Upload], infer: Any, top: int
) -> Ranking:
    """Rank tracklets by the person of another one, as ``mmfashion reid``.

    Args:
        query (Sequence[Upload]): Frames of one person, or one clip.
        candidates (Sequence[Upload]): One or more tracklets, see
            :func:`group_tracklets`.
        infer (SCANInferencer): Of SCAN.
        top (int): Tracklets on the sheet and in the rows.

    Raises:
        UserError: The person, or every tracklet, cannot be used.
    """
    if not query:
        raise UserError(
            'No file of the person was chosen; choose frames, or a clip.'
        )
    if not candidates:
        raise UserError(
            'No tracklet to search in was chosen; choose clips, or frames.'
        )
    person = group_tracklets(query)
    if len(person) > 1:  # frames of any names are one person
        person = {query[0].name: [*query]}
    ((name, files),) = person.items()
    gallery, notes = {}, []
    groups = group_tracklets(candidates)
    for key, group in groups.items():
        try:
            gallery[key] = read_tracklet(group)
        except UserError as error:
            if len(groups) == 1:
                raise
            notes.append(f'Left out: {error}')
    if not gallery:
        raise UserError(' '.join(notes))
    with visible_names([*query, *candidates]):
        result = infer(
            {name: read_tracklet(files)}, gallery, draw=True, top=top
        )
    (found,) = result['predictions']
    notes += [
        f'Left out: {entry["input"]}: {entry["reason"]}'
        for entry in result['skipped']
    ]
    rows: list[tuple[str, ...]] = [
        (str(rank), f'{score:.3f}', tracklet)
        for rank, (tracklet, score) in enumerate(
            zip(found['gallery'], found['scores'], strict=True), 1
        )
    ]
    return Ranking(found['visualization'], rows[:top], notes)


def group_tracklets(files: Sequence[Upload]) -> dict[str, list[Upload]]:
    """Group files to tracklets by their names.

    A clip is a tracklet, with a file of boxes of the same name if there is
    one. Images whose names differ in their last number alone
    (``cam1_person5_001.png`` ...) are the frames of one, in the order of that
    number.

    Args:
        files (Sequence[Upload]): Clips, JSON files and images.

    Returns:
        dict[str, list[Upload]]: Name -> clip and boxes, or frames.

    Raises:
        UserError: A file of boxes has no clip.
    """
    groups: dict[str, list[Upload]] = {}
    boxes = [file for file in files if _ending(file) == '.json']
    clips = {}
    for file in sorted(set(files) - {*boxes}, key=natural_name):
        stem = Path(file.name).stem
        if is_video_file(file.name):
            groups[file.name] = clips[stem] = [file]
        else:
            name = re.sub(r'[\W_]*\d+$', '', stem) or 'frames'
            groups.setdefault(name, []).append(file)
    for file in boxes:
        if Path(file.name).stem not in clips:
            raise UserError(
                f'{file.name}: there is no clip of this name; expected the '
                'boxes of a person beside the video, such as walk.mp4 and '
                'walk.json'
            )
        clips[Path(file.name).stem].append(file)
    return groups


def read_tracklet(files: list[Upload]) -> Any:
    """Return a tracklet for ``SCANInferencer``.

    Args:
        files (list[Upload]): A group of :func:`group_tracklets`.

    Returns:
        list[np.ndarray] | Video: Frames (h, w, 3) uint8 BGR, or a video with
        boxes.

    Raises:
        UserError: A file cannot be used.
    """
    if len(files) == 1 or _ending(files[-1]) != '.json':
        return read_frames(files)
    from ..scan.inputs import Video

    clip, boxes = files
    check_video(clip)
    if boxes.path.stat().st_size > _MAX_BOXES_BYTES:
        raise UserError(f'{boxes.name}: more than 1 MiB of boxes')
    return Video(clip.path, boxes.path)


def _ending(file: Upload) -> str:
    return Path(file.name).suffix.lower()
