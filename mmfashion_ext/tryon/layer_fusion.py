# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The same outputs with less work, for inference.

Neighbouring linear operations become one:

- a batch normalisation right after a convolution goes into its weights;
- repeating pixels and then convolving by 3 x 3 is a transposed convolution by
  4 x 4 with stride 2: 4 products per output and channel instead of 9;
- where the encoder is much narrower than the pyramid, the pyramid's 1 x 1
  convolution goes into the 3 x 3 one, and what comes from the coarser level
  is convolved by itself, again as a transposed convolution.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import fuse_conv_bn_eval

from .feature_pyramid import Pyramid, pyramid_level
from .generator import DoublingConv


@torch.no_grad()
def fuse(model: nn.Module) -> nn.Module:
    """A copy of a network that computes the same with less.

    Args:
        model (nn.Module): :class:`AppearanceFlowWarp`,
            :class:`TryOnGenerator`, or a module that contains them.

    Returns:
        nn.Module: In evaluation mode, not trainable; its outputs differ by
        rounding only. Its weights have names of their own: do not save it.
    """
    model = deepcopy(model).eval()
    for module in model.modules():
        for conv, norm in _conv_bn_pairs(module):
            fused = fuse_conv_bn_eval(
                module.get_submodule(conv), module.get_submodule(norm)
            )
            setattr(module, conv, fused)
            setattr(module, norm, nn.Identity())
    return _replace(model).requires_grad_(False)


def _conv_bn_pairs(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of a module's convolutions and normalisations in sequence."""
    yield from getattr(module, 'conv_bn_pairs', ())
    if isinstance(module, nn.Sequential):
        for (name, layer), (after, norm) in pairwise(module.named_children()):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, _BatchNorm):
                yield name, after


def _replace(module: nn.Module) -> nn.Module:
    """The module, or another one that does the same with less."""
    if isinstance(module, DoublingConv):
        return _transposed(module)
    if isinstance(module, Pyramid):
        return FusedPyramid(module)
    for name, child in module.named_children():
        setattr(module, name, _replace(child))
    return module


def _transposed(conv: nn.Conv2d) -> nn.ConvTranspose2d:
    """Repeating pixels, then a 3 x 3 convolution, in one.

    Repeating pixels is a transposed convolution with 2 x 2 ones; the two
    kernels convolved with each other make the 4 x 4 one.
    """
    fused = nn.ConvTranspose2d(
        conv.in_channels, conv.out_channels, 4, stride=2, padding=1
    ).to(conv.weight)
    kernel = conv.weight.flip(2, 3).transpose(0, 1)
    fused.weight.copy_(
        sum(
            functional.pad(kernel, (x, 1 - x, y, 1 - y))
            for y in (0, 1)
            for x in (0, 1)
        )
    )
    fused.bias.copy_(0 if conv.bias is None else conv.bias)
    return fused


class FusedPyramid(nn.Module):
    """A :class:`Pyramid` that fuses its convolutions where that spares work.

    Args:
        pyramid (Pyramid): Its other weights are taken over, not copied.
    """

    def __init__(self, pyramid: Pyramid) -> None:
        super().__init__()
        levels = zip(pyramid.lateral, pyramid.smooth, strict=True)
        self.levels = nn.ModuleList(
            FusedLevel(lateral, smooth)
            if n > 0 and 4 * lateral.in_channels <= lateral.out_channels
            else Level(lateral, smooth)
            for n, (lateral, smooth) in enumerate(levels)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """As :meth:`Pyramid.forward`."""
        maps: list[Tensor] = []
        for level, x in zip(self.levels, features, strict=True):
            maps.append(level(x, maps[-1] if maps else None))
        return maps


class Level(nn.Module):
    """A level of a pyramid as it is."""

    def __init__(self, lateral: nn.Conv2d, smooth: nn.Conv2d) -> None:
        super().__init__()
        self.lateral = lateral
        self.smooth = smooth

    def forward(self, x: Tensor, above: Tensor | None) -> Tensor:
        """As :func:`.warp_net.pyramid_level`."""
        return pyramid_level(self.lateral, self.smooth, x, above)


class FusedLevel(nn.Module):
    """A level of a pyramid: smooth(lateral(x) + doubled(above)).

    It is the sum of smooth(lateral(x)), one 3 x 3 convolution, and
    smooth(doubled(above)), a transposed one. The bias of ``lateral`` goes
    with the latter: around the map there is 0, not the bias.
    """

    def __init__(self, lateral: nn.Conv2d, smooth: nn.Conv2d) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            lateral.in_channels, smooth.out_channels, 3, padding=1, bias=False
        ).to(smooth.weight)
        self.conv.weight.copy_(
            torch.einsum(
                'ochw,ci->oihw', smooth.weight, lateral.weight[..., 0, 0]
            )
        )
        self.doubling = _transposed(smooth)
        self.bias = nn.Parameter(lateral.bias[:, None, None].clone())

    def forward(self, x: Tensor, above: Tensor) -> Tensor:
        """(B, width, h, w) and (B, C, h / 2, w / 2) to (B, C, h, w)."""
        return self.doubling(above + self.bias) + self.conv(x)
