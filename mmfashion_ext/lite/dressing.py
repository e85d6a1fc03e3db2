# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on pairs through exported graphs, features cached; no PyTorch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..tryon.inference.frame import Frame
from ..tryon.inference.pair_session import LoadedPair, PairSession
from ..tryon.inference.results import TryOnImages, make_images
from .graphs import GraphFolder

#: What ``compose.onnx`` reads of the outputs of ``dress.onnx``.
_PARTS = ('flow', 'rendered', 'cloth_logits', 'changed')


class DressedPair(NamedTuple):
    """Images of one pair, as the network sees and makes them.

    Attributes:
        person (np.ndarray): (3, h, w) float32, RGB in [-1, 1].
        cloth (np.ndarray): (3, h', w') float32, RGB in [-1, 1], 0 outside its
            mask.
        try_on (np.ndarray): (3, h, w) float32, RGB in [-1, 1].
        warped_cloth (np.ndarray): (3, h, w) float32, RGB in [-1, 1].
        warped_mask (np.ndarray): (1, h, w) float32, 0-1.
    """

    person: np.ndarray
    cloth: np.ndarray
    try_on: np.ndarray
    warped_cloth: np.ndarray
    warped_mask: np.ndarray


class GraphSession(PairSession):
    """Run try-on pairs by ONNX Runtime; garments are encoded once.

    Images are (B, 3, h, w) float32, RGB in [-1, 1].

    Args:
        graphs (GraphFolder): The exported model.
        size (tuple[int, int], optional): (h, w) px, see
            :class:`.PairSession`.
        batch_size (int): Pairs that go through the network together.
    """

    def __init__(
        self,
        graphs: GraphFolder,
        size: tuple[int, int] | None,
        batch_size: int,
    ) -> None:
        super().__init__(
            size, batch_size, bool(graphs.content['keeps_photograph'])
        )
        self.graphs = graphs

    def cloth_bytes(self, size: tuple[int, int]) -> int:
        """Return how many bytes the maps of a garment (h, w) occupy."""
        outputs = self.graphs.load('cloth').get_outputs()
        pixels = [
            size[0] * size[1] / (self.graphs.content['divisor'] >> level) ** 2
            for level in range(len(outputs))
        ]
        channels = [output.shape[1] for output in outputs]
        total = sum(c * p for c, p in zip(channels, pixels, strict=True))
        return int(total) * 4 + 1

    def _dress(self, batch: Sequence[LoadedPair]) -> list[DressedPair]:
        names = ('person', 'cloth', 'cloth_mask')
        person, cloth, mask = (
            self._tensor(name, [pair.inputs[name] for pair in batch])
            for name in names
        )
        cloth = cloth * mask
        persons = self._features(
            self._person_features,
            [loaded.pair.person.index for loaded in batch],
            lambda rows: _split(
                self.graphs.run('person', person=person[rows])
            ),
        )
        clothes = self._features(
            self._cloth_features,
            [loaded.pair.cloth.index for loaded in batch],
            lambda rows: _split(
                self.graphs.run(
                    'cloth', cloth=cloth[rows], cloth_mask=mask[rows]
                )
            ),
        )
        described = self.graphs.content['graphs']['dress']
        maps = _join(persons, len(batch)) + _join(clothes, len(batch))
        outputs = self.graphs.run(
            'dress',
            **dict(
                zip(
                    described['inputs'],
                    (person, cloth, mask, *maps),
                    strict=True,
                )
            ),
        )
        found = dict(zip(described['outputs'], outputs, strict=True))
        return [
            self._crop(loaded.size, person[row], cloth[row], found, row)
            if loaded.originals is None
            else self._compose(loaded, cloth[row], found, row)
            for row, loaded in enumerate(batch)
        ]

    @staticmethod
    def _crop(
        size: tuple[int, int],
        person: np.ndarray,
        cloth: np.ndarray,
        found: dict[str, np.ndarray],
        row: int,
    ) -> DressedPair:
        """Return a row of a batch without its padding."""
        h, w = size
        names = ('try_on', 'warped_cloth', 'warped_mask')
        images = (person, cloth, *(found[name][row] for name in names))
        return DressedPair(*(image[:, :h, :w] for image in images))

    def _compose(
        self,
        loaded: LoadedPair,
        fitted: np.ndarray,
        found: dict[str, np.ndarray],
        row: int,
    ) -> DressedPair:
        """Compose a row of a batch at the size of its photograph."""
        # called where there are originals and a frame alone
        assert loaded.originals is not None
        assert self._frame is not None
        originals = loaded.originals
        person, cloth, mask = (
            _normalise(name, originals[name])[None]
            for name in ('person', 'cloth', 'cloth_mask')
        )
        frames = [
            Frame.of((image.shape[2], image.shape[3]), self._frame)
            for image in (person, cloth)
        ]
        (h, w), (top, left) = frames[0].inside, frames[0].corner
        rows = slice(row, row + 1)
        cut = (rows, slice(None), slice(top, top + h), slice(left, left + w))
        scale, shift = frames[1].positions()
        try_on, warped, warped_mask = self.graphs.run(
            'compose',
            **{name: found[name][cut] for name in _PARTS},
            photograph=person,
            cloth=cloth,
            cloth_mask=mask,
            scale=scale,
            shift=shift,
        )
        return DressedPair(
            person[0], fitted, try_on[0], warped[0], warped_mask[0]
        )

    def to_images(self, output: DressedPair) -> TryOnImages:
        """Convert an output to images (h, w, 3) uint8 BGR."""
        return make_images(*output, rounded=self.keeps_photograph)

    def _tensor(self, name: str, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return what the graphs read of images, (B, C, H, W), padded."""
        batch = np.stack([_normalise(name, image) for image in images])
        divisor = self.graphs.content['divisor']
        below, right = (-side % divisor for side in batch.shape[2:])
        if not (below or right):
            return batch
        mode = 'edge' if name == 'person' else 'constant'
        sides = ((0, 0), (0, 0), (0, below), (0, right))
        return np.pad(batch, sides, mode)  # type: ignore[call-overload]


def _normalise(name: str, image: np.ndarray) -> np.ndarray:
    """Return an image (3, h, w) in [-1, 1], or a mask (1, h, w), 0 or 1."""
    if name == 'cloth_mask':
        return (image >= 128).astype(np.float32)[None]
    # in the order of the model's preprocessor, so that it rounds alike
    unit = image.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    return (unit - np.float32(0.5)) / np.float32(0.5)


def _split(maps: Sequence[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
    """Split maps (B, C, h, w) into those of each row, (1, C, h, w)."""
    rows = range(len(maps[0]))
    return [tuple(value[row : row + 1] for value in maps) for row in rows]


def _join(
    features: Sequence[tuple[np.ndarray, ...]], count: int
) -> list[np.ndarray]:
    """Join maps of each row, or of one row for all, to (count, C, h, w)."""
    if len(features) < count:
        features = [features[0]] * count
    return [np.concatenate(maps) for maps in zip(*features, strict=True)]
