# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Look at every file of a try-on data set.

What is wrong is collected, never raised: whoever has 14,221 pairs wants to see
all defects at once.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError, describe
from .constants import ParseLabels
from .files import check_size, read_file
from .layout import ENDINGS, FileKind, cloth_stem
from .pairs import TryOnFiles, TryOnPair, stem_of


def _kinds_of_person(files: TryOnFiles) -> list[FileKind]:
    training = files.split == 'train' and files.layout_name != 'folder'
    return files.kinds_of_person(needed=training)


def list_missing(files: TryOnFiles, listed: bool) -> Iterator[str]:
    """Name every file that is missing, except masks.

    Args:
        files (TryOnFiles): The data set.
        listed (bool): Whether a file of pairs says who gets which garment,
            so that those worn need not be there.

    Raises:
        UserError: There is no picture, or two files have one name.
    """
    kinds = _kinds_of_person(files)
    if not files.named('person'):
        raise UserError(f'{files.folder("person")} has no picture')
    for person, cloth in files.worn().items():
        stem = Path(person).stem
        if cloth is None and not listed:
            wanted = cloth_stem(files.layout_name, stem)
            missing = files.folder('cloth') / f'{wanted}.jpg'
            yield f'{missing} is missing: the garment of {person}'
        for kind in kinds:
            if not files.find(kind, TryOnPair(person, '', {})):
                missing = files.folder(kind) / f'{stem}{ENDINGS[kind][0]}'
                yield f'{missing} is missing: the {kind} of {person}'


def clothes_without_mask(files: TryOnFiles) -> list[Path]:
    """The pictures of clothes whose mask is to be made."""
    masks = files.named('cloth_mask')
    return [
        files.folder('cloth') / name
        for stem, name in files.named('cloth').items()
        if stem not in masks
    ]


def list_oddities(files: TryOnFiles, listed: bool) -> Iterator[str]:
    """Name what is unusual but does no harm."""
    persons, clothes = files.named('person'), files.named('cloth')
    published = files.layout.published
    if published and published != len(persons):
        yield (
            f'{files.split}: {len(persons):,} persons, published are '
            f'{published:,}'
        )
    worn = files.worn()
    if listed and (lacking := [p for p in worn if worn[p] is None]):
        yield (
            f'{len(lacking):,} persons lack the garment that they wear: '
            f'{describe(lacking)}; no test with paired=True'
        )
    if unworn := sorted({*clothes.values()} - {*worn.values()}):
        yield f'{len(unworn):,} clothes are not worn: {describe(unworn)}'
    for path in clothes_without_mask(files):
        yield f'{path} has no mask; --make-masks makes it'
    for kind in files.layout.folders:
        for name in files.listing(kind):
            if stem_of(kind, name) is None:
                yield (
                    f'{files.folder(kind) / name} is left out: expected names '
                    f'that end with {" or ".join(ENDINGS[kind])}'
                )
    if files.layout_name == 'viton' and not listed:
        yield from _compare_with_ranks(files)


def _compare_with_ranks(files: TryOnFiles) -> Iterator[str]:
    try:
        ranked = {p.person: p.cloth for p in files.pairs_by_rank()}
    except UserError as error:
        yield str(error)
        return
    worn = files.worn()
    others = sum(cloth != worn.get(p) for p, cloth in ranked.items())
    if others:
        yield f'{others:,} persons get another garment by rank than by name'


class CheckTask(NamedTuple):
    """Look at a picture and what belongs to it.

    Attributes:
        files (dict[str, Path]): FileKind -> file; the picture first.
        labels (str): Those of the parse map.
    """

    files: dict[FileKind, Path]
    labels: ParseLabels


def check_tasks(files: TryOnFiles) -> list[CheckTask]:
    """All files to read, picture by picture."""
    persons = [
        TryOnPair(name, '', {}) for name in files.named('person').values()
    ]
    clothes = [
        TryOnPair('', name, {}) for name in files.named('cloth').values()
    ]
    groups = (
        (('person', *_kinds_of_person(files)), persons),
        (('cloth', 'cloth_mask'), clothes),
    )
    return [
        CheckTask(
            {k: path for k in kinds if (path := files.find(k, pair))},
            files.layout.parse,
        )
        for kinds, pairs in groups
        for pair in pairs
    ]


class Checked(NamedTuple):
    """What was found in the files of a task.

    Attributes:
        size (tuple[int, int], optional): (h, w) of the picture in px; None
            if it cannot be read.
        defects (list[str]): What is wrong.
        notes (list[str]): What is unusual but does no harm.
    """

    size: tuple[int, int] | None
    defects: list[str]
    notes: list[str]


def check_files(task: CheckTask) -> Checked:
    """Read all files of a task."""
    defects, notes, read = [], [], {}
    picture = next(iter(task.files))
    for kind, path in task.files.items():
        try:
            read[kind] = read_file(kind, path, task.labels)
            if kind != 'pose' and picture in read:
                check_size(
                    path, read[kind], task.files[picture], read[picture]
                )
        except UserError as error:
            defects.append(str(error))
    if 'pose' in read and not read['pose'].any():
        notes.append(
            f'{task.files["pose"]} shows nobody; its pose map is empty'
        )
    size = read[picture].shape[:2] if picture in read else None
    return Checked(size, defects, notes)
