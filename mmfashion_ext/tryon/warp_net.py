# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Appearance flow estimation network (AFEN): warps the cloth coarse to fine.

A warp network of another kind is a subclass of :class:`AppearanceFlowWarp`
that overrides the encoders or any of the three steps of its cascade,
``align``, ``estimate`` and ``refine``. Training, accelerated inference
(:mod:`.inference.fast_try_on`) and export then run it as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..registry import MODELS
from .correlation import correlation
from .feature_pyramid import Encoder, Pyramid
from .flow import compose, offset_to_grid, sample, shrink, upsample

_NEGATIVE_SLOPE = 0.1  # of the leaky ReLUs


@dataclass
class WarpResult:
    """Flows and warped cloths; every list runs from coarse to fine.

    Attributes:
        grids (list[Tensor]): Flows G_n, 5 x (B, 2, H / 2^(4-n),
            W / 2^(4-n)), -1 to 1, at least float32.
        offsets (list[Tensor]): Estimated and refining offset of each scale
            in turn, 10 x (B, 2, h, w) in px, at half the size of the grids.
        condition_features (list[Tensor]): 5 x (B, C, h, w).
        warped_cloths (list[Tensor]): (B, 3, ...), RGB in [-1, 1], of the
            grids' sizes; only the finest with ``all_scales=False``.
        warped_masks (list[Tensor]): The same, (B, 1, ...), 0-1.
    """

    grids: list[Tensor]
    offsets: list[Tensor]
    condition_features: list[Tensor]
    warped_cloths: list[Tensor] = field(default_factory=list)
    warped_masks: list[Tensor] = field(default_factory=list)

    @property
    def grid(self) -> Tensor:
        """Return the finest flow, (B, 2, H, W), -1 to 1."""
        return self.grids[-1]

    @property
    def warped_cloth(self) -> Tensor:
        """Return the cloth at full size, (B, 3, H, W), RGB in [-1, 1]."""
        return self.warped_cloths[-1]

    @property
    def warped_mask(self) -> Tensor:
        """Return the cloth's mask at full size, (B, 1, H, W), 0-1."""
        return self.warped_masks[-1]


def _head(in_channels: int, channels: Sequence[int]) -> nn.Sequential:
    """Build a flow head: four convolutions to an offset in px, x first."""
    layers: list[nn.Module] = []
    for layer_in, layer_out in pairwise((in_channels, *channels, 2)):
        layers.append(nn.Conv2d(layer_in, layer_out, 3, padding=1))
        layers.append(nn.LeakyReLU(_NEGATIVE_SLOPE, inplace=True))
    return nn.Sequential(*layers[:-1])


