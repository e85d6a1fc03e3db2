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

    #: Batch normalisations that follow a convolution directly.
    conv_bn_pairs = (('conv1', 'bn1'), ('conv2', 'bn2'))

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to the same."""
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        return functional.relu(self.bn2(self.conv2(y)) + x, inplace=True)


class DoublingConv(nn.Conv2d):
    """Twice the size by repeating each pixel, then a convolution.

    Both are linear, so :func:`~mmfashion_ext.tryon.layer_fusion.fuse` makes
    one operation of them.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(in_channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) to (B, channels, 2h, 2w)."""
        doubled = functional.interpolate(x, scale_factor=2, mode='nearest')
        return super().forward(doubled)


class Step(nn.Sequential):
    """A convolution, normalised or not, and two residual blocks."""

    def __init__(self, conv: nn.Conv2d, norm: bool = True) -> None:
        channels = conv.out_channels
        super().__init__(
            conv,
            *([nn.BatchNorm2d(channels)] if norm else []),
            nn.ReLU(inplace=True),
            ResidualBlock(channels),
            ResidualBlock(channels),
        )


@MODELS.register_module()
class TryOnGenerator(BaseModule):
    """A residual U-Net that paints the person.

    On the way down each step halves the size; the first and the last one do
    not normalise. On the way up each step doubles it, and what came down at
    that size is put before its result. A bare convolution ends it. No
    convolution has a bias.

    Input of the student: photograph 3, warped cloth 3, warped mask 1. Of the
    tutor: what is kept of the photograph 3, warped cloth 3, warped mask 1,
    arms 1.

    Args:
        in_channels (int): 7 or 8.
        out_channels (int): RGB and the weight of the garment.
        widths (Sequence[int]): Channels of the steps down, fine to coarse.
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
            Step(_conv(before, after, stride=2), norm=0 < level < last)
            for level, (before, after) in enumerate(
                pairwise((in_channels, *widths))
            )
        )
        self.up = nn.ModuleList(
            # nothing is put beside the coarsest map
            Step(DoublingConv(after * (1 if level == last else 2), before))
            for level, (before, after) in enumerate(pairwise(widths), 1)
        )
        self.last_conv = DoublingConv(2 * widths[0], out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Paint.

        Args:
            x (Tensor): (B, in_channels, H, W), sides divisible by 32.

        Returns:
            Tensor: (B, out_channels, H, W), raw; see :func:`compose`.
        """
        passed = []
        for step in self.down:
            x = step(x)
            passed.append(x)
        x = passed.pop()
        for step in reversed(self.up):
            x = torch.cat([passed.pop(), step(x)], dim=1)
        return self.last_conv(x)
