# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Accelerated inference of the student: cached features, fused layers.

The results are those of :meth:`.student.ParserFreeTryOn.try_on`:

- A person's features are computed once for any number of cloths, and a
  cloth's once for any number of persons.
- The steps of the cascade are faster ones (:mod:`.fast_warp_net`), and
  neighbouring linear layers are fused (:mod:`~..layer_fusion`).
- Features are stored channels last. In the convolutions that takes as long as
  channels first; sampling and correlation on a CPU (:mod:`.channels_last`)
  and half precision on a GPU are faster with it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..generator import Composition, compose
from ..layer_fusion import fuse
from ..student import ParserFreeTryOn
from ..tryon_model import Inputs
from ..warp_net import WarpResult
from .fast_warp_net import FastAppearanceFlowWarp, accelerate


class PersonFeatures(NamedTuple):
    """Features of persons, which do not depend on the cloth.

    Attributes:
        image (Tensor): (B, 3, H, W), RGB in [-1, 1].
        maps (tuple[Tensor]): Condition features, 5 x (B, C, h, w), coarse to
            fine.
        refine_maps (tuple[Tensor]): First layer of the refining flow heads,
            5 x (B, channels, h, w), or empty.
    """

    image: Tensor
    maps: Sequence[Tensor]
    refine_maps: Sequence[Tensor]


class ClothFeatures(NamedTuple):
    """Features of cloths, which do not depend on the person.

    Attributes:
        image (Tensor): (B, 3, H, W), RGB in [-1, 1], 0 outside the mask.
        mask (Tensor): (B, 1, H, W), 0-1.
        maps (tuple[Tensor]): 5 x (B, C, h, w), coarse to fine.
    """

    image: Tensor
    mask: Tensor
    maps: Sequence[Tensor]


Features = PersonFeatures | ClothFeatures


def split(features: Features) -> list[Features]:
    """Split features of a batch of B into B of one sample each, as views.

    Each map (B, C, h, w) becomes B maps (1, C, h, w).
    """
    return [
        _map_tensors(lambda x, i=i: x[i : i + 1], features)
        for i in range(len(features.image))
    ]


def join(features: Sequence[Features]) -> Features:
    """Concatenate features of one sample each to those of a batch.

    B maps (1, C, h, w) become one map (B, C, h, w).
    """
    if len(features) == 1:
        return features[0]
    return _map_tensors(lambda *parts: torch.cat(parts), *features)


def _map_tensors(
    function: Callable[..., Tensor], *features: Features
) -> Features:
    """Apply a function to the tensors of each field in turn."""
    return type(features[0])(
        *(
            function(*parts)
            if isinstance(parts[0], Tensor)
            else tuple(function(*maps) for maps in zip(*parts, strict=True))
            for parts in zip(*features, strict=True)
        )
    )