@MODELS.register_module()
class AppearanceFlowWarp(BaseModule):
    """Warp network: flows that a cascade estimates coarse to fine.

    Condition (B, 3 or 45, H, W) and cloth (B, 3, H, W) are encoded separately
    to features (B, C, h, w). At each of five scales :meth:`flows` calls three
    steps, which a subclass may override:

    1. :meth:`align` samples the cloth feature by the coarser scale's flow;
    2. :meth:`estimate` predicts an offset from the correlation of that with
       the condition feature;
    3. :meth:`refine` predicts a second offset from the two features side by
       side.

    An offset is *composed* with the current flow, not added to it, and cloth
    features are always sampled once, from the unwarped ones.

    Args:
        condition_channels (int): 3: a photograph (the student); 45: parse
            map, DensePose and pose (the tutor).
        cloth_channels (int): Channels of the cloth image.
        widths (Sequence[int]): Channels of the encoders, fine to coarse.
        channels (int): C, channels of the feature pyramids.
        head_channels (Sequence[int]): Hidden channels of the flow heads.
        radius (int): Radius of the correlation, in px of each scale.
    """

    def __init__(
        self,
        condition_channels: int = 3,
        cloth_channels: int = 3,
        widths: Sequence[int] = (64, 128, 256, 256, 256),
        channels: int = 256,
        head_channels: Sequence[int] = (128, 64, 32),
        radius: int = 3,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_scales = len(widths)
        self.channels = channels
        self.radius = radius
        self.cloth_encoder = Encoder(cloth_channels, widths)
        self.cloth_fpn = Pyramid(widths, channels)
        self.condition_encoder = Encoder(condition_channels, widths)
        self.condition_fpn = Pyramid(widths, channels)
        shifts = (2 * radius + 1) ** 2
        self.main_heads = nn.ModuleList(
            _head(shifts, head_channels) for _ in widths
        )
        self.refine_heads = nn.ModuleList(
            _head(2 * channels, head_channels) for _ in widths
        )

    def encode_cloth(self, cloth: Tensor) -> list[Tensor]:
        """Encode the cloth, (B, 3, H, W), to 5 x (B, C, h, w)."""
        return self.cloth_fpn(self.cloth_encoder(cloth))

    def encode_condition(self, condition: Tensor) -> list[Tensor]:
        """Encode (B, condition_channels, H, W) to 5 x (B, C, h, w)."""
        return self.condition_fpn(self.condition_encoder(condition))

    def sample_features(self, features: Tensor, grid: Tensor) -> Tensor:
        """Sample features (B, C, h, w) by a grid (B, 2, h, w).

        The steps call this and :meth:`correlate`, so that inference can
        replace both by faster ones.
        """
        return sample(features, grid)

    def correlate(self, cloth: Tensor, condition: Tensor) -> Tensor:
        """Correlate two (B, C, h, w), see :mod:`.correlation`.

        Returns:
            Tensor: (B, (2 radius + 1)^2, h, w).
        """
        return correlation(cloth, condition, self.radius)

    def align(self, cloth: Tensor, flow: Tensor | None) -> Tensor:
        """Sample the cloth feature of a scale by the coarser scale's flow.

        No gradient flows through the alignment (as published).

        Args:
            cloth (Tensor): (B, C, h, w).
            flow (Tensor, optional): G_{n-1}, (B, 2, h, w); None at the
                coarsest scale.

        Returns:
            Tensor: (B, C, h, w).
        """
        return (
            cloth
            if flow is None
            else self.sample_features(cloth, flow.detach())
        )

    def estimate(
        self, scale: int, aligned: Tensor, condition: Tensor
    ) -> Tensor:
        """Predict the main offset of a scale.

        Args:
            scale (int): n, 0 is the coarsest.
            aligned (Tensor): (B, C, h, w), output of :meth:`align`.
            condition (Tensor): (B, C, h, w).

        Returns:
            Tensor: (B, 2, h, w) in px, x first.
        """
        similarity = self.correlate(aligned, condition)
        return self.main_heads[scale](
            functional.leaky_relu(similarity, _NEGATIVE_SLOPE)
        )

    def refine(self, scale: int, warped: Tensor, condition: Tensor) -> Tensor:
        """Predict the refining offset of a scale.

        Args:
            scale (int): n, 0 is the coarsest.
            warped (Tensor): (B, C, h, w), the cloth feature sampled by the
                flow that includes the main offset.
            condition (Tensor): (B, C, h, w).

        Returns:
            Tensor: (B, 2, h, w) in px, x first.
        """
        return self.refine_heads[scale](torch.cat([warped, condition], dim=1))

    def flows(
        self,
        cloth_features: Sequence[Tensor],
        condition_features: Sequence[Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Run the cascade.

        Args:
            cloth_features (Sequence[Tensor]): 5 x (B, C, h, w), coarse to
                fine.
            condition_features (Sequence[Tensor]): The same.

        Returns:
            tuple[list[Tensor], list[Tensor]]: The grids G_n,
            5 x (B, 2, 2h, 2w), and the offsets, 10 x (B, 2, h, w) in px.
        """
        flow: Tensor | None = None
        grids: list[Tensor] = []
        offsets: list[Tensor] = []
        for scale, cloth, condition in zip(
            range(self.num_scales),
            cloth_features,
            condition_features,
            strict=True,
        ):
            aligned = self.align(cloth, flow)
            offset = self.estimate(scale, aligned, condition)
            grid = offset_to_grid(offset)
            if flow is not None:
                grid = compose(flow, grid)
            warped = self.sample_features(cloth, grid)
            refinement = self.refine(scale, warped, condition)
            flow = upsample(compose(grid, offset_to_grid(refinement)))
            offsets += [offset, refinement]
            grids.append(flow)
        return grids, offsets

    def warp(
        self, cloth: Tensor, cloth_mask: Tensor, grid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Warp a cloth and its mask by a grid.

        Args:
            cloth (Tensor): (B, 3, h, w), RGB in [-1, 1], or (1, 3, h, w), one
                cloth for the whole batch.
            cloth_mask (Tensor): (B, 1, h, w) or (1, 1, h, w), 0-1.
            grid (Tensor): (B, 2, h, w), -1 to 1.

        Returns:
            tuple[Tensor, Tensor]: The cloth, (B, 3, h, w), its border
            repeated outside, and its mask, (B, 1, h, w), 0 outside.
        """
        batch = grid.shape[0]
        cloth = cloth.expand(batch, -1, -1, -1)
        cloth_mask = cloth_mask.expand(batch, -1, -1, -1)
        return sample(cloth, grid), sample(cloth_mask, grid, 'zeros')

    def forward(
        self,
        condition: Tensor | None,
        cloth: Tensor,
        cloth_mask: Tensor,
        condition_features: Sequence[Tensor] | None = None,
        all_scales: bool = True,
    ) -> WarpResult:
        """Warp a cloth to fit a person.

        Args:
            condition (Tensor, optional): (B, condition_channels, H, W), sides
                divisible by 32; not used if its features are given.
            cloth (Tensor): (B, 3, H, W), RGB in [-1, 1], 0 outside its mask.
            cloth_mask (Tensor): (B, 1, H, W), 0-1.
            condition_features (Sequence[Tensor], optional): Result of
                :meth:`encode_condition`, which is then not called.
            all_scales (bool): True: warp at every scale, as the losses need
                it. False: at full size only.

        Returns:
            WarpResult: Flows and warped cloths.

        Raises:
            ValueError: A side of the cloth is not divisible by 32.
        """
        self.check_size(cloth)
        if condition_features is None:
            condition_features = self.encode_condition(condition)
        grids, offsets = self.flows(
            self.encode_cloth(cloth), condition_features
        )
        result = WarpResult(grids, offsets, list(condition_features))
        finest = self.num_scales - 1
        for n in range(0 if all_scales else finest, self.num_scales):
            times = finest - n
            warped_cloth, warped_mask = self.warp(
                shrink(cloth, times), shrink(cloth_mask, times), grids[n]
            )
            result.warped_cloths.append(warped_cloth)
            result.warped_masks.append(warped_mask)
        return result

    def check_size(self, image: Tensor) -> None:
        """Check that every scale divides the sides of (B, C, H, W).

        Raises:
            ValueError: A side is not divisible by 2 ^ the number of scales.
        """
        divisor = 2**self.num_scales
        h, w = image.shape[-2:]
        if h % divisor or w % divisor:
            raise ValueError(
                f'images of {h} x {w} px (h x w): both sides must be '
                f'divisible by {divisor}. TryOnDataPreprocessor pads them'
            )
