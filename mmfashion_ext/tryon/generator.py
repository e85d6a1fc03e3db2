# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on generator (Res-UNet) and its composition with the warped cloth."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..errors import UserError
from ..registry import MODELS


@dataclass
class Composition:
    """Try-on image and the parts that it is composed of.

    Attributes:
        try_on (Tensor): (B, 3, H, W), RGB in [-1, 1].
        rendered (Tensor): (B, 3, H, W), RGB in [-1, 1], the rendered person.
        mask (Tensor): m, (B, 1, H, W), 0-1, weight of the warped cloth.
        changed (Tensor, optional): c, (B, 1, H, W), 0-1, where the photograph
            changes; None: everywhere.
        logits (Tensor, optional): (B, 2, H, W), m without the warped mask and
            c, not activated; None where the photograph is not kept.
    """

    try_on: Tensor
    rendered: Tensor
    mask: Tensor
    changed: Tensor | None = None
    logits: Tensor | None = None


#: A sigmoid is stretched by this on both sides and cut to 0-1, so that it
#: reaches 0 and 1.
_STRETCH = 0.1


def saturate(logits: Tensor) -> Tensor:
    """Map logits to 0-1 so that both ends are reached: a hard sigmoid.

    It is 0 where the sigmoid is below 1 / 12, and 1 where above 11 / 12.

    Args:
        logits (Tensor): Any shape, such as (B, 1, H, W).

    Returns:
        Tensor: Of the same shape, 0-1.
    """
    stretched = logits.sigmoid() * (1 + 2 * _STRETCH) - _STRETCH
    return stretched.clamp(0, 1)


def compose(
    raw: Tensor,
    warped_cloth: Tensor,
    warped_mask: Tensor,
    person_cloth_mask: Tensor | None = None,
    photograph: Tensor | None = None,
) -> Composition:
    """Compose the warped cloth with the rendered person.

    m = sigmoid(raw_3) * warped mask, and in paired training * the region of
    the worn garment in the photograph;
    try-on = m * warped cloth + (1 - m) * tanh(raw_0..2).

    A generator with a fifth channel keeps the photograph (option of this
    project, not of the paper): with c = :func:`saturate` (raw_4) and x the
    above, try-on = c * x + (1 - c) * photograph. Where c is 0 that is the
    photograph, exactly.

    Args:
        raw (Tensor): (B, 4 or 5, H, W), output of the generator.
        warped_cloth (Tensor): (B, 3, H, W), RGB in [-1, 1].
        warped_mask (Tensor): (B, 1, H, W), 0-1.
        person_cloth_mask (Tensor, optional): (B, 1, H, W), 0-1; in paired
            training only.
        photograph (Tensor, optional): (B, 3, H, W), RGB in [-1, 1]; needed
            where raw has a fifth channel.

    Returns:
        Composition: At least float32.

    Raises:
        UserError: There is a fifth channel and no photograph.
    """
    raw = raw.to(torch.promote_types(raw.dtype, torch.float32))
    rendered = raw[:, :3].tanh()
    mask = raw[:, 3:4].sigmoid() * warped_mask
    if person_cloth_mask is not None:
        mask = mask * person_cloth_mask
    try_on = warped_cloth * mask + rendered * (1 - mask)
    if raw.shape[1] < 5:
        return Composition(try_on, rendered, mask)
    if photograph is None:
        raise UserError(
            'a generator with 5 output channels keeps the photograph, and '
            'this model has none (a tutor): set generator.out_channels=4'
        )
    changed = saturate(raw[:, 4:])
    try_on = try_on * changed + photograph * (1 - changed)
    return Composition(try_on, rendered, mask, changed, raw[:, 3:])


def _conv(in_channels: int, channels: int, stride: int = 1) -> nn.Conv2d:
    """Build a 3 x 3 convolution without bias."""
    return nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)


class ResidualBlock(nn.Module):
    """Residual block of two normalised convolutions, activated after the sum.

    Input and output are maps (B, channels, h, w).

    Args:
        channels (int): Channels of input and output.
    """

    #: Batch normalisations that follow a convolution directly.
    conv_bn_pairs = (('conv1', 'bn1'), ('conv2', 'bn2'))

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w) to the same shape."""
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        return functional.relu(self.bn2(self.conv2(y)) + x, inplace=True)


class DoublingConv(nn.Conv2d):
    """Nearest-neighbour upsampling by 2, then a 3 x 3 convolution.

    The output is (B, channels, 2h, 2w). Both are linear:
    :func:`~mmfashion_ext.tryon.layer_fusion.fuse` makes one operation of them.

    Args:
        in_channels (int): Channels of the input.
        channels (int): Channels of the output.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(in_channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, channels, 2h, 2w)."""
        doubled = functional.interpolate(x, scale_factor=2, mode='nearest')
        return super().forward(doubled)


class Step(nn.Sequential):
    """One level of the U-Net: a convolution and two residual blocks.

    Input and output are maps (B, C, h, w); the convolution sets their size.

    Args:
        conv (nn.Conv2d): The convolution.
        norm (bool): Whether it is normalised.
    """

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
    """Residual U-Net (ResUnet) that renders the person.

    It maps (B, in_channels, H, W) to (B, 4, H, W): RGB of the person and the
    weight of the cloth, not activated.

    Each level of the contracting path halves the size; the first and the last
    one do not normalise. Each level of the expanding path doubles it; the
    skip connection is concatenated before its output. A bare convolution is
    the last layer. Convolutions have no bias.

    The output (B, 4, H, W) is RGB and the weight of the warped cloth. Input
    (B, in_channels, H, W) of the student: photograph 3, warped cloth 3, warped
    mask 1. Of the tutor: preserved region of the photograph 3, warped cloth 3,
    warped mask 1, arms 1.

    Args:
        in_channels (int): 7 (student) or 8 (tutor).
        out_channels (int): RGB and the weight of the cloth.
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
            Step(_conv(level_in, level_out, stride=2), norm=0 < level < last)
            for level, (level_in, level_out) in enumerate(
                pairwise((in_channels, *widths))
            )
        )
        self.up = nn.ModuleList(
            # the coarsest level has no skip connection
            Step(DoublingConv(coarse * (1 if level == last else 2), fine))
            for level, (fine, coarse) in enumerate(pairwise(widths), 1)
        )
        self.last_conv = DoublingConv(2 * widths[0], out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Render the person.

        Args:
            x (Tensor): (B, in_channels, H, W), sides divisible by 32.

        Returns:
            Tensor: (B, out_channels, H, W), not activated; see
            :func:`compose`.
        """
        skips = []
        for step in self.down:
            x = step(x)
            skips.append(x)
        x = skips.pop()
        for step in reversed(self.up):
            x = torch.cat([skips.pop(), step(x)], dim=1)
        return self.last_conv(x)
