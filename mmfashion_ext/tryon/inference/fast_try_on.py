# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The student's try-on with less work, for inference.

The results are those of :meth:`.student.ParserFreeTryOn.try_on`:

- A person's features are computed once for any number of garments, and a
  garment's once for any number of persons. The refining flow heads read both
  side by side: their first convolution is the sum of one of the garment and
  one of the person, and the latter is a feature of the person too.
- Neighbouring linear operations are one (:mod:`.fuse`).
- Maps are kept channels last. That takes as long as channels first in the
  convolutions, serves sampling and correlation on a CPU
  (:mod:`.channels_last`) and half precision on a GPU.
"""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..correlation import correlation
from ..data_preprocessor import DIVISOR
from ..flow import compose as compose_flows
from ..flow import offset_to_grid, sample, upsample
from ..generator import Composition, compose
from ..layer_fusion import fuse
from ..student import ParserFreeTryOn
from ..tryon_model import Inputs
from ..warp_net import _SLOPE, WarpResult
from . import channels_last


class PersonFeatures(NamedTuple):
    """What is known of persons before they meet a garment.

    Attributes:
        picture (Tensor): (B, 3, H, W), RGB in [-1, 1].
        maps (tuple[Tensor]): 5 x (B, C, h, w), coarse to fine.
        refining (tuple[Tensor]): The first convolution of the refining flow
            heads, 5 x (B, channels, h, w).
    """

    picture: Tensor
    maps: Sequence[Tensor]
    refining: Sequence[Tensor]


class ClothFeatures(NamedTuple):
    """What is known of garments before they meet a person.

    Attributes:
        picture (Tensor): (B, 3, H, W), RGB in [-1, 1], 0 outside the mask.
        mask (Tensor): (B, 1, H, W), 0-1.
        maps (tuple[Tensor]): 5 x (B, C, h, w), coarse to fine.
    """

    picture: Tensor
    mask: Tensor
    maps: Sequence[Tensor]


Features = PersonFeatures | ClothFeatures


def split(features: Features) -> list[Features]:
    """Features of a batch, one by one; they are not copied."""
    return [
        _each(lambda x, i=i: x[i : i + 1], features)
        for i in range(len(features.picture))
    ]


def join(features: Sequence[Features]) -> Features:
    """Features one by one to those of a batch."""
    if len(features) == 1:
        return features[0]
    return _each(lambda *parts: torch.cat(parts), *features)


def _each(function: Callable[..., Tensor], *features: Features) -> Features:
    """Apply a function to every tensor."""
    return type(features[0])(
        *(
            function(*parts)
            if isinstance(parts[0], Tensor)
            else tuple(function(*maps) for maps in zip(*parts, strict=True))
            for parts in zip(*features, strict=True)
        )
    )


class FastTryOn:
    """A copy of a student that serves inference alone.

    Args:
        model (ParserFreeTryOn): With a generator, or without: then the
            "try-on" is None.
        dtype (torch.dtype): ``float32``; ``bfloat16`` or, on a GPU,
            ``float16`` for the networks. Flows stay in float32.
        compile (bool): Compile the networks when they are first used, with
            ``torch.compile``; again for each new size.
    """

    def __init__(
        self,
        model: ParserFreeTryOn,
        dtype: torch.dtype = torch.float32,
        compile: bool = False,
    ) -> None:
        self.dtype = dtype
        self.warp_net = self._prepare(fuse(model.warp_net))
        self.generator = None
        if model.generator is not None:
            self.generator = self._prepare(fuse(model.generator))
        halves = [_halves(head[0]) for head in self.warp_net.refine_heads]
        self.refine_cloth = [self._prepare(cloth) for cloth, _ in halves]
        self.refine_person = [self._prepare(person) for _, person in halves]
        if compile:
            self._encode_person = torch.compile(self._encode_person)
            self._encode_cloth = torch.compile(self._encode_cloth)
            if self.generator is not None:
                self.generator.compile()

    def _prepare(self, network: nn.Module) -> nn.Module:
        return network.to(self.dtype, memory_format=torch.channels_last)

    def try_on(self, inputs: Inputs) -> tuple[Composition | None, WarpResult]:
        """As :meth:`.student.ParserFreeTryOn.try_on`."""
        return self.dress(
            self.encode_person(inputs['person']),
            self.encode_cloth(inputs['cloth'], inputs['cloth_mask']),
        )

    @torch.no_grad()
    def encode_person(self, person: Tensor) -> PersonFeatures:
        """Look at persons.

        Args:
            person (Tensor): (B, 3, H, W), RGB in [-1, 1], sides divisible by
                32.
        """
        _check_size(person)
        return PersonFeatures(person, *self._encode_person(self._cast(person)))

    @torch.no_grad()
    def encode_cloth(self, cloth: Tensor, cloth_mask: Tensor) -> ClothFeatures:
        """Look at garments.

        Args:
            cloth (Tensor): (B, 3, H, W), RGB in [-1, 1], 0 outside its mask,
                sides divisible by 32.
            cloth_mask (Tensor): (B, 1, H, W), 0-1.
        """
        _check_size(cloth)
        maps = self._encode_cloth(self._cast(cloth))
        return ClothFeatures(cloth, cloth_mask, maps)

    @torch.no_grad()
    def dress(
        self, person: PersonFeatures, cloth: ClothFeatures
    ) -> tuple[Composition | None, WarpResult]:
        """Put garments on persons, one by one.

        Args:
            person (PersonFeatures): Of B persons, or of one for all garments.
            cloth (ClothFeatures): Of B garments, or of one for all persons.

        Returns:
            tuple: B try-ons, None without a generator; and how the garments
            were bent, at full size.
        """
        if person.picture.shape[2:] != cloth.picture.shape[2:]:
            raise ValueError(
                f'persons {tuple(person.picture.shape)} and garments '
                f'{tuple(cloth.picture.shape)} must have one height and width'
            )
        grids, offsets = self.flows(person, cloth)
        warped, mask = self.warp_net.warp(cloth.picture, cloth.mask, grids[-1])
        result = WarpResult(
            grids, offsets, list(person.maps), [warped], [mask]
        )
        if self.generator is None:
            return None, result
        shown = person.picture.expand(len(warped), -1, -1, -1)
        raw = self.generator(self._cast(torch.cat([shown, warped, mask], 1)))
        return compose(raw, warped, mask), result

    def _cast(self, picture: Tensor) -> Tensor:
        return picture.to(self.dtype, memory_format=torch.channels_last)

    def _encode_person(self, person: Tensor) -> tuple[tuple[Tensor, ...], ...]:
        maps = self.warp_net.encode_condition(person)
        refining = (
            conv(x) for conv, x in zip(self.refine_person, maps, strict=True)
        )
        return tuple(maps), tuple(refining)

    def _encode_cloth(self, cloth: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.warp_net.encode_cloth(cloth))

    @torch.no_grad()
    def flows(
        self, person: PersonFeatures, cloth: ClothFeatures
    ) -> tuple[list[Tensor], list[Tensor]]:
        """As :meth:`.warp_net.AppearanceFlowWarp.flows`.

        Arguments: see :meth:`dress`.
        """
        batch = max(len(person.picture), len(cloth.picture))
        grids: list[Tensor] = []
        offsets: list[Tensor] = []
        for main, refine, refine_cloth, flat, condition, refining in zip(
            self.warp_net.main_heads,
            self.warp_net.refine_heads,
            self.refine_cloth,
            cloth.maps,
            person.maps,
            person.refining,
            strict=True,
        ):
            aligned = (
                _sample(flat, grids[-1])
                if grids
                else flat.expand(batch, -1, -1, -1)
            )
            alike = _correlation(aligned, condition, self.warp_net.radius)
            offset = main(functional.leaky_relu(alike, _SLOPE))
            grid = offset_to_grid(offset)
            if grids:
                grid = compose_flows(grids[-1], grid)
            offsets.append(offset)

            both = refine_cloth(_sample(flat, grid)) + refining
            offset = refine[1:](both)
            grid = compose_flows(grid, offset_to_grid(offset))
            offsets.append(offset)
            grids.append(upsample(grid))
        return grids, offsets


def _check_size(picture: Tensor) -> None:
    h, w = picture.shape[2:]
    if h % DIVISOR or w % DIVISOR:
        raise ValueError(
            f'pictures of {h} x {w} px (h x w): both sides must be divisible '
            f'by {DIVISOR}. TryOnDataPreprocessor pads them'
        )


def _sample(image: Tensor, grid: Tensor) -> Tensor:
    """See :func:`.flow.sample`; one image may serve all grids."""
    if image.is_cpu:
        return channels_last.sample(image, grid)
    return sample(image.expand(len(grid), -1, -1, -1), grid)


def _correlation(first: Tensor, second: Tensor, radius: int) -> Tensor:
    """See :func:`.correlation.correlation`; the second may be one for all."""
    if first.is_cpu:
        return channels_last.correlation(first, second, radius)
    return correlation(first, second.expand_as(first), radius)


def _halves(conv: nn.Conv2d) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Convolutions of the first and the second half of the channels.

    Their sum is that of all; the second one has the bias.
    """
    halves = []
    for weight in conv.weight.chunk(2, dim=1):
        half = copy.deepcopy(conv)
        half.in_channels = weight.shape[1]
        half.weight = nn.Parameter(weight.clone(), requires_grad=False)
        halves.append(half)
    halves[0].bias = None
    return tuple(halves)
