# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Run many try-on pairs in batches, caching person and garment features."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from ...errors import UserError
from ...formats.viton.plausibility import doubt_mask
from ..generator import Composition
from ..transforms import LoadTryOn, PackTryOn, ResizeTryOn, to_tensor
from ..warp_net import WarpResult
from .fast_try_on import FastTryOn, Features, join, split
from .full_size import Frame, compose_full_size, garment_box
from .inputs import NamedImage, TryOnPair
from .lru_cache import LRUCache

#: Bytes of garment features that are cached for the next persons.
CACHE_BYTES = 2**30
_IMAGES = 'person', 'cloth', 'cloth_mask'


class TryOnOutput(NamedTuple):
    """Images of one pair, as the network sees and makes them.

    Attributes:
        pair (TryOnPair): The person and the garment.
        person (Tensor): (3, h, w), RGB in [-1, 1].
        cloth (Tensor): (3, h, w), RGB in [-1, 1], 0 outside its mask.
        try_on (Tensor): (3, h, w), RGB in [-1, 1].
        warped_cloth (Tensor): (3, h, w), RGB in [-1, 1].
        warped_mask (Tensor): (1, h, w), 0-1.
        keeps_photograph (bool): Whether pixels that do not change are those
            of the person, exactly.
    """

    pair: TryOnPair
    person: Tensor
    cloth: Tensor
    try_on: Tensor
    warped_cloth: Tensor
    warped_mask: Tensor
    keeps_photograph: bool = False


class LoadedPair(NamedTuple):
    """A pair whose images were read, resized and packed.

    Attributes:
        pair (TryOnPair): The person and the garment.
        inputs (dict[str, Tensor]): ``person``, ``cloth`` (3, h, w) and
            ``cloth_mask`` (1, h, w), uint8.
        size (tuple[int, int]): (h, w) in px.
        notes (list[str]): What is not plausible about the garment's mask.
        originals (dict[str, np.ndarray], optional): ``person``, ``cloth``
            (h, w, 3) RGB and ``cloth_mask`` (h, w) uint8 as they were read,
            where the try-on is composed at the photograph's own size.
    """

    pair: TryOnPair
    inputs: dict[str, Tensor]
    size: tuple[int, int]
    notes: list[str]
    originals: dict[str, np.ndarray] | None = None


