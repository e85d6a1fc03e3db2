# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pairs of persons and garments of a try-on dataset; no image is opened."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...errors import UserError, describe
from .constants import ParseLabels
from .garment_classes import GarmentClass
from .layout import (
    LAYOUTS,
    FileKind,
    Layout,
    LayoutName,
    TryOnSplit,
    cloth_stem,
)
from .pairs_file import TryOnPair, read_pairs

_CHECK = 'tools/dataset_converters/viton.py --check lists all'


@dataclass(frozen=True)
class TryOnFiles:
    """The folders of a try-on split, and the files in them.

    Attributes:
        root (Path): As the user gave it.
        layout_name (str): A name of :data:`~.layout.LAYOUTS`.
        split (str): ``'train'`` or ``'test'``.
        parse_labels (str, optional): Set of the parse maps' labels. None:
            that of the layout.
        cloth_class (str): Class of the garments, where no file of pairs says
            another one; of layouts with a folder for each class, the folder.
    """

    root: Path
    layout_name: LayoutName
    split: TryOnSplit
    parse_labels: ParseLabels | None = None
    cloth_class: GarmentClass = 'upper_body'

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
        layout = self.layout
        below = self.cloth_class if layout.by_class else layout.base
        bases = [self.root / below]
        if not layout.by_class or self.root.name == below:
            bases.append(self.root)
        persons = layout.folders['person']
        for base in bases:
            if (base / persons).is_dir():
                return base
        folders = [*dict.fromkeys(layout.folders.values())][:3]
        raise UserError(
            f'{bases[0] / persons} does not exist: expected the folders '
            f'{", ".join(folders)} of layout {self.layout_name!r}, '
            f'{self.split}, in {self.root} or its {below}; see '
            'docs/datasets.md'
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
            stem = self.layout.stem(kind, name)
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
            of: FileKind = 'cloth' if kind == 'cloth_mask' else 'person'
            name = self.named(kind).get(self.stem(of, getattr(pair, of)))
        return name and self.folder(kind) / name

    def stem(self, kind: FileKind, name: str) -> str:
        """Return what the files of an image are named after."""
        return self.layout.stem(kind, name) or Path(name).stem

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
        found = self._listed(name) if name else None
        if given and found is None:
            raise UserError(f'{self.root / given}: no such file of pairs')
        return found

    def _listed(self, name: str) -> Path | None:
        """Return the path of a file of pairs of a name, None: none exists."""
        folders = [self.root, self.base]
        if self.layout.by_class:  # that of the class before that of all
            folders.reverse()
        return next(
            (folder / name for folder in folders if (folder / name).is_file()),
            None,
        )

    def worn(self) -> dict[str, str | None]:
        """Return image of a person -> image of the garment worn, or None."""
        clothes = self.named('cloth')
        return {
            name: clothes.get(cloth_stem(self.layout_name, stem))
            for stem, name in self.named('person').items()
        }

    def pairs_by_name(self) -> list[TryOnPair]:
        """Return each person with the garment worn, in the order of names.

        Layouts whose splits lie in one folder (DressCode) have a file that
        lists them; its order counts.

        Raises:
            UserError: There is no person, or a garment or that file is
                missing.
        """
        if self.layout.worn_pairs:
            path = self._listed(self.layout.worn_pairs)
            if path is None:
                raise UserError(
                    f'{self.base / self.layout.worn_pairs} does not exist: '
                    f'layout {self.layout_name!r} lists the persons of '
                    f'{self.split} there'
                )
            return self.read_pairs(path)
        worn = self.worn()
        if not worn:
            raise UserError(f'{self.folder("person")} has no image')
        lacking = [person for person, cloth in worn.items() if cloth is None]
        if lacking:
            raise UserError(
                f'{self.folder("cloth")} lacks the clothes of {len(lacking)} '
                f'of {len(worn)} persons, {describe(lacking)}: expected such '
                f'as {self.expected_cloth(lacking[0])}; {_CHECK}'
            )
        classes = self._classes_of_clothes()
        return [
            TryOnPair(person, cloth, {}, classes.get(cloth, self.cloth_class))
            for person, cloth in worn.items()
            if cloth is not None
        ]

    def expected_cloth(self, person: str) -> str:
        """Return a name that the garment worn by a person could have."""
        stem = cloth_stem(self.layout_name, self.stem('person', person))
        return stem + self.layout.endings['cloth'][0]

    def _classes_of_clothes(self) -> dict[str, GarmentClass]:
        """Return garment -> its class, as the layout's file of pairs says."""
        path = self.pairs_file()
        pairs = read_pairs(path) if path else []
        return {p.cloth: p.cloth_class for p in pairs if p.cloth_class}

    def pairs_by_rank(self) -> list[TryOnPair]:
        """Return the n-th files of the sorted folders as pairs, as published.

        This concerns ``person``, ``cloth``, ``cloth_mask`` and ``parse``,
        where such a folder exists; other files go by the person's name.

        Raises:
            UserError: A folder holds a stray file, or one file less, or the
                layout has a folder for each class.
        """
        if self.layout.by_class:
            raise UserError(
                f"pairing='rank' is not for layout {self.layout_name!r}, "
                "whose files list the pairs; use pairing='name'"
            )
        kinds: list[FileKind] = ['person', 'cloth']
        others: tuple[FileKind, ...] = ('cloth_mask', 'parse')
        kinds += [kind for kind in others if self.listing(kind)]
        listings = {kind: self.listing(kind) for kind in kinds}
        self._refuse_strays(listings)
        return [
            TryOnPair(
                row[0],
                row[1],
                dict(zip(kinds[2:], row[2:], strict=True)),
                self.cloth_class,
            )
            for row in zip(*listings.values(), strict=True)
        ]

    def _refuse_strays(self, listings: dict[FileKind, list[str]]) -> None:
        counts = {kind: len(names) for kind, names in listings.items()}
        strays = [
            f'{self.layout.folders[kind]}/{name}'
            for kind, names in listings.items()
            for name in names
            if self.layout.stem(kind, name) is None
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
        stem = self.layout.stem(kind, name) or name
        if self.layout_name == 'viton' and stem.endswith(('_0', '_1')):
            return stem[:-2]
        return stem

    def read_pairs(self, path: Path) -> list[TryOnPair]:
        """Read a file of pairs, see :func:`read_pairs`.

        Returns:
            list[TryOnPair]: Each with its class; of a layout with a folder
            for each class, only the pairs of this one: possibly none.

        Raises:
            UserError: It cannot be read, or an image that it names is
                missing.
        """
        pairs = [
            pair._replace(cloth_class=pair.cloth_class or self.cloth_class)
            for pair in read_pairs(path)
            if not self.layout.by_class
            or pair.cloth_class in (None, self.cloth_class)
        ]
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
