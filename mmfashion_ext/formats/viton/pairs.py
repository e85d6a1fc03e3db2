# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pairs of persons and garments of a try-on dataset; no image is opened."""

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError, describe
from ...utils.sources import check_regular_file
from .constants import ParseLabels
from .layout import (
    ENDINGS,
    LAYOUTS,
    FileKind,
    Layout,
    LayoutName,
    TryOnSplit,
    cloth_stem,
)

#: A name in double quotes, or one without blanks.
_NAMES = re.compile(r'"(?:[^"]|"")+"(?!\S)|\S+')
_CHECK = 'tools/dataset_converters/viton.py --check lists all'


class TryOnPair(NamedTuple):
    """A person and a garment, as names of files.

    Attributes:
        person (str): Image of the person.
        cloth (str): Image of the garment.
        files (dict[str, str]): Kind of file -> its name, where it does not
            follow from the two others: of pairs by rank.
    """

    person: str
    cloth: str
    files: dict[FileKind, str]


@dataclass(frozen=True)
class TryOnFiles:
    """The folders of a try-on split, and the files in them.

    Attributes:
        root (Path): As the user gave it.
        layout_name (str): ``'viton'``, ``'viton-hd'`` or ``'folder'``.
        split (str): ``'train'`` or ``'test'``.
        parse_labels (str, optional): Set of the parse maps' labels. None:
            that of the layout.
    """

    root: Path
    layout_name: LayoutName
    split: TryOnSplit
    parse_labels: ParseLabels | None = None

    @property
    def layout(self) -> Layout:
        """Layout of the folders.

        Raises:
            UserError: There is no such layout or split.
        """
        try:
            return LAYOUTS[self.layout_name, self.split]
        except KeyError:
            known = sorted({name for name, _ in LAYOUTS})
            raise UserError(
                f"layout must be one of {known} and split 'train' or 'test', "
                f'got {self.layout_name!r} and {self.split!r}'
            ) from None

    @property
    def labels(self) -> ParseLabels:
        """Set of the parse maps' labels."""
        return self.parse_labels or self.layout.parse

    @cached_property
    def base(self) -> Path:
        """Folder that holds the folders of the split.

        Raises:
            UserError: It does not exist.
        """
        bases = [self.root / self.layout.base, self.root]
        persons = self.layout.folders['person']
        for base in bases:
            if (base / persons).is_dir():
                return base
        raise UserError(
            f'{bases[0] / persons} does not exist: expected the folders '
            f'{", ".join(list(self.layout.folders.values())[:3])} of layout '
            f'{self.layout_name!r}, {self.split}, in {self.root} or its '
            f'{self.layout.base}; see docs/datasets.md'
        )

    def folder(self, kind: FileKind) -> Path:
        """Return the folder of a kind of file, which may not exist."""
        return self.base / self.layout.folders[kind]

    @cached_property
    def _names(self) -> dict[FileKind, list[str]]:
        return {
            kind: sorted(path.name for path in self.folder(kind).iterdir())
            for kind in self.layout.folders
            if self.folder(kind).is_dir()
        }

    def listing(self, kind: FileKind) -> list[str]:
        """Return all names in a folder, sorted; none if it is missing."""
        return self._names.get(kind, [])

    @cached_property
    def _by_stem(self) -> dict[FileKind, dict[str, str]]:
        return {kind: self._index(kind) for kind in self._names}

    def _index(self, kind: FileKind) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self._names[kind]:
            stem = stem_of(kind, name)
            if stem is None:
                continue
            if stem in found:
                raise UserError(
                    f'{self.folder(kind)} has {found[stem]} and {name}: '
                    'expected one file of a name; remove one of them'
                )
            found[stem] = name
        return found

    def named(self, kind: FileKind) -> dict[str, str]:
        """Return the files of a kind by the stem of their image.

        Files with other endings are left out, hidden ones too.

        Raises:
            UserError: Two files have one stem.
        """
        return self._by_stem.get(kind, {})

    def find(self, kind: FileKind, pair: TryOnPair) -> Path | None:
        """Return a file of a pair, None if it is missing.

        Whether the pair's two images exist is not checked.
        """
        if kind in ('person', 'cloth'):
            name = getattr(pair, kind)
        elif kind in pair.files:
            name = pair.files[kind]
        else:
            image = pair.cloth if kind == 'cloth_mask' else pair.person
            name = self.named(kind).get(Path(image).stem)
        return name and self.folder(kind) / name

    def person_kinds(self, needed: bool) -> list[FileKind]:
        """Return the kinds of files that each person has beside the image.

        Args:
            needed (bool): Whether parse map, pose and DensePose are needed,
                even if they have no folder.
        """
        return [
            kind
            for kind in ('parse', 'pose', 'densepose', 'flow')
            if self.folder(kind).is_dir() or (needed and kind != 'flow')
        ]

    def pairs_file(self, given: str | None = None) -> Path | None:
        """Return the file of pairs: the one given, or the layout's.

        Args:
            given (str, optional): Name below the root. None: that of the
                layout, if it exists.

        Raises:
            UserError: The one given does not exist.
        """
        name = given or self.layout.pairs
        paths = [folder / name for folder in (self.root, self.base) if name]
        for path in paths:
            if path.is_file():
                return path
        if given:
            raise UserError(f'{paths[0]}: no such file of pairs')
        return None

    def worn(self) -> dict[str, str | None]:
        """Return image of a person -> image of the garment worn, or None."""
        clothes = self.named('cloth')
        return {
            name: clothes.get(cloth_stem(self.layout_name, stem))
            for stem, name in self.named('person').items()
        }

    def pairs_by_name(self) -> list[TryOnPair]:
        """Return each person with the garment worn, in the order of names.

        Raises:
            UserError: There is no person, or a garment is missing.
        """
        worn = self.worn()
        if not worn:
            raise UserError(f'{self.folder("person")} has no image')
        lacking = [person for person, cloth in worn.items() if cloth is None]
        if lacking:
            expected = cloth_stem(self.layout_name, Path(lacking[0]).stem)
            raise UserError(
                f'{self.folder("cloth")} lacks the clothes of {len(lacking)} '
                f'of {len(worn)} persons, {describe(lacking)}: expected such '
                f'as {expected}.jpg; {_CHECK}'
            )
        return [
            TryOnPair(person, cloth, {})
            for person, cloth in worn.items()
            if cloth is not None
        ]

    def pairs_by_rank(self) -> list[TryOnPair]:
        """Return the n-th files of the sorted folders as pairs, as published.

        This concerns ``person``, ``cloth``, ``cloth_mask`` and ``parse``,
        where such a folder exists; other files go by the person's name.

        Raises:
            UserError: A folder holds a stray file, or one file less.
        """
        kinds: list[FileKind] = ['person', 'cloth']
        others: tuple[FileKind, ...] = ('cloth_mask', 'parse')
        kinds += [kind for kind in others if self.listing(kind)]
        listings = {kind: self.listing(kind) for kind in kinds}
        self._refuse_strays(listings)
        return [
            TryOnPair(
                row[0], row[1], dict(zip(kinds[2:], row[2:], strict=True))
            )
            for row in zip(*listings.values(), strict=True)
        ]

    def _refuse_strays(self, listings: dict[FileKind, list[str]]) -> None:
        counts = {kind: len(names) for kind, names in listings.items()}
        strays = [
            f'{self.layout.folders[kind]}/{name}'
            for kind, names in listings.items()
            for name in names
            if stem_of(kind, name) is None
        ]
        if len({*counts.values()}) > 1 and not strays:
            strays = self._without_counterpart(listings)
        if strays or not all(counts.values()):
            report = ', '.join(
                f'{self.layout.folders[kind]} {count:,}'
                for kind, count in counts.items()
            )
            raise UserError(
                f'{self.base}: pairs by rank need the same number of images '
                f'in each folder, got {report}; without counterpart: '
                f'{describe(strays) or "none"}; remove it, or use '
                "pairing='name'"
            )

    def _without_counterpart(
        self, listings: dict[FileKind, list[str]]
    ) -> list[str]:
        """Return the files whose pair has no file in another folder."""
        keys = {
            kind: {self._pair_key(kind, name): name for name in names}
            for kind, names in listings.items()
        }
        counts = Counter(key for names in keys.values() for key in names)
        return [
            f'{self.layout.folders[kind]}/{name}'
            for kind, names in keys.items()
            for key, name in names.items()
            if counts[key] < len(keys)
        ]

    def _pair_key(self, kind: FileKind, name: str) -> str:
        """Return what the names of person, cloth and their files share."""
        stem = stem_of(kind, name) or name
        if self.layout_name == 'viton' and stem.endswith(('_0', '_1')):
            return stem[:-2]
        return stem

    def read_pairs(self, path: Path) -> list[TryOnPair]:
        """Read a file of pairs, see :func:`read_pairs`.

        Raises:
            UserError: It cannot be read, or an image that it names is
                missing.
        """
        pairs = read_pairs(path)
        for kind in ('person', 'cloth'):
            existing = set(self.named(kind).values())
            named = dict.fromkeys(getattr(pair, kind) for pair in pairs)
            missing = [name for name in named if name not in existing]
            if missing:
                raise UserError(
                    f'{path} names {len(missing)} images that '
                    f'{self.folder(kind)} lacks: {describe(missing)}'
                )
        return pairs


