# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Resolve user inputs (files, arrays, folders, pair lists) to try-on pairs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import UserError
from ...formats.viton.pairs_file import read_pairs
from ...utils.image_inputs import (
    NamedInput,
    UniqueNames,
    is_folder,
    resolve_images,
)
from ...utils.images import find_images, image_stem, is_image_input
from ...utils.skipped import warn_named

_ENDED = object()


@dataclass(frozen=True, eq=False)
class NamedImage:
    """Image of a person or garment that was not read yet.

    Attributes:
        index (int): Position among the persons or among the garments.
        input (str): Path or URL as given, or a name made up for an array.
        name (str): Stem for file names, unique among persons or garments.
        source (ImageInput | UserError): The image, such as a path or a BGR
            array (h, w, 3) uint8, or why it cannot be used.
        mask (ImageInput, optional): Mask of a garment, such as a path or an
            array (h, w) uint8; None: to be made.
    """

    index: int
    input: str
    name: str
    source: Any
    mask: Any = None


@dataclass(frozen=True, eq=False)
class TryOnPair:
    """A person and the garment to put on.

    Attributes:
        index (int): Position in the order wanted.
        name (str): Stem of the result files, unique within the call.
        person (NamedImage): The person.
        cloth (NamedImage): The garment.
    """

    index: int
    name: str
    person: NamedImage
    cloth: NamedImage

    @property
    def input(self) -> str:
        """What to call the pair in results and messages."""
        return f'{self.person.input} + {self.cloth.input}'


class TryOnRequest(NamedTuple):
    """The try-on pairs that a call asks for.

    Attributes:
        pairs (Iterable[TryOnPair]): A list, or a generator if inputs are read
            while they are used.
        persons (list[NamedImage]): All persons; empty if ``pairs`` is a
            generator.
        clothes (list[NamedImage]): All garments; empty likewise.
    """

    pairs: Iterable[TryOnPair]
    persons: Sequence[NamedImage] = ()
    clothes: Sequence[NamedImage] = ()

    @property
    def total(self) -> int | None:
        """Number of pairs; None if they come from a generator."""
        pairs = self.pairs
        return len(pairs) if isinstance(pairs, Sequence) else None


def resolve_pairs(
    person: object,
    cloth: object,
    cloth_mask: object = None,
    *,
    pairs: str | Path | None = None,
    grid: bool = False,
) -> TryOnRequest:
    """Resolve inputs to a list of pairs; no image is opened.

    Arguments: see :meth:`.inferencer.TryOnInferencer.__call__`.

    Raises:
        UserError: An input is missing, or the inputs do not fit together.
    """
    if pairs is not None:
        if grid:
            raise UserError('got both pairs and grid=True, expected one')
        persons, clothes, indices = _pairs_of_file(person, cloth, pairs)
    else:
        persons = _resolve('person', person)
        clothes = _resolve('cloth', cloth)
        both_folders = is_folder(person) and is_folder(cloth)
        indices = _match(len(persons), len(clothes), grid, both_folders)
    if cloth_mask is not None:
        clothes = _with_masks(clothes, cloth_mask, is_folder(cloth))
    unique = UniqueNames()
    made = [
        _pair(index, persons[p], clothes[c], unique)
        for index, (p, c) in enumerate(indices)
    ]
    return TryOnRequest(made, persons, clothes)


def _pair(
    index: int, person: NamedImage, cloth: NamedImage, unique: UniqueNames
) -> TryOnPair:
    name = unique(f'{person.name}__{cloth.name}')
    return TryOnPair(index, name, person, cloth)


def _match(
    persons: int, clothes: int, grid: bool, both_folders: bool
) -> list[tuple[int, int]]:
    """Return indices of person and garment for each pair, person-major."""
    if grid or persons == 1 or clothes == 1:
        return [(p, c) for p in range(persons) for c in range(clothes)]
    if both_folders:
        raise UserError(
            f'two folders, of {persons} persons and {clothes} garments: '
            'expected pairs=FILE (lines person.jpg cloth.jpg), or grid=True '
            'for all combinations'
        )
    if persons != clothes:
        raise UserError(
            f'{persons} persons and {clothes} garments: expected the same '
            'number of both, one of either, or grid=True for all combinations'
        )
    return [(n, n) for n in range(persons)]


def _pairs_of_file(
    person: Any, cloth: Any, file: str | Path
) -> tuple[list[NamedImage], list[NamedImage], list[tuple[int, int]]]:
    """Return images by the names in a file of pairs, each listed once."""
    for kind, folder in (('person', person), ('cloth', cloth)):
        if not is_folder(folder):
            raise UserError(
                f'pairs={file} lists images of two folders, but {kind} is not '
                f'a folder: {folder!r:.80}'
            )
    listed = read_pairs(file)
    person_names = list(dict.fromkeys(pair.person for pair in listed))
    cloth_names = list(dict.fromkeys(pair.cloth for pair in listed))
    rows = {name: index for index, name in enumerate(person_names)}
    columns = {name: index for index, name in enumerate(cloth_names)}
    return (
        _resolve('person', [Path(person, name) for name in person_names]),
        _resolve('cloth', [Path(cloth, name) for name in cloth_names]),
        list(
            dict.fromkeys(
                (rows[pair.person], columns[pair.cloth]) for pair in listed
            )
        ),
    )


def _resolve(kind: str, inputs: object) -> list[NamedImage]:
    """List the images of the persons or garments."""
    images = list(_iterate(kind, inputs))
    if not images:
        raise UserError(
            f'{kind}: expected an image, a folder, or a list of 1 or more, '
            f'got {inputs!r:.80}'
        )
    return images