class TryOnSession:
    """Run try-on pairs without computing any feature twice.

    Images and features are cached for as long as they may be needed again.
    Garments are run in blocks whose features fit into ``CACHE_BYTES``: all
    persons are dressed in one block before the next one is read. The caches
    are freed with the session, which belongs to one call.

    Args:
        fast (FastTryOn): The network.
        data_preprocessor (BaseDataPreprocessor): The model's; normalises and
            pads.
        size (tuple[int, int], optional): (h, w) in px that all images are
            resized to. None: images keep their size. A network that keeps
            the photograph gets images that are fitted into this size, and the
            try-on is composed at the size of the photograph, see
            :mod:`.full_size`.
        batch_size (int): Pairs that go through the network together.
    """

    def __init__(
        self,
        fast: FastTryOn,
        data_preprocessor: BaseDataPreprocessor,
        *,
        size: tuple[int, int] | None = None,
        batch_size: int = 1,
    ) -> None:
        self.fast = fast
        self.data_preprocessor = data_preprocessor
        self.batch_size = batch_size
        self._read = LoadTryOn()
        #: Frame (h, w) that images are fitted into; None: they are resized.
        self._frame = size if fast.keeps_photograph else None
        self._resize = ResizeTryOn(size) if size else None
        self._pack = PackTryOn()
        self._unreadable: dict[tuple[str, int], str] = {}
        self._persons: LRUCache[dict] = LRUCache(batch_size)
        self._clothes: LRUCache[dict] = LRUCache(batch_size)
        self._person_features: LRUCache[Features] = LRUCache(batch_size)
        self._cloth_features: LRUCache[Features] = LRUCache(batch_size)
        # garments in a block; None until the first one was read
        self._block: int | None = None

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
        """Read, resize and pack the images of a pair.

        Args:
            pair (TryOnPair): The person and the garment.

        Returns:
            LoadedPair: With uint8 tensors (C, h, w).

        Raises:
            UserError: An image cannot be read, or the sizes differ.
        """
        person = self._load_once(
            'person', pair.person, self._persons, self._load_person
        )
        cloth = self._load_once(
            'cloth', pair.cloth, self._clothes, self._load_cloth
        )
        packed = self._pack(person | cloth)
        size = packed['data_samples'].ori_shape
        if self._block is None:
            self._set_block(size)
        originals = None
        if self._frame is not None:
            originals = {**person['originals'], **cloth['originals']}
        return LoadedPair(
            pair, packed['inputs'], size, cloth['notes'], originals
        )

    def _set_block(self, size: tuple[int, int]) -> None:
        """Set how many garments are cached, by the size (h, w) of the first.

        Garments of other sizes need more or less memory than estimated.
        """
        count = CACHE_BYTES // self.fast.cloth_bytes(size)
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
        loaded = self._read({'person_path': _checked(person.source)})
        return self._resized(loaded) | {
            'person_path': person.input,
            'person_name': person.name,
        }

    def _load_cloth(self, cloth: NamedImage) -> dict:
        loaded = self._read(
            {
                'cloth_path': _checked(cloth.source),
                'cloth_mask_path': _checked(cloth.mask),
            }
        )
        made = ', made by GrabCut,' if cloth.mask is None else ''
        notes = [
            f'the mask{made} {doubt}'
            for doubt in doubt_mask(loaded['cloth_mask'], loaded['cloth'])
        ]
        if self._frame is not None:
            box = garment_box(loaded['cloth_mask'])
            for name in ('cloth', 'cloth_mask'):
                loaded[name] = loaded[name][box]
        return self._resized(loaded) | {
            'cloth_path': cloth.input,
            'cloth_name': cloth.name,
            'notes': notes,
        }

    def _resized(self, loaded: dict) -> dict:
        if self._frame is not None:
            images = {k: v for k, v in loaded.items() if k in _IMAGES}
            fitted = {
                name: Frame.of(image.shape[:2], self._frame).fit(image)
                for name, image in images.items()
            }
            return loaded | fitted | {'originals': images}
        return loaded if self._resize is None else self._resize(loaded)

    def run(self, batch: Sequence[LoadedPair]) -> list[TryOnOutput]:
        """Run the network on a batch; pairs of one size go together.

        Args:
            batch (Sequence[LoadedPair]): Of ``batch_size`` pairs at most.

        Returns:
            list[TryOnOutput]: In the same order, with tensors (C, h, w) that
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

    def _dress(self, batch: Sequence[LoadedPair]) -> list[TryOnOutput]:
        names = batch[0].inputs
        inputs = self.data_preprocessor(
            {'inputs': {k: [pair.inputs[k] for pair in batch] for k in names}}
        )['inputs']
        person, cloth, mask = (
            inputs[name] for name in ('person', 'cloth', 'cloth_mask')
        )
        person_features = self._features(
            self._person_features,
            [loaded.pair.person.index for loaded in batch],
            lambda rows: self.fast.encode_person(person[rows]),
        )
        cloth_features = self._features(
            self._cloth_features,
            [loaded.pair.cloth.index for loaded in batch],
            lambda rows: self.fast.encode_cloth(cloth[rows], mask[rows]),
        )
        composition, warp = self.fast.dress(
            join(person_features), join(cloth_features)
        )
        warped = warp.warped_cloth
        images = (
            person,
            cloth,
            warped if composition is None else composition.try_on,
            warped,
            warp.warped_mask,
        )
        outputs = []
        for row, loaded in enumerate(batch):
            h, w = loaded.size
            cropped = [image[row, :, :h, :w] for image in images]
            output = TryOnOutput(loaded.pair, *cropped)._replace(
                keeps_photograph=self.fast.keeps_photograph
            )
            if loaded.originals is not None and composition is not None:
                output = self._enlarge(
                    output, loaded.originals, composition, warp, row
                )
            outputs.append(output)
        return outputs

    def _enlarge(
        self,
        output: TryOnOutput,
        images: dict[str, np.ndarray],
        composition: Composition,
        warp: WarpResult,
        row: int,
    ) -> TryOnOutput:
        """Compose a row of a batch at the size of its photograph."""
        assert self._frame is not None  # without one nothing is enlarged
        tensors = {name: [to_tensor(x)] for name, x in images.items()}
        originals = self.data_preprocessor({'inputs': tensors})['inputs']
        sizes = {k: v.shape[:2] for k, v in images.items()}
        person, cloth, mask = (
            originals[name][..., : sizes[name][0], : sizes[name][1]]
            for name in ('person', 'cloth', 'cloth_mask')
        )
        one = slice(row, row + 1)
        result = compose_full_size(
            Composition(
                *(
                    None if part is None else part[one]
                    for part in vars(composition).values()
                )
            ),
            warp.grid[one],
            person,
            cloth,
            mask,
            Frame.of(sizes['person'], self._frame),
            Frame.of(sizes['cloth'], self._frame),
        )
        return output._replace(person=person[0], **result._asdict())

    @staticmethod
    def _features(
        cache: LRUCache[Features],
        indices: Sequence[int],
        encode: Callable[[list[int]], Features],
    ) -> list[Features]:
        """Return the features of each row; one if all rows share them.

        Args:
            cache (LRUCache): Of persons or of garments.
            indices (Sequence[int]): The person or garment of each row.
            encode (Callable): Compute the features of some rows.
        """
        if len({*indices}) == 1:
            indices = indices[:1]
        return cache.get_many(indices, lambda rows: split(encode(rows)))


def _checked(source: Any) -> Any:
    """Return an input, unless it is the error of one that cannot be used."""
    if isinstance(source, UserError):
        raise UserError(str(source))
    return source
