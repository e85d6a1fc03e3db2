# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Fuse neighbouring linear layers (conv+BN, upsample+conv, 1x1+3x3).

For inference; outputs are equal up to rounding:

- a batch normalisation right after a convolution is folded into its weights;
- nearest-neighbour upsampling and a 3 x 3 convolution become a transposed
  convolution of 4 x 4 with stride 2: 4 products per output and channel
  instead of 9;
- where the encoder is much narrower than the pyramid, the pyramid's 1 x 1
  convolution is folded into the 3 x 3 one, and the coarser level is convolved
  separately, again by a transposed convolution.
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
    """Copy a network with fused layers.

    Args:
        model (nn.Module): :class:`AppearanceFlowWarp`,
            :class:`TryOnGenerator`, or a module that contains them. It is not
            changed.

    Returns:
        nn.Module: In evaluation mode, not trainable; its outputs differ by
        rounding only. Its weights have other names: do not save it.
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
    """Find a module's convolutions that a batch normalisation follows.

    Yields:
        tuple[str, str]: Names of the two in the module.
    """
    yield from getattr(module, 'conv_bn_pairs', ())
    if isinstance(module, nn.Sequential):
        children = module.named_children()
        for (name, layer), (next_name, norm) in pairwise(children):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, _BatchNorm):
                yield name, next_name


def _replace(module: nn.Module) -> nn.Module:
    """Return the module with its layers fused, or the one that replaces it."""
    if isinstance(module, DoublingConv):
        return _transposed(module)
    if isinstance(module, Pyramid):
        return FusedPyramid(module)
    for name, child in module.named_children():
        setattr(module, name, _replace(child))
    return module


def _transposed(conv: nn.Conv2d) -> nn.ConvTranspose2d:
    """Fuse nearest-neighbour upsampling and a 3 x 3 convolution.

    The upsampling is a transposed convolution with 2 x 2 ones; the two kernels
    convolved with each other make the 4 x 4 one.
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
    """A :class:`Pyramid` with fused convolutions where that saves work.

    Like the original it maps (B, width, h, w) to (B, C, h, w), level by level.

    Args:
        pyramid (Pyramid): Weights that are not fused are shared, not copied.
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
        """Map 5 x (B, width, h, w) to 5 x (B, C, h, w)."""
        outputs: list[Tensor] = []
        for level, x in zip(self.levels, features, strict=True):
            outputs.append(level(x, outputs[-1] if outputs else None))
        return outputs


class Level(nn.Module):
    """A level of a pyramid, not fused: (B, width, h, w) to (B, C, h, w).

    Args:
        lateral (nn.Conv2d): 1 x 1, to C channels.
        smooth (nn.Conv2d): 3 x 3, C to C channels.
    """

    def __init__(self, lateral: nn.Conv2d, smooth: nn.Conv2d) -> None:
        super().__init__()
        self.lateral = lateral
        self.smooth = smooth

    def forward(self, x: Tensor, coarser: Tensor | None) -> Tensor:
        """Map (B, width, h, w), (B, C, h / 2, w / 2) to (B, C, h, w)."""
        return pyramid_level(self.lateral, self.smooth, x, coarser)


class FusedLevel(nn.Module):
    """A fused level of a pyramid: smooth(lateral(x) + doubled(coarser)).

    It maps x (B, width, h, w) and coarser (B, C, h / 2, w / 2) to
    (B, C, h, w). It is the sum of smooth(lateral(x)), one 3 x 3 convolution,
    and smooth(doubled(coarser)), a transposed one. The bias of ``lateral`` is
    added in the latter, because padding is 0, not the bias.

    Args:
        lateral (nn.Conv2d): 1 x 1, to C channels.
        smooth (nn.Conv2d): 3 x 3, C to C channels.
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

    def forward(self, x: Tensor, coarser: Tensor) -> Tensor:
        """Map (B, width, h, w), (B, C, h / 2, w / 2) to (B, C, h, w)."""
        return self.doubling(coarser + self.bias) + self.conv(x)
