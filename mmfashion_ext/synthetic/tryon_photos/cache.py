# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Cache of try-on pairs: flat garments and registered meshes, as JSON lines.

::

    OUT/dataset.json     version, folders of people and garments, seed
    OUT/garments.jsonl   flat garments: outline and map, or why there are none
    OUT/attempts.jsonl   every attempt: what was tried, passed or why not
    OUT/pairs.jsonl      the pairs, a few kB each, in random order

Lines are appended as pairs are found, so that an interrupted cache is usable
and can be continued. Positions are stored in 1/16 px.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from .flat_garment import FlatGarment, Kind
from .pairing import Fit, Hem
from .people import Split

VERSION = 1
_FRACTION = 16  # parts of a px
HEADER, GARMENTS = 'dataset.json', 'garments.jsonl'
ATTEMPTS, PAIRS = 'attempts.jsonl', 'pairs.jsonl'
FILES = (HEADER, GARMENTS, ATTEMPTS, PAIRS)


@dataclass(frozen=True)
class StoredFit:
    """A garment's mesh on a person, as stored.

    Attributes:
        garment (str): Name of the flat garment; its outline gives the mesh.
        vertices (np.ndarray): (V, 2) px of the photo frame.
        hem (str): ``'seen'`` or ``'tucked'``.
    """

    garment: str
    vertices: np.ndarray
    hem: Hem


@dataclass(frozen=True)
class PhotoPair:
    """What a pair is rendered from.

    Attributes:
        person (str): Stem of the photograph.
        split (str): ``'train'`` or ``'validation'``.
        kind (str): Kind of garment.
        label (str): CCP's label of what is worn.
        worn (StoredFit): A garment on the worn region: that of the composite,
            and the flat shape of the worn garment.
        known (float): Share of the worn garment that is seen or mirrored;
            decides whether there is an inverse pair.
        other (StoredFit, optional): A garment on a larger zone: the input of
            the inverse pair.
        reach (float): Of the larger zone, see
            :func:`~.input_zone.enlarge_region`.
        hem (float): Of the larger zone.
        quality (dict[str, float]): Measures of ``worn``.
    """

    person: str
    split: Split
    kind: Kind
    label: str
    worn: StoredFit
    known: float
    other: StoredFit | None
    reach: float
    hem: float
    quality: dict[str, float]


def stored(fit: Fit) -> StoredFit:
    """Return what is stored of a registered garment."""
    return StoredFit(fit.garment.name, fit.vertices, fit.hem)


def _pack(array: np.ndarray) -> list:
    return np.round(array * _FRACTION).astype(int).ravel().tolist()


def _unpack(numbers: list) -> np.ndarray:
    return np.reshape(numbers, (-1, 2)) / _FRACTION


def _fit_to_json(fit: StoredFit | None) -> dict[str, Any] | None:
    if fit is None:
        return None
    return {
        'garment': fit.garment,
        'hem': fit.hem,
        'vertices': _pack(fit.vertices),
    }


def _fit_from_json(record: dict[str, Any] | None) -> StoredFit | None:
    if record is None:
        return None
    return StoredFit(
        record['garment'],
        _unpack(record['vertices']),
        record['hem'],
    )


def pair_to_json(pair: PhotoPair) -> dict[str, Any]:
    """Return a pair as plain data."""
    record = {
        name: getattr(pair, name)
        for name in ('person', 'split', 'kind', 'label', 'known')
    }
    return record | {
        'worn': _fit_to_json(pair.worn),
        'other': _fit_to_json(pair.other),
        'reach': pair.reach,
        'hem': pair.hem,
        'quality': pair.quality,
    }


def pair_from_json(record: dict[str, Any]) -> PhotoPair:
    """Return a pair from plain data.

    Raises:
        UserError: It is not a pair of this version.
    """
    try:
        fits = {key: _fit_from_json(record[key]) for key in ('worn', 'other')}
        return PhotoPair(**(record | fits))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'{PAIRS}: a line is not a pair of version {VERSION} ({error!r}); '
            'generate the cache again'
        ) from None


def garment_to_json(garment: FlatGarment) -> dict[str, Any]:
    """Return a flat garment as plain data."""
    record = asdict(garment)
    record['outline'] = _pack(garment.outline)
    record['to_photo'] = garment.to_photo.round(6).tolist()
    return record


def garment_from_json(record: dict[str, Any]) -> FlatGarment:
    """Return a flat garment from plain data."""
    outline = _unpack(record['outline']).astype(np.float32)
    matrix = np.array(record['to_photo'])
    return FlatGarment(record['name'], record['kind'], outline, matrix)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read a file of JSON lines; an unfinished last line is left out.

    Args:
        path (Path): The file; none is read if there is not one.

    Yields:
        dict[str, Any]: One line.

    Raises:
        UserError: Another line is not JSON.
    """
    if not path.is_file():
        return
    lines = path.read_bytes().split(b'\n')
    for number, line in enumerate(lines[:-1], 1):
        try:
            yield json.loads(line)
        except ValueError:
            raise UserError(
                f'{path}: line {number} is not JSON; remove it, or generate '
                'the cache again'
            ) from None


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Append one JSON line to a file."""
    line = json.dumps(record, separators=(',', ':')) + '\n'
    with path.open('ab') as file:
        file.write(line.encode())


def drop_unfinished_line(path: Path) -> None:
    """Cut off what an interruption left of a last line."""
    if path.is_file():
        content = path.read_bytes()
        if content and not content.endswith(b'\n'):
            path.write_bytes(content[: content.rfind(b'\n') + 1])


def read_header(out: str | Path) -> dict[str, Any]:
    """Read ``dataset.json`` of a cache.

    Args:
        out (str | Path): Folder of the cache.

    Returns:
        dict[str, Any]: ``version``, ``people``, ``garments``, ``seed``.

    Raises:
        UserError: The folder is not a cache of this version.
    """
    path = Path(out) / HEADER
    try:
        header = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(
            f'{out} is not a cache of try-on pairs: {HEADER} is missing; '
            'write one with python -m mmfashion_ext.synthetic tryon-photos'
        ) from None
    except ValueError as error:
        raise UserError(f'{path} is not JSON ({error})') from None
    if not isinstance(header, dict) or header.get('version') != VERSION:
        raise UserError(
            f'{path}: expected version {VERSION}; generate the cache again'
        )
    return header


def read_pairs(out: str | Path) -> list[PhotoPair]:
    """Read the pairs of a cache, in their order."""
    return [pair_from_json(line) for line in read_lines(Path(out, PAIRS))]


def read_garments(out: str | Path) -> dict[str, FlatGarment]:
    """Read the flat garments of a cache that are usable, by name."""
    lines = read_lines(Path(out, GARMENTS))
    return {
        line['name']: garment_from_json(line)
        for line in lines
        if 'outline' in line
    }
