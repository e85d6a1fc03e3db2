# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sampling grids: normalised, x first, align_corners=True throughout."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


def offset_to_grid(offset: Tensor) -> Tensor:
    """Offsets in px to where they point.

    Args:
        offset (Tensor): (B, 2, h, w), x first, px of this map.

    Returns:
        Tensor: (B, 2, h, w) float32; -1 and 1 are the centres of the first
        and the last pixel.
    """
    offset = _exact(offset)
    h, w = offset.shape[-2:]
    x = torch.arange(w, device=offset.device, dtype=offset.dtype)
    y = torch.arange(h, device=offset.device, dtype=offset.dtype)
    # a side of one pixel has one place only, whatever the grid says
    gx = (x + offset[:, 0]) / (max(w - 1, 1) / 2) - 1
    gy = (y[:, None] + offset[:, 1]) / (max(h - 1, 1) / 2) - 1
    return torch.stack([gx, gy], dim=1)


def sample(
    image: Tensor, grid: Tensor, padding: Literal['border', 'zeros'] = 'border'
) -> Tensor:
    """Bilinear sampling of (B, C, h, w) at a grid (B, 2, h', w')."""
    with torch.autocast(image.device.type, enabled=False):
        return functional.grid_sample(
            _exact(image),
            _exact(grid).permute(0, 2, 3, 1),
            mode='bilinear',
            padding_mode=padding,
            align_corners=True,
        ).to(image.dtype)


def upsample(grid: Tensor) -> Tensor:
    """Twice as large; values are normalised and stay."""
    return functional.interpolate(
        grid, scale_factor=2, mode='bilinear', align_corners=False
    )


def _exact(x: Tensor) -> Tensor:
    """At least float32: a float16 grid misses pixels."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
