# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sampling and correlation in channels-last layout, for inference on a CPU.

In that layout the channels of a pixel are contiguous in memory. Sampling is
then a weighted sum of four rows of a table, and correlating one short
matrix-vector product for each pixel and row offset. Both need less than half
the time of :func:`~..flow.sample` and :func:`~..correlation.correlation`, with
the same results up to rounding. They have no gradient.
"""

import torch
from torch import Tensor
from torch.nn import functional


def sample(image: Tensor, grid: Tensor) -> Tensor:
    """Sample feature maps by a grid, bilinearly; their border is repeated.

    Args:
        image (Tensor): (B, C, h, w), or (1, C, h, w) for the whole batch.
        grid (Tensor): (B, 2, h', w'), x first; -1 and 1 are the centres of
            the first and the last pixel. NaN samples the first pixel.

    Returns:
        Tensor: (B, C, h', w'), channels last, of the image's dtype.
    """
    _, channels, h, w = image.shape
    x = _position(grid[:, 0], w)
    y = _position(grid[:, 1], h)
    left, top = x.floor().clamp(max=w - 2), y.floor().clamp(max=h - 2)
    # a map of one column or row: the same pixel twice
    left, top = left.clamp(min=0), top.clamp(min=0)
    right, down = min(w - 1, 1), min(h - 1, 1) * w
    start = (top * w + left).long()
    if len(image) > 1:
        start += h * w * torch.arange(len(image)).view(-1, 1, 1)
    pixels = torch.stack(
        [start, start + right, start + down, start + down + right], dim=-1
    )
    x, y = x - left, y - top
    weights = torch.stack(
        [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dim=-1
    )
    out = functional.embedding_bag(
        pixels.view(-1, 4),
        image.permute(0, 2, 3, 1).reshape(-1, channels).float(),
        per_sample_weights=weights.view(-1, 4),
        mode='sum',
    )
    out = out.view(*pixels.shape[:-1], channels).permute(0, 3, 1, 2)
    return out.to(image.dtype)


def _position(unit: Tensor, size: int) -> Tensor:
    """Convert -1 ... 1 to px, clamped to the map."""
    position = ((unit.float() + 1) * ((size - 1) / 2)).clamp(0, size - 1)
    return position.nan_to_num_()


def correlation(first: Tensor, second: Tensor, radius: int = 3) -> Tensor:
    """Correlate two maps, see :func:`~..correlation.correlation`.

    Args:
        first (Tensor): (B, C, h, w).
        second (Tensor): (B, C, h, w), or (1, C, h, w) for the whole batch.
        radius (int): r, the largest shift in px.

    Returns:
        Tensor: (B, (2r + 1)^2, h, w), channels last, of the first's dtype.
    """
    batch, channels, h, w = first.shape
    side, wide = 2 * radius + 1, w + 2 * radius
    # all rows of a map in one: the 2r pixels of padding after a row's last
    # column are those before the next row's first
    rows = first.permute(0, 2, 3, 1).float() / channels
    rows = functional.pad(rows, (0, 0, 0, 2 * radius)).flatten(1, 2)
    rows = rows[:, :, None]
    table = second.permute(0, 2, 3, 1).float()
    table = functional.pad(table, (0, 0, radius, radius, radius, radius + 1))
    # (B, pixels, C, 2r + 1): each pixel and the 2r after it, not copied
    windows = table.flatten(1, 2).unfold(1, side, 1)
    windows = windows.expand(batch, -1, -1, -1)
    out = rows.new_empty(batch, side, h * wide, 1, side)
    for b in range(batch):
        for dy in range(side):
            below = windows[b, dy * wide : (dy + h) * wide]
            torch.bmm(rows[b], below, out=out[b, dy])
    out = out.view(batch, side, h, wide, side)[:, :, :, :w]
    out = out.permute(0, 2, 3, 1, 4).flatten(3)
    return out.permute(0, 3, 1, 2).to(first.dtype)
