# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Run many try-on pairs in batches by PyTorch, caching features."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from ..generator import Composition
from ..transforms import to_tensor
from ..warp_net import WarpResult
from .fast_try_on import FastTryOn, join, split
from .frame import Frame
from .full_size import compose_full_size
from .inputs import TryOnPair
from .pair_session import LoadedPair, PairSession
from .results import TryOnImages, make_images


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


class TryOnSession(PairSession):
    """Run try-on pairs by PyTorch, see :class:`.pair_session.PairSession`.

    Args:
        fast (FastTryOn): The network.
        data_preprocessor (BaseDataPreprocessor): The model's; normalises and
            pads.
        size (tuple[int, int], optional): (h, w), see the base class.
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
        super().__init__(size, batch_size, fast.keeps_photograph)
        self.fast = fast
        self.data_preprocessor = data_preprocessor

    def cloth_bytes(self, size: tuple[int, int]) -> int:
        """Return how many bytes the features of a garment (h, w) occupy."""
        return self.fast.cloth_bytes(size)

    def to_images(self, output: TryOnOutput) -> TryOnImages:
        """Convert an output to images (h, w, 3) uint8 BGR."""
        return to_images(output)

    def _dress(self, batch: Sequence[LoadedPair]) -> list[TryOnOutput]:
        names = batch[0].inputs
        inputs = self.data_preprocessor(
            {
                'inputs': {
                    k: [to_tensor(pair.inputs[k]) for pair in batch]
                    for k in names
                }
            }
        )['inputs']
        person, cloth, mask = (
            inputs[name] for name in ('person', 'cloth', 'cloth_mask')
        )
        person_features = self._features(
            self._person_features,
            [loaded.pair.person.index for loaded in batch],
            lambda rows: split(self.fast.encode_person(person[rows])),
        )
        cloth_features = self._features(
            self._cloth_features,
            [loaded.pair.cloth.index for loaded in batch],
            lambda rows: split(
                self.fast.encode_cloth(cloth[rows], mask[rows])
            ),
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


def to_images(output: TryOnOutput) -> TryOnImages:
    """Convert what the session returns to 8 bits and BGR.

    Args:
        output (TryOnOutput): Tensors (C, h, w).

    Returns:
        TryOnImages: (h, w, 3) uint8, see :func:`.results.make_images`.
    """
    person, cloth, try_on, warped, mask = (
        image.detach().float().cpu().numpy()
        for image in (
            output.person,
            output.cloth,
            output.try_on,
            output.warped_cloth,
            output.warped_mask,
        )
    )
    return make_images(
        person, cloth, try_on, warped, mask, rounded=output.keeps_photograph
    )