def stem_of(kind: FileKind, name: str) -> str | None:
    """Return the stem of a file's image; None: not a file of this kind."""
    for ending in ENDINGS[kind]:
        if name.lower().endswith(ending) and not name.startswith('.'):
            return name[: -len(ending)]
    return None


def read_pairs(path: str | Path) -> list[TryOnPair]:
    """Read a file of pairs.

    Args:
        path (str | Path): Text in UTF-8 (UTF-16 with a byte-order mark): lines
            of two names with blanks between. Names with blanks stand in
            double quotes (``""`` is a quote in them), or a tab stands between
            the two. Empty lines, a byte-order mark and a missing last line
            break do not matter.

    Returns:
        list[TryOnPair]: At least one, in the order of the file.

    Raises:
        UserError: It is missing, empty, not such text, or a line is not a
            pair.
    """
    pairs = []
    for number, line in enumerate(_read_text(Path(path)).splitlines(), 1):
        names = split_names(line)
        if len(names) not in (0, 2):
            raise UserError(
                f'{path} line {number}: expected person.jpg cloth.jpg, got '
                f'{line.strip()!r:.80}; put names with blanks in double '
                'quotes, or a tab between the two'
            )
        if names:
            pairs.append(TryOnPair(names[0], names[1], {}))
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
    if len(columns) == 2:
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
