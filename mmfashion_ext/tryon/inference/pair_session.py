# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Run many try-on pairs without reading or computing anything twice.

What runs the network is a subclass: :mod:`.session` by PyTorch,
:mod:`mmfashion_ext.lite` by ONNX Runtime. No PyTorch is imported.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from ...errors import UserError
from ...formats.viton.files import read_file
from ...formats.viton.plausibility import doubt_mask
from .frame import Frame, garment_box, region_around
from .inputs import NamedImage, TryOnPair
from .loading import check_one_size, read_cloth, resize
from .lru_cache import LRUCache
from .results import TryOnImages, WholePhotograph

#: Bytes of garment features that are cached for the next persons.
CACHE_BYTES = 2**30
_IMAGES = 'person', 'cloth', 'cloth_mask'
#: Photograph (h, w, 3) BGR uint8 -> box x1, y1, x2, y2 px, or None.
FindPerson = Callable[[np.ndarray], Sequence[float] | None]


class LoadedPair(NamedTuple):
    """A pair whose images were read, resized and packed.

    Attributes:
        pair (TryOnPair): The person and the garment.
        inputs (dict[str, np.ndarray]): ``person``, ``cloth`` (h, w, 3) RGB
            and ``cloth_mask`` (h, w), uint8.
        size (tuple[int, int]): (h, w) in px.
        notes (list[str]): What is not plausible about the garment's mask.
        originals (dict[str, np.ndarray], optional): ``person``, ``cloth``
            (h, w, 3) RGB and ``cloth_mask`` (h, w) uint8 as they were read,
            where the try-on is composed at the photograph's own size.
        whole (WholePhotograph, optional): The photograph that the person is
            a part of.
    """

    pair: TryOnPair
    inputs: dict[str, np.ndarray]
    size: tuple[int, int]
    notes: list[str]
    originals: dict[str, np.ndarray] | None = None
    whole: WholePhotograph | None = None


