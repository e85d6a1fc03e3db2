# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Persons and garments from where users have them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log

from ...errors import UserError, describe
from ...formats.viton.layout import FileKind
from ...formats.viton.pairs import read_pairs, stem_of
from ...utils.images import ImageInput as Picture

#: A picture (file, array of BGR, picture of Pillow), some, or a folder.
Source = Picture | Sequence[Picture]


class Named(NamedTuple):
    """A picture that was not read yet.

    Attributes:
        source (Picture): File, array (h, w[, channels]) uint8 of BGR, or
            picture of Pillow.
        name (str): Of the file; ``person``, ``cloth_2`` ... of an array.
    """

    source: Picture
    name: str


class Wanted(NamedTuple):
    """What to dress in what.

    Attributes:
        persons (list[Named]): P pictures.
        clothes (list[Named]): G pictures.
        masks (list[Picture | None]): G masks; None: to be made.
        pairs (list[tuple[int, int]]): Places of persons and garments, in the
            order wanted.
    """

    persons: list[Named]
    clothes: list[Named]
    masks: list[Picture | None]
    pairs: list[tuple[int, int]]


def find(
    person: Source,
    cloth: Source,
    cloth_mask: Source | None = None,
    pairs: str | Path | None = None,
    grid: bool = False,
) -> Wanted:
    """Find pictures and who meets whom; none is opened.

    See :meth:`.inferencer.TryOnInferencer.__call__`.

    Raises:
        UserError: Something is missing, or does not go together.
    """
    if pairs is not None:
        if grid:
            raise UserError('pairs or grid: give one of them')
        persons, clothes, met = _read_pairs(person, cloth, pairs)
    else:
        persons, clothes = _list('person', person), _list('cloth', cloth)
        both_folders = _is_folder(person) and _is_folder(cloth)
        met = _meet(len(persons), len(clothes), grid, both_folders)
    return Wanted(persons, clothes, _masks(clothes, cloth, cloth_mask), met)


def _meet(
    persons: int, clothes: int, grid: bool, both_folders: bool
) -> list[tuple[int, int]]:
    if grid or persons == 1 or clothes == 1:
        return [(p, g) for p in range(persons) for g in range(clothes)]
    if both_folders:
        raise UserError(
            f'two folders, of {persons} persons and {clothes} garments: say '
            'who wears what by pairs=FILE (lines person.jpg cloth.jpg), or '
            'grid=True for everybody in everything'
        )
    if persons != clothes:
        raise UserError(
            f'{persons} persons and {clothes} garments: expected equally '
            'many, one of either, or grid=True for everybody in everything'
        )
    return [(n, n) for n in range(persons)]


def _read_pairs(
    person: Source, cloth: Source, pairs: str | Path
) -> tuple[list[Named], list[Named], list[tuple[int, int]]]:
    """Pictures by the names in a file of pairs; each is listed once."""
    for kind, folder in (('person', person), ('cloth', cloth)):
        if not _is_folder(folder):
            raise UserError(
                f'pairs={pairs} names pictures of two folders, but {kind} is '
                'no folder'
            )
    named = read_pairs(pairs)
    persons = list(dict.fromkeys(pair.person for pair in named))
    clothes = list(dict.fromkeys(pair.cloth for pair in named))
    places = [{n: i for i, n in enumerate(x)} for x in (persons, clothes)]
    return (
        [Named(Path(person, name), name) for name in persons],
        [Named(Path(cloth, name), name) for name in clothes],
        list(
            dict.fromkeys(
                (places[0][pair.person], places[1][pair.cloth])
                for pair in named
            )
        ),
    )


def _is_folder(source: object) -> bool:
    return isinstance(source, str | Path) and Path(source).is_dir()


def _list(kind: FileKind, source: Source) -> list[Named]:
    if _is_folder(source):
        folder, source = source, _pictures(kind, source)
        if not source:
            raise UserError(
                f'{kind}: the folder {folder} holds no picture; expected '
                'files .jpg, .png ...'
            )
    if isinstance(source, Picture):
        source = [source]
    if not isinstance(source, Sequence) or not source:
        raise UserError(
            f'{kind}: expected a picture, a list of 1 or more, or a folder, '
            f'got {source!r:.80}'
        )
    return [_name(kind, picture, n) for n, picture in enumerate(source, 1)]


def _pictures(kind: FileKind, folder: str | Path) -> list[Path]:
    """The pictures of a folder by name, its subfolders excluded."""
    return sorted(
        path
        for path in Path(folder).iterdir()
        if stem_of(kind, path.name) is not None
    )


def _name(kind: FileKind, picture: Picture, number: int) -> Named:
    if isinstance(picture, str | Path):
        return Named(picture, Path(picture).name)
    name = kind if number == 1 else f'{kind}_{number}'
    if not isinstance(picture, Picture):
        raise UserError(
            f'{name}: expected a file, an array or a picture of Pillow, got '
            f'{picture!r:.80}'
        )
    return Named(picture, name)


def _masks(
    clothes: list[Named], cloth: Source, masks: Source | None
) -> list[Picture | None]:
    """The mask of each garment, None if it has none."""
    if masks is None:
        return [None] * len(clothes)
    if _is_folder(masks):
        found = _pictures('cloth_mask', masks)
        by_stem = {path.stem: path for path in found}
        paired = [by_stem.get(Path(garment.name).stem) for garment in clothes]
        _tell_lacking(clothes, paired, masks)
        return paired
    if isinstance(masks, Picture):
        masks = [masks]
    if _is_folder(cloth) or len(masks) != len(clothes):
        raise UserError(
            f'{len(masks)} masks of {len(clothes)} garments: expected one of '
            'each in the same order (None: to be made), or a folder in which '
            'a mask is called like its garment'
        )
    return list(masks)


def _tell_lacking(
    clothes: list[Named], masks: list[Path | None], folder: str | Path
) -> None:
    """A folder of masks may be the wrong one."""
    lacking = [
        garment.name
        for garment, mask in zip(clothes, masks, strict=True)
        if mask is None
    ]
    if lacking:
        print_log(
            f'{folder} lacks the masks of {len(lacking)} of {len(clothes)} '
            f'garments: {describe(lacking)}; GrabCut makes them',
            logger='current',
            level=logging.WARNING,
        )
