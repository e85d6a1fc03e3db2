# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Store of try-on pairs: reads a cache and renders its pairs."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from ...errors import UserError
from .cache import PhotoPair, read_garments, read_header, read_pairs
from .flat_garment import FlatGarment
from .people import Garments, People, Person, Split
from .rendering import PairKind, RenderedPair, has_inverse, render_pair
from .worn_region import WornRegion, find_worn_regions

_KEPT = 64  # photographs kept in memory
_T = TypeVar('_T')


class PairStore:
    """The pairs of a cache, rendered when they are asked for.

    Args:
        out (str | Path): Folder of the cache.
        split (str, optional): ``'train'`` or ``'validation'``. None: both.
        people (str | Path, optional): Copy of CCP. None: as the cache says.
        garments (str | Path, optional): Photographs of garments. None: as the
            cache says.

    Attributes:
        pairs (list[PhotoPair]): Of the split, in the order of the cache.

    Raises:
        UserError: The folder is not a cache, has no pair of the split, or a
            folder of photographs is missing.
    """

    def __init__(
        self,
        out: str | Path,
        split: Split | None = None,
        people: str | Path | None = None,
        garments: str | Path | None = None,
    ) -> None:
        header = read_header(out)
        self.people = People(people or header['people'])
        self.garments = Garments(garments or header['garments'])
        self._flat = read_garments(out)
        self.pairs: list[PhotoPair] = [
            pair for pair in read_pairs(out) if split in (None, pair.split)
        ]
        if not self.pairs:
            raise UserError(
                f'{out} has no pairs of the split {split}; generate some with '
                'python -m mmfashion_ext.synthetic tryon-photos'
            )
        self._read_person = _Reader(self._person)
        self._read_flat = _Reader(self._flat_garment)

    def __len__(self) -> int:
        return len(self.pairs)

    def samples(self, kind: PairKind | None = None) -> list[tuple]:
        """List what can be rendered.

        Args:
            kind (str, optional): ``'inverse'`` or ``'composite'``. None: both
                kinds of each pair, one after the other.

        Returns:
            list[tuple[int, str]]: Indices of pairs, and kinds.
        """
        found: list[tuple[int, PairKind]] = []
        for index, pair in enumerate(self.pairs):
            if kind in (None, 'inverse') and has_inverse(pair):
                found.append((index, 'inverse'))
            if kind in (None, 'composite'):
                found.append((index, 'composite'))
        return found

    def render(
        self,
        index: int,
        kind: PairKind,
        size: tuple[int, int] = (256, 192),
        rng: np.random.Generator | None = None,
    ) -> RenderedPair:
        """Render a pair.

        Args:
            index (int): Of ``pairs``.
            kind (str): ``'inverse'`` or ``'composite'``.
            size (tuple[int, int]): (h, w) px.
            rng (np.random.Generator, optional): Varies crop, mirroring and
                colours.

        Returns:
            RenderedPair: The images.

        Raises:
            UserError: A photograph cannot be read, or is not that of the
                cache.
        """
        pair = self.pairs[index]
        person, regions = self._read_person(pair.person)
        region = regions.get(pair.kind)
        if not isinstance(region, WornRegion):
            raise UserError(
                f'{self.people.root}: {pair.person} wears no {pair.kind} as '
                'the cache says; give the copy of CCP that the cache was '
                'made from'
            )
        return render_pair(
            pair, kind, person, region, self._read_flat, size, rng
        )

    def _person(self, name: str) -> tuple[Person, dict]:
        person = self.people.read(name)
        return person, find_worn_regions(person.labels)

    def _flat_garment(self, name: str) -> tuple[FlatGarment, np.ndarray]:
        return self._flat[name], self.garments.read(name)


class _Reader(Generic[_T]):
    """Reader of names that keeps its last results."""

    def __init__(self, read: Callable[[str], _T]) -> None:
        self._read = read
        self._kept: OrderedDict[str, _T] = OrderedDict()

    def __call__(self, name: str) -> _T:
        if name not in self._kept:
            self._kept[name] = self._read(name)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]
