# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mobile warp network: small pyramids, one small flow head on four levels.

The idea is that of DM-VTON (arXiv:2308.13798): the features of person and
garment come from MobileNetV2-type encoders, and light heads estimate the flow.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..registry import MODELS
from .flow import compose, offset_to_grid, upsample
from .mobile_blocks import MobileEncoder, MobilePyramid, conv_norm
from .warp_net import _NEGATIVE_SLOPE, AppearanceFlowWarp

#: Channels of a position: x and y of the sampled point and of the pixel.
_POSITION = 4


class MobileFlowHead(nn.Module):
    """Flow head: from features and positions to an offset in px.

    It maps (B, in_channels, h, w) to (B, 2, h, w).

    Args:
        in_channels (int): Channels of the input.
        channels (Sequence[int]): Hidden channels; each layer after the first
            is a depthwise 3 x 3 and a 1 x 1 convolution.
        style_channels (int): Channels of the style vector that scales the
            hidden channels; 0: none.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        style_channels: int = 0,
    ) -> None:
        super().__init__()
        self.first = nn.Sequential(*conv_norm(in_channels, channels[0]))
        self.modulation = None
        if style_channels:
            self.modulation = nn.Linear(style_channels, 2 * channels[0])
        layers: list[nn.Module] = []
        for layer_in, layer_out in pairwise(channels):
            layers += conv_norm(layer_in, layer_in, 3, groups=layer_in)
            layers += conv_norm(layer_in, layer_out)
        self.layers = nn.Sequential(
            *layers, nn.Conv2d(channels[-1], 2, 3, padding=1)
        )

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        """Estimate an offset.

        Args:
            x (Tensor): (B, in_channels, h, w).
            style (Tensor, optional): (B, style_channels); needed where the
                head has a modulation.

        Returns:
            Tensor: (B, 2, h, w) in px, x first.
        """
        y = self.first(x)
        if self.modulation is not None:
            scale, shift = self.modulation(style)[:, :, None, None].chunk(2, 1)
            y = y * (1 + scale) + shift
        return self.layers(y)


@MODELS.register_module()
class MobileFlowWarp(AppearanceFlowWarp):
    """Warp network of a mobile student (after DM-VTON).

    It differs from :class:`AppearanceFlowWarp` in its parts, not in what it
    reads and returns: encoders of inverted residuals; pyramids of four levels,
    H / 32 to H / 4; at each level a single head that sees the correlation of
    the aligned features, the features themselves, and the positions of the
    pixel and of the point that it samples so far. The fifth grid, at full
    size, is the fourth one upsampled.

    With ``style_channels`` a global vector of person and garment modulates the
    heads of ``style_levels`` (the idea of Flow-Style, arXiv:2204.01046): the
    coarsest maps of both are averaged over their pixels, and a small network
    makes the vector of them. What a garment has to be moved as a whole is then
    known at every pixel; the finer heads correct it locally.

    Args:
        condition_channels (int): Channels of the condition, 3: a photograph.
        cloth_channels (int): Channels of the cloth image.
        widths (Sequence[int]): Channels of the encoders, fine to coarse.
        depths (Sequence[int]): Blocks of each stage of the encoders.
        expansion (int): See :class:`.mobile_blocks.InvertedResidual`.
        channels (int): C, channels of the feature pyramids.
        head_channels (Sequence[int]): Hidden channels of the flow heads.
        radius (int): Radius of the correlation, in px of each level.
        style_channels (int): Channels of the style vector; 0: none.
        style_levels (int): Coarsest levels whose heads it modulates.
    """

    def __init__(
        self,
        condition_channels: int = 3,
        cloth_channels: int = 3,
        widths: Sequence[int] = (16, 24, 40, 80, 160),
        depths: Sequence[int] = (1, 2, 3, 3, 3),
        expansion: int = 4,
        channels: int = 64,
        head_channels: Sequence[int] = (96, 64, 48),
        radius: int = 3,
        style_channels: int = 0,
        style_levels: int = 2,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        # the parent's constructor would build its own, much larger parts
        BaseModule.__init__(self, init_cfg)
        self.num_scales = len(widths)
        self.channels = channels
        self.radius = radius
        self.cloth_encoder = MobileEncoder(
            cloth_channels, widths, depths, expansion
        )
        self.cloth_fpn = MobilePyramid(widths[1:], channels)
        self.condition_encoder = MobileEncoder(
            condition_channels, widths, depths, expansion
        )
        self.condition_fpn = MobilePyramid(widths[1:], channels)
        self.style = None
        if style_channels:
            self.style = nn.Sequential(
                nn.Linear(2 * channels, style_channels),
                nn.LeakyReLU(_NEGATIVE_SLOPE),
                nn.Linear(style_channels, style_channels),
                nn.LeakyReLU(_NEGATIVE_SLOPE),
            )
        shifts = (2 * radius + 1) ** 2
        self.main_heads = nn.ModuleList(
            MobileFlowHead(
                shifts + 2 * channels + _POSITION,
                head_channels,
                style_channels if level < style_levels else 0,
            )
            for level in range(self.num_scales - 1)
        )
        # zero offsets at the start: the flow is the identity
        for head in self.main_heads:
            nn.init.zeros_(head.layers[-1].weight)
            nn.init.zeros_(head.layers[-1].bias)
        # a fifth faster in training: depthwise convolutions are
        self.to(memory_format=torch.channels_last)

    def style_vector(self, cloth: Tensor, condition: Tensor) -> Tensor | None:
        """Compute the style vector from the coarsest maps.

        Args:
            cloth (Tensor): (B, C, h, w).
            condition (Tensor): (B, C, h, w).

        Returns:
            Tensor: (B, style_channels); None if the network has none.
        """
        if self.style is None:
            return None
        means = [x.mean(dim=(2, 3)) for x in (cloth, condition)]
        return self.style(torch.cat(means, dim=1))

    def flows(
        self,
        cloth_features: Sequence[Tensor],
        condition_features: Sequence[Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Run the cascade, one head on each of four levels.

        Args:
            cloth_features (Sequence[Tensor]): 4 x (B, C, h, w), coarse to
                fine.
            condition_features (Sequence[Tensor]): The same.

        Returns:
            tuple[list[Tensor], list[Tensor]]: The grids G_n,
            5 x (B, 2, 2h, 2w), and the offsets, 4 x (B, 2, h, w) in px.
        """
        style = self.style_vector(cloth_features[0], condition_features[0])
        flow: Tensor | None = None
        grids: list[Tensor] = []
        offsets: list[Tensor] = []
        for head, cloth, condition in zip(
            self.main_heads, cloth_features, condition_features, strict=True
        ):
            aligned = self.align(cloth, flow)
            similarity = functional.leaky_relu(
                self.correlate(aligned, condition), _NEGATIVE_SLOPE
            )
            pixels = offset_to_grid(torch.zeros_like(condition[:, :2]))
            sampled = pixels if flow is None else flow.detach()
            positions = torch.cat([sampled, pixels], dim=1)
            offset = head(
                torch.cat(
                    [
                        similarity,
                        aligned,
                        condition,
                        positions.to(condition.dtype),
                    ],
                    dim=1,
                ),
                style,
            )
            grid = offset_to_grid(offset)
            if flow is not None:
                grid = compose(flow, grid)
            flow = upsample(grid)
            offsets.append(offset)
            grids.append(flow)
        return [*grids, upsample(grids[-1])], offsets
