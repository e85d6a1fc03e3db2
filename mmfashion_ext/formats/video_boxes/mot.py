# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""MOT text: the boxes of a video as MOTChallenge writes them.

A line is a box: ``frame, id, left, top, width, height, conf, ...`` with
frames from 1 and px. Three kinds of file have this form:

- detections (``det.txt``): the id is -1, conf the detector's score;
- results of a tracker: ids, conf 1 or -1 (not known), 10 columns;
- ground truth (``gt.txt``): ids, 9 columns; conf 0: to be ignored, column 8
  is the class, 1 a pedestrian.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...utils.files import atomic_write
from ...utils.sources import check_regular_file
from .table import FrameBoxes, VideoBoxes, group_by_frame

_COLUMNS = 'frame,id,left,top,width,height,conf,x,y,z'
_GROUND_TRUTH_COLUMNS = 9
_PEDESTRIAN = 1
_MAX_FRAME = 10**8


def read_mot(path: str | Path) -> VideoBoxes:
    """Read MOT text; columns are separated by commas, spaces or tabs.

    Args:
        path (str | Path): The file.

    Returns:
        VideoBoxes: Boxes (n, 4) xyxy px of each frame, frames from 0; tracked
        if no id is negative.

    Raises:
        UserError: It cannot be read, or a line is wrong; names both.
    """
    rows = [
        _parse(line, f'{path}, line {number}')
        for number, line in enumerate(_lines(path), 1)
        if line.strip() and not line.lstrip().startswith('#')
    ]
    if not rows:
        return VideoBoxes({}, True, source=str(path))
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise UserError(
            f'{path}: lines have {min(widths)} to {max(widths)} columns, '
            f'expected one number of them: {_COLUMNS}; write the file again'
        )
    table = np.array(rows)
    kept = np.ones(len(table), bool)
    scores: np.ndarray = np.ones(len(table))
    if table.shape[1] > 6:
        conf = table[:, 6]
        kept &= (conf != 0) | (table[:, 1] < 0)
        scores = np.where(conf < 0, 1, np.minimum(conf, 1))
    if table.shape[1] == _GROUND_TRUTH_COLUMNS:
        kept &= (table[:, 7] == _PEDESTRIAN) | (table[:, 7] < 0)
    corners = table[:, 2:6].copy()
    corners[:, 2:] += corners[:, :2]
    boxes = FrameBoxes.build(corners, scores, table[:, 1]).chosen(kept)
    return VideoBoxes(
        group_by_frame(table[kept, 0].astype(int) - 1, boxes),
        bool((boxes.tracks >= 0).all()),
        int((~kept).sum()),
        str(path),
    )


def mot_lines(frame: int, boxes: FrameBoxes) -> Iterable[str]:
    """Yield the lines of a frame's boxes, without line ends.

    Args:
        frame (int): Number of the frame, from 0.
        boxes (FrameBoxes): Its boxes (n, 4) xyxy px.
    """
    for (x1, y1, x2, y2), score, track in zip(
        boxes.boxes.tolist(),
        boxes.scores.tolist(),
        boxes.tracks.tolist(),
        strict=True,
    ):
        numbers = ','.join(f'{v:.2f}' for v in (x1, y1, x2 - x1, y2 - y1))
        yield f'{frame + 1},{track},{numbers},{score:.4f},-1,-1,-1'


def write_mot(path: str | Path, frames: Mapping[int, FrameBoxes]) -> None:
    """Write MOT text, whole or not at all.

    Args:
        path (str | Path): The file.
        frames (Mapping[int, FrameBoxes]): Number of the frame, from 0 -> its
            boxes (n, 4) xyxy px.
    """
    lines = [
        line
        for frame in sorted(frames)
        for line in mot_lines(frame, frames[frame])
    ]
    with atomic_write(path) as temporary:
        temporary.write_text(''.join(f'{line}\n' for line in lines))


def _lines(path: str | Path) -> list[str]:
    if not os.path.lexists(path):
        raise UserError(f'{path}: no such file; expected boxes as MOT text')
    check_regular_file(Path(path))
    try:
        return Path(path).read_text(encoding='utf-8-sig').splitlines()
    except (OSError, ValueError) as error:
        raise UserError(
            f'{path}: cannot be read as text ({error}); expected boxes as '
            f'MOT text: {_COLUMNS}'
        ) from None


def _parse(line: str, where: str) -> list[float]:
    """Return the numbers of a line, checked."""
    words = line.replace(',', ' ').split()
    try:
        row = [float(word) for word in words]
    except ValueError:
        row = []
    if not 6 <= len(row) <= 10 or not np.isfinite(row).all():
        raise UserError(
            f'{where}: expected 6 to 10 numbers, {_COLUMNS}, got '
            f'{line.strip()[:80]!r}'
        )
    frame, track = row[:2]
    if frame != int(frame) or not 1 <= frame <= _MAX_FRAME:
        raise UserError(
            f'{where}: frames are whole numbers from 1, got {words[0]}'
        )
    if track != int(track) or abs(track) > 2**53:
        raise UserError(f'{where}: the id must be whole, got {words[1]}')
    if row[4] <= 0 or row[5] <= 0:
        raise UserError(
            f'{where}: width and height of a box must be above 0 px, got '
            f'{words[4]} and {words[5]}'
        )
    return row