class FastTryOn:
    """Accelerated copy of a student, for inference only.

    Persons and cloths are (B, 3, H, W), RGB in [-1, 1].

    Args:
        model (ParserFreeTryOn): With a generator, or without: then the
            composition is None. Its warp network is an
            :class:`.AppearanceFlowWarp` or a subclass of it.
        dtype (torch.dtype): Of the networks: ``float32``; ``bfloat16`` or, on
            a GPU, ``float16``. Flows stay in float32.
        compile (bool): Compile the networks when they are first used, with
            ``torch.compile``; again for each new size.

    Raises:
        TypeError: The warp network is of another class.
    """

    def __init__(
        self,
        model: ParserFreeTryOn,
        dtype: torch.dtype = torch.float32,
        compile: bool = False,
    ) -> None:
        self.dtype = dtype
        self.warp_net = self._prepare(accelerate(model.warp_net))
        self.generator = None
        if model.generator is not None:
            self.generator = self._prepare(fuse(model.generator))
        #: Whether compositions keep what does not change.
        self.keeps_photograph = getattr(
            self.generator, 'keeps_photograph', False
        )
        self._person_maps, self._cloth_maps = _person_maps, _cloth_maps
        if compile:
            self._person_maps = torch.compile(_person_maps)
            self._cloth_maps = torch.compile(_cloth_maps)
            if self.generator is not None:
                self.generator.compile()

    def _prepare(self, network: nn.Module) -> nn.Module:
        return network.to(self.dtype, memory_format=torch.channels_last)

    def try_on(self, inputs: Inputs) -> tuple[Composition | None, WarpResult]:
        """Dress B persons, as :meth:`.student.ParserFreeTryOn.try_on`.

        Args:
            inputs (dict[str, Tensor]): ``person``, ``cloth`` (B, 3, H, W),
                RGB in [-1, 1], and ``cloth_mask`` (B, 1, H, W), 0-1.

        Returns:
            tuple[Composition | None, WarpResult]: See :meth:`dress`.
        """
        return self.dress(
            self.encode_person(inputs['person']),
            self.encode_cloth(inputs['cloth'], inputs['cloth_mask']),
        )

    @torch.no_grad()
    def encode_person(self, person: Tensor) -> PersonFeatures:
        """Compute the features of persons.

        Args:
            person (Tensor): (B, 3, H, W), RGB in [-1, 1], sides divisible by
                32.

        Raises:
            ValueError: A side is not divisible by 32.
        """
        self.warp_net.check_size(person)
        maps = self._person_maps(self.warp_net, self._cast(person))
        return PersonFeatures(person, *maps)

    @torch.no_grad()
    def encode_cloth(self, cloth: Tensor, cloth_mask: Tensor) -> ClothFeatures:
        """Compute the features of cloths.

        Args:
            cloth (Tensor): (B, 3, H, W), RGB in [-1, 1], 0 outside its mask,
                sides divisible by 32.
            cloth_mask (Tensor): (B, 1, H, W), 0-1.

        Raises:
            ValueError: A side is not divisible by 32.
        """
        self.warp_net.check_size(cloth)
        maps = self._cloth_maps(self.warp_net, self._cast(cloth))
        return ClothFeatures(cloth, cloth_mask, maps)

    def cloth_bytes(self, size: tuple[int, int]) -> int:
        """Return how many bytes the maps of one cloth occupy.

        Args:
            size (tuple[int, int]): (h, w) px.
        """
        h, w = size
        # maps of half the size, of a quarter ...: a third of the pixels
        return self.warp_net.channels * self.dtype.itemsize * h * w // 3 + 1

    @torch.no_grad()
    def dress(
        self, person: PersonFeatures, cloth: ClothFeatures
    ) -> tuple[Composition | None, WarpResult]:
        """Put B cloths on B persons.

        Args:
            person (PersonFeatures): Of B persons, or of one for all cloths.
            cloth (ClothFeatures): Of B cloths, or of one for all persons.

        Returns:
            tuple[Composition | None, WarpResult]: B try-ons (B, 3, H, W), None
            without a generator; and flows and warped cloths at full size.

        Raises:
            ValueError: Persons and cloths have different sizes.
        """
        if person.image.shape[2:] != cloth.image.shape[2:]:
            raise ValueError(
                f'persons {tuple(person.image.shape)} and cloths '
                f'{tuple(cloth.image.shape)} must have one height and width'
            )
        grids, offsets = self.warp_net.flows(
            cloth.maps, person.maps, person.refine_maps
        )
        warped, mask = self.warp_net.warp(cloth.image, cloth.mask, grids[-1])
        result = WarpResult(
            grids, offsets, list(person.maps), [warped], [mask]
        )
        if self.generator is None:
            return None, result
        persons = person.image.expand(len(warped), -1, -1, -1)
        raw = self.generator(self._cast(torch.cat([persons, warped, mask], 1)))
        return compose(raw, warped, mask, photograph=persons), result

    def _cast(self, image: Tensor) -> Tensor:
        return image.to(self.dtype, memory_format=torch.channels_last)


def _person_maps(
    network: FastAppearanceFlowWarp, person: Tensor
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the maps of persons, and those that refine the flow."""
    maps = network.encode_condition(person)
    return tuple(maps), tuple(network.refine_features(maps))


def _cloth_maps(
    network: FastAppearanceFlowWarp, cloth: Tensor
) -> tuple[Tensor, ...]:
    return tuple(network.encode_cloth(cloth))
