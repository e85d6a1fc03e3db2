# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Check an image of a try-on dataset and the files that belong to it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import UserError
from .constants import FACE, HEAD_PARTS, ParseLabels
from .files import check_size, map_labels, read_file, read_labels
from .garment_classes import GarmentClass
from .layout import FileKind
from .plausibility import (
    Doubt,
    doubt_densepose,
    doubt_mask,
    doubt_parse,
    doubt_pose,
)

#: Files of one problem that are listed.
_MAX_LISTED = 10


class FileGroup(NamedTuple):
    """An image and the files that belong to it.

    Attributes:
        files (dict[str, Path]): Kind -> file; the image first.
        labels (str): Labels of the parse map.
        cloth_class (str): Class of the garment to be replaced.
    """

    files: dict[FileKind, Path]
    labels: ParseLabels
    cloth_class: GarmentClass = 'upper_body'


class FileNote(NamedTuple):
    """What is unusual about a file, see :mod:`.plausibility`.

    Attributes:
        kind (str): What the file is.
        path (Path): The file.
        doubt (Doubt): What is not plausible.
    """

    kind: FileKind
    path: Path
    doubt: Doubt

    def __str__(self) -> str:
        return f'{self.path} {self.doubt}'


class CheckedGroup(NamedTuple):
    """What was found in the files of a group.

    Attributes:
        size (tuple[int, int], optional): (h, w) of the image in px; None if
            it cannot be read.
        defects (list[str]): What is wrong.
        notes (list[FileNote]): What is not plausible.
    """

    size: tuple[int, int] | None
    defects: list[str]
    notes: list[FileNote]


def check_files(group: FileGroup) -> CheckedGroup:
    """Read all files of a group."""
    defects: list[str] = []
    content: dict[FileKind, np.ndarray] = {}
    image = next(iter(group.files))
    labels = None
    for kind, path in group.files.items():
        try:
            if kind == 'parse':
                labels = read_labels(path, group.labels)
                content[kind] = map_labels(
                    labels, group.labels, group.cloth_class
                )
            else:
                shown = content.get(image)
                size = None if shown is None else shown.shape[:2]
                content[kind] = read_file(kind, path, size=size)
            if kind != 'pose' and image in content:
                check_size(
                    path, content[kind], group.files[image], content[image]
                )
        except UserError as error:
            defects.append(str(error))
            content.pop(kind, None)
    notes = [
        FileNote(kind, group.files[kind], doubt)
        for kind, doubt in _doubts(content, labels, group)
    ]
    size = content[image].shape[:2] if image in content else None
    return CheckedGroup(size, defects, notes)


def _doubts(
    content: dict[FileKind, np.ndarray],
    ids: np.ndarray | None,
    group: FileGroup,
) -> Iterator[tuple[FileKind, Doubt]]:
    """Yield what is not plausible about the contents of a group.

    Args:
        content (dict[str, np.ndarray]): By kind, see :mod:`.files`.
        ids (np.ndarray, optional): (h, w), parse map as stored.
        group (FileGroup): Says which labels these are.
    """
    if {'cloth', 'cloth_mask'} <= {*content}:
        for doubt in doubt_mask(content['cloth_mask'], content['cloth']):
            yield 'cloth_mask', doubt
    parse, parts = content.get('parse'), content.get('densepose')
    if ids is not None and parse is not None:
        for doubt in doubt_parse(ids, group.labels, group.cloth_class):
            yield 'parse', doubt
    if parts is not None:
        for doubt in doubt_densepose(parts, parse):
            yield 'densepose', doubt
    if 'pose' in content and 'person' in content:
        body = head = None
        if parse is not None:
            body, head = parse > 0, np.isin(parse, [*FACE])
        elif parts is not None:
            body, head = parts > 0, np.isin(parts, [*HEAD_PARTS])
        size = content['person'].shape[:2]
        for doubt in doubt_pose(content['pose'], size, body, head):
            yield 'pose', doubt


def list_doubts(notes: Sequence[FileNote]) -> list[str]:
    """Return notes as lines, of each problem the first ones and how many.

    Args:
        notes (Sequence[FileNote]): Of all files.
    """
    by_problem: dict[tuple[str, str], list[FileNote]] = {}
    for note in notes:
        key = note.kind, note.doubt.problem
        by_problem.setdefault(key, []).append(note)
    lines: list[str] = []
    for (kind, problem), found in by_problem.items():
        lines += map(str, found[:_MAX_LISTED])
        if len(found) > _MAX_LISTED:
            more = len(found) - _MAX_LISTED
            lines.append(f'{more:,} more of {kind}: {problem}')
    return lines