class PairSession(ABC):
    """Run try-on pairs without computing any feature twice.

    Images (h, w, 3) and features are cached for as long as they may be needed
    again. Garments are run in blocks whose features fit into
    ``CACHE_BYTES``: all persons are dressed in one block before the next one
    is read. The caches are freed with the session, which belongs to one call.

    Args:
        size (tuple[int, int], optional): (h, w) in px that all images are
            resized to. None: images keep their size. A network that keeps
            the photograph gets images that are fitted into this size, and the
            try-on is composed at the size of the photograph, see
            :mod:`.full_size`.
        batch_size (int): Pairs that go through the network together.
        keeps_photograph (bool): Whether the network does.

    Attributes:
        find_person (Callable, optional): Photograph (h, w, 3) BGR uint8 ->
            box of the person, x1, y1, x2, y2 px, or None if there is none.
            The network then sees the part around the box alone.
    """

    def __init__(
        self,
        size: tuple[int, int] | None,
        batch_size: int,
        keeps_photograph: bool,
    ) -> None:
        self.size = size
        self.batch_size = batch_size
        self.keeps_photograph = keeps_photograph
        #: Frame (h, w) that images are fitted into; None: they are resized.
        self._frame = size if keeps_photograph else None
        self._unreadable: dict[tuple[str, int], str] = {}
        self._persons: LRUCache[dict] = LRUCache(batch_size)
        self._clothes: LRUCache[dict] = LRUCache(batch_size)
        self._person_features: LRUCache[Any] = LRUCache(batch_size)
        self._cloth_features: LRUCache[Any] = LRUCache(batch_size)
        # garments in a block; None until the first one was read
        self._block: int | None = None
        self.find_person: FindPerson | None = None

    @abstractmethod
    def cloth_bytes(self, size: tuple[int, int]) -> int:
        """Return how many bytes the features of a garment (h, w) occupy."""

    @abstractmethod
    def _dress(self, batch: Sequence[LoadedPair]) -> list[Any]:
        """Run the network on pairs of one size (h, w)."""

    @abstractmethod
    def to_images(self, output: Any) -> TryOnImages:
        """Convert an output of :meth:`run` to images (h, w, 3) uint8 BGR."""

    def order(self, pairs: Iterable[TryOnPair]) -> Iterator[TryOnPair]:
        """Yield pairs in the order that needs each feature once.

        Args:
            pairs (Iterable[TryOnPair]): A sequence is sorted by blocks of
                garments as soon as the first pair was read and the size of
                its features is known; any other iterable keeps its order.

        Yields:
            TryOnPair: To be loaded and run before the next batch is asked
            for.
        """
        if not isinstance(pairs, Sequence):
            yield from pairs
            return
        count = 0
        while count < len(pairs) and self._block is None:
            yield pairs[count]
            count += 1
        yield from sorted(
            pairs[count:],
            key=lambda pair: (pair.cloth.index // self._block, pair.index),
        )

    def load(self, pair: TryOnPair) -> LoadedPair:
        """Read and resize the images of a pair.

        Args:
            pair (TryOnPair): The person and the garment.

        Returns:
            LoadedPair: With uint8 arrays (h, w, ...).

        Raises:
            UserError: An image cannot be read, or the sizes differ.
        """
        person = self._load_once(
            'person', pair.person, self._persons, self._load_person
        )
        cloth = self._load_once(
            'cloth', pair.cloth, self._clothes, self._load_cloth
        )
        item = person | cloth
        check_one_size(item, _IMAGES)
        size = item['person'].shape[:2]
        if self._block is None:
            self._set_block(size)
        originals = None
        if self._frame is not None:
            originals = {**person['originals'], **cloth['originals']}
        inputs = {name: item[name] for name in _IMAGES}
        notes = person['notes'] + cloth['notes']
        return LoadedPair(
            pair, inputs, size, notes, originals, person['whole']
        )

    def _set_block(self, size: tuple[int, int]) -> None:
        """Set how many garments are cached, by the size (h, w) of the first.

        Garments of other sizes need more or less memory than estimated.
        """
        count = CACHE_BYTES // self.cloth_bytes(size)
        self._block = max(self.batch_size, count)
        self._clothes.capacity = self._block
        self._cloth_features.capacity = self._block

    def _load_once(
        self,
        kind: str,
        image: NamedImage,
        cache: LRUCache[dict],
        load: Callable[[NamedImage], dict],
    ) -> dict:
        """Read an image, unless it is cached or could not be read before."""
        key = kind, image.index
        if key in self._unreadable:
            raise UserError(self._unreadable[key])
        try:
            return cache.get(image.index, lambda: load(image))
        except UserError as error:
            self._unreadable[key] = str(error)
            raise

    def _load_person(self, person: NamedImage) -> dict:
        image = self._read('person', _checked(person.source))
        whole, notes = None, []
        if self.find_person is not None and self._frame is not None:
            box = self.find_person(np.ascontiguousarray(image[..., ::-1]))
            if box is None:
                notes = ['no person was found, the whole photograph is used']
            else:
                ratio = self._frame[1] / self._frame[0]
                region = region_around(box, image.shape[:2], ratio)
                whole, image = WholePhotograph(image, region), image[region]
        return self._resized({'person': image}) | {
            'person_path': person.input,
            'whole': whole,
            'notes': notes,
        }

    def _load_cloth(self, cloth: NamedImage) -> dict:
        image, mask = self._read(
            'cloth', _checked(cloth.source), _checked(cloth.mask)
        )
        made = ', made by GrabCut,' if cloth.mask is None else ''
        notes = [
            f'the mask{made} {doubt}' for doubt in doubt_mask(mask, image)
        ]
        if self._frame is not None:
            box = garment_box(mask)
            image, mask = image[box], mask[box]
        images = {'cloth': image, 'cloth_mask': mask}
        return self._resized(images) | {
            'cloth_path': cloth.input,
            'notes': notes,
        }

    @staticmethod
    def _read(kind: str, *sources: Any) -> Any:
        """Read a person (h, w, 3), or a garment and its mask (h, w)."""
        if kind == 'person':
            return read_file('person', *sources)
        return read_cloth(*sources)

    def _resized(self, images: dict[str, np.ndarray]) -> dict:
        """Return images (h, w, ...) as the network reads them."""
        if self._frame is not None:
            fitted = {
                name: Frame.of(image.shape[:2], self._frame).fit(image)
                for name, image in images.items()
            }
            return {**fitted, 'originals': images}
        if self.size is None:
            return dict(images)
        return {name: resize(x, self.size) for name, x in images.items()}

    def run(self, batch: Sequence[LoadedPair]) -> list[Any]:
        """Run the network on a batch; pairs of one size go together.

        Args:
            batch (Sequence[LoadedPair]): Of ``batch_size`` pairs at most.

        Returns:
            list: Outputs of the network in the same order, (C, h, w), that
            are padded no longer.

        Raises:
            RuntimeError: Such as too little memory; the caches are cleared.
        """
        try:
            return [
                output
                for _, group in groupby(batch, key=lambda pair: pair.size)
                for output in self._dress([*group])
            ]
        except (RuntimeError, MemoryError):
            self._person_features.clear()
            self._cloth_features.clear()
            raise

    @staticmethod
    def _features(
        cache: LRUCache[Any],
        indices: Sequence[int],
        encode: Callable[[list[int]], Sequence[Any]],
    ) -> list[Any]:
        """Return the features of each row; one if all rows share them.

        Args:
            cache (LRUCache): Of persons or of garments.
            indices (Sequence[int]): The person or garment of each row.
            encode (Callable): Compute the features of some rows, for each.
        """
        if len({*indices}) == 1:
            indices = indices[:1]
        return cache.get_many(indices, encode)


def _checked(source: Any) -> Any:
    """Return an input, unless it is the error of one that cannot be used."""
    if isinstance(source, UserError):
        raise UserError(str(source))
    return source
