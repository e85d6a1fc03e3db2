# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""File of try-on pairs: lines of person, garment and its class."""

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError
from ...utils.sources import check_regular_file
from .garment_classes import GARMENT_CLASSES, GarmentClass, read_class
from .layout import FileKind

#: A name in double quotes, or one without blanks.
_NAMES = re.compile(r'"(?:[^"]|"")+"(?!\S)|\S+')


class TryOnPair(NamedTuple):
    """A person and a garment, as names of files.

    Attributes:
        person (str): Image of the person.
        cloth (str): Image of the garment.
        files (dict[str, str]): Kind of file -> its name, where it does not
            follow from the two others: of pairs by rank.
        cloth_class (str, optional): Class of the garment; None: it is not
            known.
    """

    person: str
    cloth: str
    files: dict[FileKind, str]
    cloth_class: GarmentClass | None = None


def read_pairs(path: str | Path) -> list[TryOnPair]:
    """Read a file of pairs.

    Args:
        path (str | Path): Text in UTF-8 (UTF-16 with a byte-order mark): lines
            of two names with blanks between. Names with blanks stand in
            double quotes (``""`` is a quote in them), or a tab stands between
            the two. A third column may name the class of the garment, or its
            number in DressCode (0, 1 or 2). Empty lines, a byte-order mark
            and a missing last line break do not matter.

    Returns:
        list[TryOnPair]: At least one, in the order of the file.

    Raises:
        UserError: It is missing, empty, not such text, or a line is not a
            pair.
    """
    pairs = []
    for number, line in enumerate(_read_text(Path(path)).splitlines(), 1):
        names = split_names(line)
        cloth_class = read_class(names[2]) if len(names) == 3 else None
        if len(names) not in (0, 2) and cloth_class is None:
            raise UserError(
                f'{path} line {number}: expected person.jpg cloth.jpg, got '
                f'{line.strip()!r:.80}; put names with blanks in double '
                'quotes, or a tab between the two; a third column must be one '
                f'of {", ".join(GARMENT_CLASSES)}'
            )
        if names:
            pairs.append(TryOnPair(names[0], names[1], {}, cloth_class))
    if not pairs:
        raise UserError(
            f'{path} holds no pair; expected lines of person.jpg cloth.jpg'
        )
    return pairs


def split_names(line: str) -> list[str]:
    """Split a line of names at its tab, or at blanks outside of quotes.

    Args:
        line (str): Such as ``a.jpg "b c.jpg"``.
    """
    columns = [name for part in line.split('\t') if (name := part.strip())]
    if len(columns) in (2, 3):
        return [_unquoted(name) for name in columns]
    return [_unquoted(name) for name in _NAMES.findall(line)]


def _unquoted(name: str) -> str:
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name


def _read_text(path: Path) -> str:
    if path.is_dir():
        raise UserError(f'{path} cannot be read (a folder, expected a file)')
    try:
        if path.exists():
            check_regular_file(path)
        content = path.read_bytes()
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode('utf-16')
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise UserError(
            f'{path} cannot be read as a file of pairs: not text in UTF-8 '
            f'({error.reason} at byte {error.start}); save it as UTF-8'
        ) from None
    except FileNotFoundError:
        raise UserError(f'{path}: no such file of pairs') from None
    except OSError as error:
        raise UserError(f'{path} cannot be read ({error})') from None
