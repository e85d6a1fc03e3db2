# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pairs of person and garment on their way through the network."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from mmengine.dataset import Compose
from mmengine.model import BaseDataPreprocessor
from rich.progress import track
from torch import Tensor

from ...errors import UserError
from ..transforms import LoadTryOn
from .fast_try_on import FastTryOn, Features, join, split
from .inputs import Wanted

#: Bytes of garments' features that are kept to meet the next person.
ROOM = 2**30


class Settings(Protocol):
    """What :class:`.inferencer.TryOnInferencer` has."""

    fast: FastTryOn
    pipeline: Compose
    data_preprocessor: BaseDataPreprocessor
    size: tuple[int, int] | None
    batch_size: int
    show_progress: bool


class Item(NamedTuple):
    """A pair, read.

    Attributes:
        number (int): Place of the pair among those wanted.
        person (int): Place of the person.
        cloth (int): Place of the garment.
        inputs (dict[str, Tensor]): See ``PackTryOn``.
        size (tuple[int, int]): (h, w) px.
    """

    number: int
    person: int
    cloth: int
    inputs: dict[str, Tensor]
    size: tuple[int, int]


class Fitting:
    """Dresses persons, and computes nothing twice.

    Pictures and features are kept as long as they may be of use again:
    garments come in blocks that fit into memory, and all persons meet a block
    before the next one comes.

    Args:
        settings (Settings): The network, and how pictures are prepared.
        wanted (Wanted): What to dress in what.

    Attributes:
        failed (dict[int, str]): The pairs that could not be made, and why.
    """

    def __init__(self, settings: Settings, wanted: Wanted) -> None:
        self.settings = settings
        self.wanted = wanted
        self.failed: dict[int, str] = {}
        self._load = LoadTryOn()
        batch = settings.batch_size
        # enough to find out how many garments there is room for
        self._person = lru_cache(batch)(self._load_person)
        self._block = max(batch, ROOM // self._bytes_of_a_garment())
        self._cloth = lru_cache(self._block)(self._load_cloth)
        self._persons, self._clothes = Recent(batch), Recent(self._block)

    def _load_person(self, place: int) -> dict:
        person = self.wanted.persons[place]
        loaded = self._load({'person_path': person.source})
        return loaded | {'person_name': person.name}

    def _load_cloth(self, place: int) -> dict:
        cloth = self.wanted.clothes[place]
        loaded = self._load(
            {
                'cloth_path': cloth.source,
                'cloth_mask_path': self.wanted.masks[place],
            }
        )
        return loaded | {'cloth_name': cloth.name}

    def _bytes_of_a_garment(self) -> int:
        """How much its features take, at the size of the first person."""
        size = self.settings.size
        for place in range(len(self.wanted.persons)):
            if size is not None:
                break
            try:
                size = self._person(place)['person'].shape[:2]
            except UserError:
                continue
        return self.settings.fast.cloth_bytes(size or (1, 1))

    def dress(self, todo: Sequence[int]) -> Iterator[tuple[int, dict]]:
        """Make try-ons.

        Args:
            todo (Sequence[int]): Places of the pairs wanted.

        Yields:
            tuple[int, dict]: Place of a pair, and of ``person``, ``cloth``
            (masked), ``try_on``, ``warped_cloth`` (3, h, w), RGB in [-1, 1],
            and ``warped_mask`` (1, h, w), 0-1.

        Raises:
            UserError: The only pair cannot be made. Of several it is put into
                ``failed``.
        """
        for batch in self._batches(todo):
            pictures = self._dress_batch(batch)
            for row, item in enumerate(batch):
                h, w = item.size
                yield (
                    item.number,
                    {
                        name: values[row, :, :h, :w]
                        for name, values in pictures.items()
                    },
                )

    def _batches(self, todo: Sequence[int]) -> Iterator[list[Item]]:
        """Pairs of one size, read."""
        pairs = self.wanted.pairs
        todo = sorted(todo, key=lambda n: (pairs[n][1] // self._block, n))
        batch: list[Item] = []
        for number in track(
            todo, 'try-on', disable=not self.settings.show_progress
        ):
            try:
                item = self._read(number)
            except UserError as error:
                if len(pairs) == 1:
                    raise
                self.failed[number] = str(error)
                continue
            if batch and batch[0].size != item.size:
                yield batch
                batch = []
            batch.append(item)
            if len(batch) == self.settings.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _read(self, number: int) -> Item:
        person, cloth = self.wanted.pairs[number]
        both = self._person(person) | self._cloth(cloth)
        packed = self.settings.pipeline(both)
        size = packed['data_samples'].ori_shape
        return Item(number, person, cloth, packed['inputs'], size)

    def _dress_batch(self, batch: Sequence[Item]) -> dict[str, Tensor]:
        """Pictures of a batch, (B, C, H, W)."""
        fast = self.settings.fast
        kinds = batch[0].inputs
        inputs = self.settings.data_preprocessor(
            {'inputs': {k: [item.inputs[k] for item in batch] for k in kinds}}
        )['inputs']
        person, cloth, mask = (
            inputs[kind] for kind in ('person', 'cloth', 'cloth_mask')
        )
        composition, result = fast.dress(
            self._persons.get(
                [item.person for item in batch],
                lambda rows: fast.encode_person(person[rows]),
            ),
            self._clothes.get(
                [item.cloth for item in batch],
                lambda rows: fast.encode_cloth(cloth[rows], mask[rows]),
            ),
        )
        warped = result.warped_cloth
        return {
            'person': person,
            'cloth': cloth,
            'try_on': warped if composition is None else composition.try_on,
            'warped_cloth': warped,
            'warped_mask': result.warped_mask,
        }


class Recent:
    """Features of what was seen last.

    Args:
        room (int): How many are kept.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self._kept: OrderedDict[int, Features] = OrderedDict()

    def get(
        self,
        places: Sequence[int],
        encode: Callable[[list[int]], Features],
    ) -> Features:
        """Features of a batch; of one, if it is the same all over.

        Args:
            places (Sequence[int]): Which persons or garments these are.
            encode (Callable): From rows of the batch to their features. Only
                what is not known is encoded, and no more than once.
        """
        rows = {
            place: row
            for row, place in enumerate(places)
            if place not in self._kept
        }
        if rows:
            encoded = split(encode([*rows.values()]))
            self._kept.update(zip(rows, encoded, strict=True))
        for place in places:
            self._kept.move_to_end(place)
        some = places if len({*places}) > 1 else places[:1]
        found = join([self._kept[place] for place in some])
        while len(self._kept) > self.room:
            self._kept.popitem(last=False)
        return found