def _iterate(kind: str, inputs: object) -> Iterator[NamedImage]:
    try:
        for index, image in enumerate(resolve_images(inputs, kind)):
            yield _named_image(index, image)
    except UserError as error:
        raise UserError(f'{kind}: {error}') from None


def _named_image(index: int, image: NamedInput) -> NamedImage:
    source = _rereadable(image.source)
    return NamedImage(index, image.input, image.name, source)


def _rereadable(source: object) -> object:
    """Return the content of an opened file, which may be needed twice."""
    return source.read() if hasattr(source, 'read') else source


def _with_masks(
    clothes: Sequence[NamedImage], masks: Any, cloth_is_folder: bool
) -> list[NamedImage]:
    """Give each garment its mask."""
    if is_folder(masks) or isinstance(masks, Mapping):
        found = _masks_by_name(masks)
        matched = [_mask_of(garment, found) for garment in clothes]
        _warn_missing(clothes, matched, masks)
    else:
        matched = [masks] if is_image_input(masks) else [*masks]
        if cloth_is_folder or len(matched) != len(clothes):
            raise UserError(
                f'{len(matched)} masks of {len(clothes)} garments: expected a '
                'list with one of each in the same order (None: to be made), '
                'or a folder in which a mask has the name of its garment'
            )
    return [
        replace(garment, mask=_rereadable(mask))
        for garment, mask in zip(clothes, matched, strict=True)
    ]


def _masks_by_name(masks: Any) -> dict[str, object]:
    if isinstance(masks, Mapping):
        return {str(name): mask for name, mask in masks.items()}
    return {path.stem: path for path in find_images(masks)}


def _mask_of(garment: NamedImage, masks: Mapping[str, object]) -> object:
    """Return the mask of a garment's name or stem, None if it has none."""
    return masks.get(garment.input, masks.get(image_stem(garment.input)))


def _warn_missing(
    clothes: Sequence[NamedImage], masks: Sequence[object], where: object
) -> None:
    """Name the garments without mask; the folder may be the wrong one."""
    missing = [
        Path(garment.input).name
        for garment, mask in zip(clothes, masks, strict=True)
        if mask is None
    ]
    where = where if is_folder(where) else 'cloth_mask'
    warn_named(
        f'{where} lacks the masks of {len(missing)} of {len(clothes)} '
        'garments',
        missing,
        '; GrabCut makes them',
    )


def has_generator(*inputs: object) -> bool:
    """Return whether any input yields its images one by one."""
    return any(
        isinstance(source, Iterator) and not is_image_input(source)
        for source in inputs
    )


def stream_pairs(
    person: object, cloth: object, cloth_mask: object = None
) -> TryOnRequest:
    """Resolve generators to pairs while these are used.

    A single person meets all garments, a single garment all persons;
    otherwise the n-th person meets the n-th garment.

    Arguments: see :meth:`.inferencer.TryOnInferencer.__call__`.

    Raises:
        UserError: Persons or garments are missing; while the pairs are used,
            also if persons, garments or masks end before the others.
    """
    persons, single_person = _peek('person', person)
    clothes, single_cloth = _peek('cloth', cloth)
    if cloth_mask is not None:
        clothes = _stream_masks(clothes, cloth_mask)
    if single_person and single_cloth:
        return TryOnRequest([*_zip_pairs(persons, clothes)])
    if single_person:
        persons = repeat(*persons)
    elif single_cloth:
        clothes = repeat(*clothes)
    return TryOnRequest(_zip_pairs(persons, clothes))


def _peek(kind: str, inputs: object) -> tuple[Iterator[NamedImage], bool]:
    """Return an iterator over images, and whether it yields just one."""
    images = _iterate(kind, inputs)
    first = list(islice(images, 2))
    if not first:
        raise UserError(f'{kind}: expected 1 image or more, got none')
    return chain(first, images), len(first) == 1


def _zip_pairs(
    persons: Iterator[NamedImage], clothes: Iterator[NamedImage]
) -> Iterator[TryOnPair]:
    unique = UniqueNames()
    endless = isinstance(persons, repeat) or isinstance(clothes, repeat)
    both = (zip if endless else zip_longest)(persons, clothes)
    for index, (person, cloth) in enumerate(both):
        if person is None or cloth is None:
            ended = 'person' if person is None else 'cloth'
            raise UserError(
                f'{ended} ends after {index} images, before the other; '
                'expected the same number of both, or one of either'
            )
        yield _pair(index, person, cloth, unique)


def _stream_masks(
    clothes: Iterator[NamedImage], masks: Any
) -> Iterator[NamedImage]:
    """Give each garment its mask, as it comes."""
    if is_folder(masks) or isinstance(masks, Mapping):
        found = _masks_by_name(masks)
        for garment in clothes:
            yield replace(garment, mask=_mask_of(garment, found))
        return
    one_by_one = [masks] if is_image_input(masks) else masks
    both = zip_longest(clothes, one_by_one, fillvalue=_ENDED)
    for garment_or_end, mask in both:
        if mask is _ENDED or not isinstance(garment_or_end, NamedImage):
            ended = 'cloth_mask' if mask is _ENDED else 'cloth'
            raise UserError(
                f'{ended} ends before the other; expected a mask of each '
                'garment (None: to be made)'
            )
        yield replace(garment_or_end, mask=_rereadable(mask))
