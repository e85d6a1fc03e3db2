# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Images of a gallery index: what their files were when they were read."""

import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ..formats.checks import Fields, require
from ..formats.rules import Integer, Number, Text
from ..utils.files import file_sha256
from ..utils.sources import MAX_BYTES
from .scoring import RetrievalError

_RECORD: Fields = {
    'size': Integer(-1),
    'time': Integer(),
    'sha256': None,
    'garments': Integer(0),
    'score_thr': Number(),
}


@dataclass(frozen=True)
class ImageRecord:
    """An image file at the time when it was added to an index.

    Attributes:
        size (int): Bytes; -1 if the file was not there.
        time (int): Time of the last change in ns; -1 if it was changed while
            it was read.
        sha256 (str): Hash of the content; '' if not known.
        garments (int): How many garments were found in it.
        score_thr (float): Their lowest score, 0-1, that was asked for.
    """

    size: int
    time: int
    sha256: str
    garments: int
    score_thr: float


def parse_records(content: dict) -> dict[str, ImageRecord]:
    """Check the records of an index file.

    Args:
        content (dict): Path -> fields of an :class:`ImageRecord`.

    Raises:
        RetrievalError: A record is wrong.
    """
    records = {}
    for path, fields in content.items():
        require({'path': path}, {'path': Text()}, 'image', '', RetrievalError)
        require(fields, _RECORD, f'image {path!r:.80}', '', RetrievalError)
        values = {name: fields[name] for name in _RECORD}
        records[path] = ImageRecord(**values)
    return records


def plain_records(records: dict[str, ImageRecord]) -> dict[str, dict]:
    """Return records as what JSON can hold."""
    return {path: asdict(record) for path, record in records.items()}


def file_state(path: str | Path) -> tuple[int, int] | None:
    """Return size in bytes and time in ns; None if it is not a file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # gone, a loop of links, a NUL
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_size, found.st_mtime_ns


def record_image(
    path: str | Path,
    garments: int,
    score_thr: float,
    before: tuple[int, int] | None,
) -> ImageRecord:
    """Return the record of an image that was read.

    Args:
        path (str | Path): The file.
        garments (int): How many garments were found in it.
        score_thr (float): Their lowest score, 0-1.
        before (tuple[int, int], optional): Its state before it was read.
    """
    size, time = before or (-1, -1)
    digest = _hash(path, size)
    if file_state(path) != before:  # neither of the two is known to be read
        time, digest = -1, ''
    return ImageRecord(size, time, digest, garments, score_thr)


def compare_image(
    path: str | Path, record: ImageRecord
) -> Literal['same', 'changed', 'gone']:
    """Compare an image file with its record.

    A file whose size and time are equal counts as the same; one whose time
    alone differs is read, and counts as the same if its hash is.

    Args:
        path (str | Path): The file.
        record (ImageRecord): What it was.
    """
    state = file_state(path)
    if state is None:
        return 'gone'
    if state == (record.size, record.time):
        return 'same'
    if state[0] != record.size or not record.sha256:
        return 'changed'
    return 'same' if _hash(path, state[0]) == record.sha256 else 'changed'


def _hash(path: str | Path, size: int) -> str:
    """Return the SHA-256 of a file that is not larger than images are."""
    if not 0 <= size <= MAX_BYTES:
        return ''
    try:
        return file_sha256(path)
    except OSError:
        return ''
