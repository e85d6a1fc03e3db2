# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The generator: a U-Net of residual blocks, and the composition."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..registry import MODELS


def _conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels, out_channels, 3, stride=stride, padding=1, bias=False
    )


class ResidualBlock(nn.Module):
    """conv, BN, ReLU, conv, BN, add the input, ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        out = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(out)) + x).relu()


class Step(nn.Sequential):
    """A conv, BN unless ``norm`` is False, ReLU and two residual blocks."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        norm: bool = True,
    ) -> None:
        layers = [_conv(in_channels, out_channels, stride)]
        if norm:
            layers.append(nn.BatchNorm2d(out_channels))
        layers.append(nn.ReLU())
        layers += [ResidualBlock(out_channels) for _ in range(2)]
        super().__init__(*layers)


@MODELS.register_module()
class TryOnGenerator(BaseModule):
    """ResUnet: what it renders, and where the warped cloth is to be seen.

    Five levels. Down: conv of stride 2, BN (not at the first and last level),
    ReLU, two residual blocks. Up: nearest x 2, conv, BN, ReLU, two residual
    blocks, then the input of the level beside it; at the outermost level a
    conv alone. No conv has a bias.

    Args:
        in_channels (int): 7 of the student, 8 of the tutor.
        out_channels (int): Three of the picture, one of the mask.
        widths (Sequence[int]): Channels of the levels, fine to coarse.
    """

    def __init__(
        self,
        in_channels: int = 7,
        out_channels: int = 4,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        last = len(widths) - 1
        self.down = nn.ModuleList(
            Step(
                widths[i - 1] if i else in_channels,
                width,
                stride=2,
                norm=0 < i < last,
            )
            for i, width in enumerate(widths)
        )
        self.up = nn.ModuleList(
            # the deepest level has no other one beside it
            Step(widths[i] * (1 if i == last else 2), widths[i - 1])
            for i in range(1, len(widths))
        )
        self.last_conv = _conv(2 * widths[0], out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H, W), no activation."""
        levels = []
        for down in self.down:
            x = down(x)
            levels.append(x)
        x = levels.pop()
        for up in reversed(self.up):
            x = torch.cat([levels.pop(), up(_double(x))], dim=1)
        return self.last_conv(_double(x))


def _double(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode='nearest')


@dataclass
class Composition:
    """A try-on and what it is made of.

    Attributes:
        try_on (Tensor): (B, 3, H, W), RGB in [-1, 1].
        rendered (Tensor): (B, 3, H, W), RGB in [-1, 1].
        mask (Tensor): (B, 1, H, W), 0-1, how much warped cloth is seen.
    """

    try_on: Tensor
    rendered: Tensor
    mask: Tensor


def compose(
    raw: Tensor,
    warped_cloth: Tensor,
    warped_mask: Tensor,
    person_cloth_mask: Tensor | None = None,
) -> Composition:
    """Show the warped cloth where m says so: cloth * m + rendered * (1 - m).

    m = sigmoid(fourth channel) * warped mask; in paired training also times
    the region of the garment truly worn.

    Args:
        raw (Tensor): (B, 4, H, W), of the generator.
        warped_cloth (Tensor): (B, 3, H, W).
        warped_mask (Tensor): (B, 1, H, W), 0-1.
        person_cloth_mask (Tensor, optional): (B, 1, H, W), 0 or 1.
    """
    rendered = raw[:, :3].tanh()
    mask = raw[:, 3:].sigmoid() * warped_mask
    if person_cloth_mask is not None:
        mask = mask * person_cloth_mask
    try_on = warped_cloth * mask + rendered * (1 - mask)
    return Composition(try_on, rendered, mask)
