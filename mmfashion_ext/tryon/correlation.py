# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Local correlation of two feature maps.

For k = (2r + 1) (dy + r) + (dx + r) and dx, dy in -r ... r, with 0 outside:

    out[b, k, y, x] = mean_c first[b, c, y, x] * second[b, c, y + dy, x + dx]
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import UserError

#: Columns that one matrix product covers; fastest among 8 ... 48.
_BLOCK = 16


def correlation(first: Tensor, second: Tensor, radius: int = 3) -> Tensor:
    """Correlate by the fastest available way.

    On a GPU that is MMCV's kernel if MMCV was compiled with it; elsewhere, and
    in compiled and exported graphs, :func:`correlation_banded`.

    Args:
        first (Tensor): (B, C, h, w).
        second (Tensor): (B, C, h, w).
        radius (int): r, the largest shift in px.

    Returns:
        Tensor: (B, (2r + 1)^2, h, w), dy slow, dx fast, of the second's
        dtype.
    """
    if first.is_cuda and not _in_graph() and _mmcv_op():
        return correlation_mmcv(first, second, radius)
    return correlation_banded(first, second, radius)


def correlation_banded(
    first: Tensor, second: Tensor, radius: int = 3
) -> Tensor:
    """Correlate by matrix products.

    Per dy, the product of a row's block of columns with the other map's row
    dy further down, r columns wider on both sides, holds all shifts in x as
    the 2r + 1 diagonals of that band. This needs more multiplications than
    shifting a whole map (2r + 1)^2 times, but reads the maps 2r + 1 times
    only.

    Args:
        first (Tensor): (B, C, h, w).
        second (Tensor): (B, C, h, w).
        radius (int): r, the largest shift in px.

    Returns:
        Tensor: (B, (2r + 1)^2, h, w).
    """
    batch, channels, h, w = first.shape
    side = 2 * radius + 1
    # a graph for any size cannot have a number of blocks that depends on it
    block, blocks = (w, 1) if _in_graph() else (_BLOCK, -(-w // _BLOCK))
    wide = block + side - 1
    rest = blocks * block - w
    # (h, B, blocks, C, columns): rows first, so that dy is a slice
    first = functional.pad(first.to(second.dtype) / channels, (0, rest))
    first = first.view(batch, channels, h, blocks, block)
    first = first.permute(2, 0, 3, 4, 1).flatten(0, 2)
    second = functional.pad(second, (radius, rest + radius, radius, radius))
    second = second.permute(2, 0, 1, 3)
    second = torch.stack(
        [second[..., n * block : n * block + wide] for n in range(blocks)],
        dim=2,
    )
    shifts = []
    for dy in range(side):
        band = torch.bmm(first, second[dy : dy + h].flatten(0, 2))
        # rows that are longer by one turn a diagonal into a column
        skew = functional.pad(band.flatten(1), (0, block))
        skew = skew.view(-1, block, wide + 1)[..., :side]
        shifts.append(skew.contiguous())  # frees the rest of the band
    out = torch.stack(shifts, dim=2)
    out = out.view(h, batch, blocks * block, side**2)[:, :, :w]
    return out.permute(1, 3, 0, 2)


def correlation_mmcv(first: Tensor, second: Tensor, radius: int = 3) -> Tensor:
    """Correlate by MMCV's CUDA kernel.

    The kernel accumulates in the dtype of the maps, so they are cast to at
    least float32. It returns the sum over the channels, not the mean.

    Args:
        first (Tensor): (B, C, h, w), on a GPU.
        second (Tensor): (B, C, h, w).
        radius (int): r, the largest shift in px.

    Returns:
        Tensor: (B, (2r + 1)^2, h, w), of the second's dtype.

    Raises:
        UserError: MMCV is missing, or was not compiled for CUDA.
    """
    kernel = _mmcv_op()
    if kernel is None:
        raise UserError(
            'correlation_mmcv needs MMCV compiled for CUDA, and there is '
            'none: install it, or use correlation()'
        )
    exact = torch.promote_types(second.dtype, torch.float32)
    summed = kernel(first.to(exact), second.to(exact), 1, radius)
    return (summed / first.shape[1]).flatten(1, 2).to(second.dtype)


def correlation_plain(
    first: Tensor, second: Tensor, radius: int = 3
) -> Tensor:
    """Correlate shift by shift: the definition, a reference for the others.

    Args:
        first (Tensor): (B, C, h, w).
        second (Tensor): (B, C, h, w).
        radius (int): r, the largest shift in px.

    Returns:
        Tensor: (B, (2r + 1)^2, h, w).
    """
    h, w = first.shape[-2:]
    second = functional.pad(second, (radius,) * 4)
    return torch.stack(
        [
            (first * second[..., y : y + h, x : x + w]).mean(dim=1)
            for y in range(2 * radius + 1)
            for x in range(2 * radius + 1)
        ],
        dim=1,
    )


def _in_graph() -> bool:
    """Return whether this is traced or compiled."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


@cache
def _mmcv_op() -> Callable[..., Tensor] | None:
    """Import MMCV's correlation; None where it was not compiled for CUDA."""
    try:
        from mmcv.ops import get_compiling_cuda_version
        from mmcv.ops.correlation import CorrelationFunction
    except (ImportError, AssertionError):  # no MMCV, or one without ops
        return None
    if get_compiling_cuda_version() == 'not available':
        return None
    return CorrelationFunction.apply
