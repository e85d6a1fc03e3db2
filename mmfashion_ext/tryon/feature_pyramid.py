# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Encoder and feature pyramid (FPN) of the appearance flow network."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional


class DownBlock(nn.Module):
    """Convolution of stride 2 after batch normalisation and ReLU.

    It halves the size of a map (B, in_channels, h, w).

    Args:
        in_channels (int): Channels of the input.
        channels (int): Channels of the output.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(
            in_channels, channels, 3, stride=2, padding=1, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, channels, h / 2, w / 2)."""
        return self.conv(functional.relu(self.bn(x), inplace=True))


class PreActivationBlock(nn.Module):
    """Residual block of two convolutions, each after its activation.

    Input and output are maps (B, channels, h, w).

    Args:
        channels (int): Channels of input and output.
    """

    #: Batch normalisations that follow a convolution directly.
    conv_bn_pairs = (('conv1', 'bn2'),)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w), not activated, to the same shape."""
        y = self.conv1(functional.relu(self.bn1(x), inplace=True))
        y = self.conv2(functional.relu(self.bn2(y), inplace=True))
        return x + y


class Encoder(nn.Sequential):
    """Encoder of five stages, each of which halves the size.

    The coarsest map of an image (B, in_channels, H, W) is (H / 32, W / 32).

    Args:
        in_channels (int): Channels of the input.
        widths (Sequence[int]): Channels of the stages, fine to coarse.
    """

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__(
            *(
                nn.Sequential(
                    DownBlock(stage_in, stage_out),
                    PreActivationBlock(stage_out),
                    PreActivationBlock(stage_out),
                )
                for stage_in, stage_out in pairwise((in_channels, *widths))
            )
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (B, in_channels, H, W) to 5 features, coarse to fine.

        Returns:
            list[Tensor]: (B, width, H / 32, W / 32) ... (B, width, H / 2,
            W / 2).
        """
        features = []
        for stage in self:
            x = stage(x)
            features.append(x)
        return features[::-1]


def pyramid_level(
    lateral: nn.Conv2d, smooth: nn.Conv2d, x: Tensor, coarser: Tensor | None
) -> Tensor:
    """Compute one level of a feature pyramid.

    Args:
        lateral (nn.Conv2d): 1 x 1, to C channels.
        smooth (nn.Conv2d): 3 x 3, C to C channels.
        x (Tensor): (B, width, h, w), the encoder's feature.
        coarser (Tensor, optional): (B, C, h / 2, w / 2), output of the
            coarser level.

    Returns:
        Tensor: (B, C, h, w).
    """
    y = lateral(x)
    if coarser is not None:
        y = y + functional.interpolate(coarser, scale_factor=2, mode='nearest')
    return smooth(y)


class Pyramid(nn.Module):
    """Feature pyramid network (FPN) that passes smoothed features down.

    In the usual one a finer level receives the coarser level before its 3 x 3
    convolution, here it receives the output of that convolution. All outputs
    are (B, C, h, w).

    Args:
        widths (Sequence[int]): Channels of the encoder, fine to coarse.
        channels (int): C, channels of the outputs.
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            nn.Conv2d(width, channels, 1) for width in reversed(widths)
        )
        self.smooth = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in widths
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map features of the encoder, coarse to fine, to C channels each.

        Args:
            features (Sequence[Tensor]): 5 x (B, width, h, w).

        Returns:
            list[Tensor]: 5 x (B, C, h, w).
        """
        outputs: list[Tensor] = []
        for lateral, smooth, x in zip(
            self.lateral, self.smooth, features, strict=True
        ):
            coarser = outputs[-1] if outputs else None
            outputs.append(pyramid_level(lateral, smooth, x, coarser))
        return outputs
