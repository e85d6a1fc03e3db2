# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mobile try-on generator: a U-Net of inverted residuals (MobileNetV2)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..registry import MODELS
from .generator import DoublingConv
from .mobile_blocks import InvertedResidual, conv_norm, stages


class UpStage(nn.Module):
    """Level of the expanding path: double, concatenate the skip, narrow.

    Args:
        coarse (int): Channels of the input (B, coarse, h, w).
        skip (int): Channels of the skip connection (B, skip, 2h, 2w).
        channels (int): Channels of the output (B, channels, 2h, 2w).
        expansion (int): See :class:`.mobile_blocks.InvertedResidual`.
    """

    def __init__(
        self, coarse: int, skip: int, channels: int, expansion: int
    ) -> None:
        super().__init__()
        # narrowed before it is doubled: a quarter of the pixels
        self.narrow = nn.Sequential(*conv_norm(coarse, channels))
        self.blocks = nn.Sequential(
            InvertedResidual(channels + skip, channels, 1, expansion),
            InvertedResidual(channels, channels, 1, expansion),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map (B, coarse, h, w) and (B, skip, 2h, 2w) to the output."""
        doubled = functional.interpolate(
            self.narrow(x), scale_factor=2, mode='nearest'
        )
        return self.blocks(torch.cat([doubled, skip], dim=1))


@MODELS.register_module()
class MobileTryOnGenerator(BaseModule):
    """U-Net of inverted residuals that renders what has changed.

    It maps (B, in_channels, H, W) to (B, 5, H, W), not activated: RGB of the
    person, the weight of the cloth, and where the photograph changes; the
    rest of it is kept, see :func:`.generator.compose`. With
    ``out_channels=4`` all of the person is rendered, as by
    :class:`TryOnGenerator`.

    Args:
        in_channels (int): 7: photograph 3, warped cloth 3, warped mask 1.
        out_channels (int): 5, or 4.
        widths (Sequence[int]): Channels of the levels, fine to coarse.
        depths (Sequence[int]): Blocks of each level of the contracting path.
        expansion (int): See :class:`.mobile_blocks.InvertedResidual`.
    """

    def __init__(
        self,
        in_channels: int = 7,
        out_channels: int = 5,
        widths: Sequence[int] = (24, 32, 48, 96, 160),
        depths: Sequence[int] = (1, 2, 2, 2, 2),
        expansion: int = 3,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.down = stages(in_channels, widths, depths, expansion)
        self.up = nn.ModuleList(
            UpStage(coarse, fine, fine, 2 if level == 0 else expansion)
            for level, (fine, coarse) in enumerate(pairwise(widths))
        )
        self.keeps_photograph = out_channels > 4
        self.last_conv = DoublingConv(widths[0], out_channels)
        # a fifth faster in training: depthwise convolutions are
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Render the person.

        Args:
            x (Tensor): (B, in_channels, H, W), sides divisible by 32.

        Returns:
            Tensor: (B, out_channels, H, W), not activated.
        """
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        x = skips.pop()
        for stage in reversed(self.up):
            x = stage(x, skips.pop())
        return self.last_conv(x)
