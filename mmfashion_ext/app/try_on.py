# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Page "Try on": one person in many garments."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserError
from ..utils.image_inputs import UniqueNames
from .uploads import Photo, Upload, read_photo

#: Most garments of one run.
MAX_GARMENTS = 12


class Dressed(NamedTuple):
    """A person in garments.

    Attributes:
        images (list[tuple[np.ndarray, str]]): (h, w, 3) uint8 BGR each, and
            the garment's name.
        notes (list[str]): Garments that were left out and why, masks that
            are not plausible, and what was done to photographs.
    """

    images: list[tuple[np.ndarray, str]]
    notes: list[str]


def dress(
    person: Upload | None, garments: Sequence[Upload], infer: Any
) -> Dressed:
    """Dress a person in garments, as ``mmfashion try-on`` does.

    Args:
        person (Upload, optional): Photograph of a person; None if none was
            chosen.
        garments (Sequence[Upload]): Photographs of a garment each.
        infer (TryOnInferencer): Of the try-on.

    Returns:
        Dressed: In the order of the garments.

    Raises:
        UserError: The person, or every garment, cannot be used.
    """
    photo = read_photo(person, 'a photo of a person')
    if not garments:
        raise UserError('No garment was chosen; choose one or more.')
    if len(garments) > MAX_GARMENTS:
        raise UserError(
            f'{len(garments)} garments, more than the {MAX_GARMENTS} of one '
            'run; choose fewer'
        )
    notes = [photo.note] if photo.note else []
    clothes: dict[str, Photo] = {}
    unique = UniqueNames()
    for garment in garments:
        try:
            read = read_photo(garment)
        except UserError as error:
            if len(garments) == 1:
                raise
            notes.append(f'Left out: {error}')
            continue
        clothes[unique(garment.name)] = read
        notes += [read.note] if read.note else []
    if not clothes:
        raise UserError(' '.join(notes))
    result = infer(
        {photo.name: photo.image},
        {name: cloth.image for name, cloth in clothes.items()},
    )
    notes += [
        f'Left out: {entry["cloth"]}: {entry["reason"]}'
        for entry in result['skipped']
    ]
    images = []
    for prediction in result['predictions']:
        images.append((prediction['try_on'], str(prediction['cloth'])))
        notes += [
            f'{prediction["cloth"]}: {note}'
            for note in prediction.get('notes', ())
        ]
    if not images:
        raise UserError(' '.join(notes))
    return Dressed(images, notes)
