# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The person is painted anew, and the bent garment is laid on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..registry import MODELS


@dataclass
class Composition:
    """A try-on and what it is made of.

    Args:
        try_on (Tensor): (B, 3, H, W), RGB in [-1, 1].
        rendered (Tensor): The painted person, (B, 3, H, W).
        mask (Tensor): m, where the bent garment shows, (B, 1, H, W), 0-1.
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
    """Lay the bent garment over the painted person.

    m = sigmoid(raw_3) * warped mask, and in paired training * the region of
    the garment in the photograph;
    try-on = m * warped cloth + (1 - m) * tanh(raw_0..2).

    Args:
        raw (Tensor): (B, 4, H, W), what the generator gave.
        warped_cloth (Tensor): (B, 3, H, W), RGB in [-1, 1].
        warped_mask (Tensor): (B, 1, H, W), 0-1.
        person_cloth_mask (Tensor, optional): (B, 1, H, W), 0-1; in paired
            training only.

    Returns:
        Composition: At least float32.
    """
    raw = raw.to(torch.promote_types(raw.dtype, torch.float32))
    rendered = raw[:, :3].tanh()
    mask = raw[:, 3:].sigmoid() * warped_mask
    if person_cloth_mask is not None:
        mask = mask * person_cloth_mask
    try_on = warped_cloth * mask + rendered * (1 - mask)
    return Composition(try_on, rendered, mask)


def _conv(in_channels: int, channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)


class ResidualBlock(nn.Module):
    """Two normalised convolutions; activation after the sum."""

    #: Normalisations that follow a convolution directly.
    conv_norm_pairs = (('conv1', 'norm1'), ('conv2', 'norm2'))

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to the same."""
        y = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        return functional.relu(self.norm2(self.conv2(y)) + x, inplace=True)


class Level(nn.Module):
    """Down, through the coarser levels, and up again, beside the input.

    Args:
        in_channels (int): Of the input.
        channels (int): At half the size.
        out_channels (int): Of the way up.
        inner (Level, optional): The next coarser level; None: the coarsest.
        outermost (bool): The whole network: no normalisation on the way down,
            nothing after the last convolution, the input is not added.
    """

    #: Normalisations that follow a convolution directly.
    conv_norm_pairs = (('down', 'down_norm'), ('up', 'up_norm'))

    def __init__(
        self,
        in_channels: int,
        channels: int,
        out_channels: int,
        inner: 'Level | None' = None,
        outermost: bool = False,
    ) -> None:
        super().__init__()
        self.outermost = outermost
        self.down = _conv(in_channels, channels, stride=2)
        at_an_end = outermost or inner is None
        self.down_norm = (
            nn.Identity() if at_an_end else nn.BatchNorm2d(channels)
        )
        self.down_blocks = _blocks(channels)
        self.inner = nn.Identity() if inner is None else inner
        # the inner level gives its input beside its output
        self.up = _conv(channels * (1 if inner is None else 2), out_channels)
        if not outermost:
            self.up_norm = nn.BatchNorm2d(out_channels)
            self.up_blocks = _blocks(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) to (B, in_channels + out_channels, h, w)."""
        y = functional.relu(self.down_norm(self.down(x)), inplace=True)
        y = self.inner(self.down_blocks(y))
        y = self.up(functional.interpolate(y, scale_factor=2))
        if self.outermost:
            return y
        y = self.up_blocks(functional.relu(self.up_norm(y), inplace=True))
        return torch.cat([x, y], dim=1)


def _blocks(channels: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(channels), ResidualBlock(channels))


@MODELS.register_module()
class TryOnGenerator(BaseModule):
    """A residual U-Net that paints the person.

    Input of the student: photograph 3, warped cloth 3, warped mask 1. Of the
    tutor: what is kept of the photograph 3, warped cloth 3, warped mask 1,
    arms 1.

    Args:
        in_channels (int): 7 or 8.
        out_channels (int): RGB and the weight of the garment.
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
        level = None
        for outer, width in reversed(list(pairwise(widths))):
            level = Level(outer, width, outer, level)
        self.levels = Level(
            in_channels, widths[0], out_channels, level, outermost=True
        )

    def forward(self, x: Tensor) -> Tensor:
        """Paint.

        Args:
            x (Tensor): (B, in_channels, H, W), sides divisible by 32.

        Returns:
            Tensor: (B, out_channels, H, W), raw; see :func:`compose`.
        """
        return self.levels(x)
