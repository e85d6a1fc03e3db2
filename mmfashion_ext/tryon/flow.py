# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Flow operations: offsets to grids, sampling, composition and resizing.

Two conventions meet, as published: *sampling* aligns corners (-1 and 1
are the centres of the first and the last pixel), *resizing* does not. Grids
are at least float32, also under autocast: at 192 px a float16 grid is off by
up to a twentieth of a pixel.
"""

import torch
from torch import Tensor
from torch.nn import functional


def _exact(x: Tensor) -> Tensor:
    """Cast to float32 unless it is wider."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def offset_to_grid(offset: Tensor) -> Tensor:
    """Convert an offset to a sampling grid.

    Args:
        offset (Tensor): (B, 2, h, w), x first, in px of this map: how far
            from its own position a pixel is sampled.

    Returns:
        Tensor: (B, 2, h, w), x first, at least float32; -1 and 1 are the
        centres of the first and the last pixel.
    """
    offset = _exact(offset)
    h, w = offset.shape[-2:]
    options = {'dtype': offset.dtype, 'device': offset.device}
    x = offset[:, 0] + torch.arange(w, **options)
    y = offset[:, 1] + torch.arange(h, **options)[:, None]
    # Division rounds once; a product with 2 / (size - 1) would round twice.
    # A map of a single pixel has no extent: every grid samples that pixel.
    half_w, half_h = max(w - 1, 1) / 2, max(h - 1, 1) / 2
    return torch.stack([x / half_w - 1, y / half_h - 1], dim=1)


def sample(image: Tensor, grid: Tensor, padding: str = 'border') -> Tensor:
    """Sample an image by a grid, bilinearly, in at least float32.

    Args:
        image (Tensor): (B, C, h, w), an image, a mask, a feature or another
            grid.
        grid (Tensor): (B, 2, h', w'), x first, -1 to 1.
        padding (str): Outside the image, ``'border'`` repeats its border,
            ``'zeros'`` is 0.

    Returns:
        Tensor: (B, C, h', w'), of the image's dtype.
    """
    exact = _exact(image)
    out = functional.grid_sample(
        exact,
        grid.to(exact.dtype).permute(0, 2, 3, 1),
        mode='bilinear',
        padding_mode=padding,
        align_corners=True,
    )
    return out.to(image.dtype)


def compose(grid: Tensor, by: Tensor) -> Tensor:
    """Compose two flows: sample ``grid`` by ``by``.

    Sampling by the result is about the same as sampling by ``grid`` and then
    by ``by``, without blurring twice.

    Args:
        grid (Tensor): (B, 2, h, w), -1 to 1, the earlier flow.
        by (Tensor): (B, 2, h', w'), -1 to 1, the later flow.

    Returns:
        Tensor: (B, 2, h', w'), -1 to 1.
    """
    return sample(grid, by)


def upsample(grid: Tensor) -> Tensor:
    """Double the resolution of a grid, bilinearly.

    Args:
        grid (Tensor): (B, 2, h, w), -1 to 1. Its unit does not depend on the
            size, so the values are not rescaled.

    Returns:
        Tensor: (B, 2, 2h, 2w), at least float32.
    """
    return functional.interpolate(
        _exact(grid), scale_factor=2, mode='bilinear', align_corners=False
    )


def shrink(image: Tensor, times: int) -> Tensor:
    """Resize by 2^-times; each pixel is the mean of the middle 2 x 2 ones.

    Args:
        image (Tensor): (B, C, H, W), sides divisible by 2^times.
        times (int): Number of halvings; 0 returns the image itself.

    Returns:
        Tensor: (B, C, H / 2^times, W / 2^times).
    """
    if times == 0:
        return image
    return functional.interpolate(
        image, scale_factor=0.5**times, mode='bilinear', align_corners=False
    )
