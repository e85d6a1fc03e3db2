# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Inverted residuals (MobileNetV2), and the encoder and pyramid built of them.

The block is that of MobileNetV2 (arXiv:1801.04381): a 1 x 1 convolution to
more channels, a 3 x 3 depthwise one, a linear 1 x 1 one; each with a batch
normalisation, which :func:`~mmfashion_ext.tryon.layer_fusion.fuse` folds away.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional


def conv_norm(
    in_channels: int,
    channels: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    activate: bool = True,
) -> list[nn.Module]:
    """Build a convolution, its normalisation and its ReLU6.

    Args:
        in_channels (int): Channels of the input (B, in_channels, h, w).
        channels (int): Channels of the output.
        kernel (int): Side of the kernel in px, odd.
        stride (int): 1, or 2 to halve the size.
        groups (int): Groups of the convolution.
        activate (bool): Whether a ReLU6 follows.

    Returns:
        list[nn.Module]: Layers to be put into an ``nn.Sequential``.
    """
    conv = nn.Conv2d(
        in_channels,
        channels,
        kernel,
        stride,
        padding=kernel // 2,
        groups=groups,
        bias=False,
    )
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(channels)]
    return [*layers, nn.ReLU6(inplace=True)] if activate else layers


class InvertedResidual(nn.Module):
    """Inverted residual: widen, depthwise 3 x 3, narrow, add the input.

    It maps (B, in_channels, h, w) to (B, channels, h / stride, w / stride);
    the input is added where both have one shape.

    Args:
        in_channels (int): Channels of the input.
        channels (int): Channels of the output.
        stride (int): 1, or 2 to halve the size.
        expansion (int): Times that the depthwise layer is wider than the
            input; 1 omits the first convolution.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        expansion: int = 4,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        widen = [] if expansion == 1 else conv_norm(in_channels, hidden)
        self.layers = nn.Sequential(
            *widen,
            *conv_norm(hidden, hidden, 3, stride, groups=hidden),
            *conv_norm(hidden, channels, activate=False),
        )
        self.residual = stride == 1 and in_channels == channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, channels, h', w')."""
        y = self.layers(x)
        return x + y if self.residual else y


def stages(
    in_channels: int,
    widths: Sequence[int],
    depths: Sequence[int],
    expansion: int,
) -> nn.ModuleList:
    """Build the stages of an encoder, each of which halves the size.

    The first is a dense convolution, whose input has few channels; the others
    are inverted residuals.

    Args:
        in_channels (int): Channels of the image (B, in_channels, H, W).
        widths (Sequence[int]): Channels of the stages, fine to coarse.
        depths (Sequence[int]): Blocks of each stage, 1 or more.
        expansion (int): See :class:`InvertedResidual`.

    Returns:
        nn.ModuleList: One stage for each width.
    """
    first = nn.Sequential(
        *conv_norm(in_channels, widths[0], 3, stride=2),
        *(
            InvertedResidual(widths[0], widths[0], expansion=1)
            for _ in range(depths[0] - 1)
        ),
    )
    others = (
        nn.Sequential(
            InvertedResidual(finer, width, 2, expansion),
            *(
                InvertedResidual(width, width, 1, expansion)
                for _ in range(depth - 1)
            ),
        )
        for (finer, width), depth in zip(
            pairwise(widths), depths[1:], strict=True
        )
    )
    return nn.ModuleList([first, *others])


class MobileEncoder(nn.Module):
    """Encoder of inverted residuals; it halves the size at each stage.

    Args:
        in_channels (int): Channels of the image (B, in_channels, H, W).
        widths (Sequence[int]): Channels of the five stages, fine to coarse.
        depths (Sequence[int]): Blocks of each stage.
        expansion (int): See :class:`InvertedResidual`.
        skip (int): Finest stages whose features are not returned.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        depths: Sequence[int],
        expansion: int = 4,
        skip: int = 1,
    ) -> None:
        super().__init__()
        self.skip = skip
        self.stages = stages(in_channels, widths, depths, expansion)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (B, in_channels, H, W) to features, coarse to fine.

        Returns:
            list[Tensor]: (B, width, H / 32, W / 32) ... (B, width,
            H / 2^(skip + 1), W / 2^(skip + 1)).
        """
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features[self.skip :][::-1]


class MobilePyramid(nn.Module):
    """Feature pyramid whose smoothing is depthwise and then 1 x 1.

    All outputs are (B, C, h, w), activated by ReLU6.

    Args:
        widths (Sequence[int]): Channels of the encoder's features, fine to
            coarse.
        channels (int): C, channels of the outputs.
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            nn.Conv2d(width, channels, 1) for width in reversed(widths)
        )
        self.smooth = nn.ModuleList(
            nn.Sequential(
                *conv_norm(channels, channels, 3, groups=channels),
                *conv_norm(channels, channels),
            )
            for _ in widths
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map features, coarse to fine, to C channels each.

        Args:
            features (Sequence[Tensor]): N x (B, width, h, w).

        Returns:
            list[Tensor]: N x (B, C, h, w).
        """
        outputs: list[Tensor] = []
        for lateral, smooth, x in zip(
            self.lateral, self.smooth, features, strict=True
        ):
            y = lateral(x)
            if outputs:
                y = y + functional.interpolate(
                    outputs[-1], scale_factor=2, mode='nearest'
                )
            outputs.append(smooth(y))
        return outputs
