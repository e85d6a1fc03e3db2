# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Find the boxes of videos in files: by the kind of file and its name."""

from collections.abc import Sequence
from pathlib import Path

from ...errors import UserError, describe
from .coco import read_coco_boxes
from .mot import read_mot
from .table import VideoBoxes

_KINDS = 'MOT text (.txt, .csv) or COCO JSON (.json)'
_SUFFIXES = ('.txt', '.csv', '.json')


def find_boxes(source: str | Path, videos: Sequence[str | Path]) -> list[Path]:
    """Return the file with the boxes of each video.

    Args:
        source (str | Path): A file, for one video or, as COCO JSON, for all;
            or a folder with ``NAME.txt`` or ``NAME.json`` for each video
            ``NAME.mp4``.
        videos (Sequence[str | Path]): Video files, or folders of frames.

    Returns:
        list[Path]: One for each video, in order.

    Raises:
        UserError: There is none for a video, or the kind is not known.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return [_of_video(path, Path(video)) for video in videos]
    if not path.exists():
        raise UserError(
            f'{source}: no such file or folder; expected boxes as {_KINDS}'
        )
    if path.suffix.lower() not in _SUFFIXES:
        raise UserError(f'{source}: expected boxes as {_KINDS}')
    if path.suffix.lower() != '.json' and len(videos) > 1:
        raise UserError(
            f'{source}: MOT text holds the boxes of one video, got '
            f'{len(videos)} videos; pass a folder with NAME.txt for each'
        )
    return [path] * len(videos)


def read_boxes(path: str | Path, video: str | Path) -> VideoBoxes:
    """Read the boxes (n, 4) xyxy px of the frames of a video.

    Args:
        path (str | Path): MOT text or COCO JSON.
        video (str | Path): The video, whose name chooses among those of COCO
            JSON.

    Raises:
        UserError: The file cannot be read, or has no boxes of this video.
    """
    if Path(path).suffix.lower() != '.json':
        return read_mot(path)
    by_name = read_coco_boxes(path)
    name = Path(video).stem
    if name in by_name:
        return by_name[name]
    if len(by_name) == 1:
        return next(iter(by_name.values()))
    raise UserError(
        f'{path}: no boxes of {name}; its videos are '
        f'{describe(sorted(by_name)) or "none"}'
    )


def _of_video(folder: Path, video: Path) -> Path:
    names = [video.stem, video.name]
    tried = [
        folder / f'{name}{suffix}' for name in names for suffix in _SUFFIXES
    ]
    for path in tried:
        if path.is_file():
            return path
    raise UserError(
        f'{folder}: no boxes of {video}; expected {tried[0].name} (MOT text) '
        f'or {video.stem}.json (COCO) there'
    )
