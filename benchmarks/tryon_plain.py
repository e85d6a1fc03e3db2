# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Inference of PF-AFN as published, ported to current PyTorch.

The reference for :class:`.FastTryOn`: correlation shift by shift, no fused
layers, all features computed for every pair. Its layers are those of the
model.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mmfashion_ext.tryon.correlation import correlation_plain
from mmfashion_ext.tryon.student import ParserFreeTryOn
from mmfashion_ext.tryon.warp_net import AppearanceFlowWarp

Images = tuple[Tensor, Tensor, Tensor]  # person, cloth, mask


def plain_grid(offset: Tensor) -> Tensor:
    """Convert a flow (B, 2, h, w) px to a grid (B, 2, h, w) in [-1, 1]."""
    h, w = offset.shape[2:]
    ys, xs = torch.meshgrid(
        torch.arange(h, device=offset.device),
        torch.arange(w, device=offset.device),
        indexing='ij',
    )
    position = torch.stack([xs, ys]) + offset
    steps = position.new_tensor([(w - 1) / 2, (h - 1) / 2]).view(2, 1, 1)
    return position / steps - 1


def plain_sample(image: Tensor, grid: Tensor, padding: str) -> Tensor:
    """Sample (B, C, h, w) at a grid (B, 2, h, w)."""
    return functional.grid_sample(
        image,
        grid.permute(0, 2, 3, 1),
        padding_mode=padding,
        align_corners=True,
    )


def plain_flow(
    net: AppearanceFlowWarp, cloth: Sequence[Tensor], person: Sequence[Tensor]
) -> Tensor:
    """Compute the finest flow from the features of both sides."""
    grid = None
    for n, (flat, condition) in enumerate(zip(cloth, person, strict=True)):
        aligned = flat if n == 0 else plain_sample(flat, grid, 'border')
        alike = correlation_plain(aligned, condition, net.radius)
        offset = net.main_heads[n](functional.leaky_relu(alike, 0.1))
        main = plain_grid(offset)
        grid = main if n == 0 else plain_sample(grid, main, 'border')
        aligned = plain_sample(flat, grid, 'border')
        offset = net.refine_heads[n](torch.cat([aligned, condition], 1))
        grid = plain_sample(grid, plain_grid(offset), 'border')
        grid = functional.interpolate(
            grid, scale_factor=2, mode='bilinear', align_corners=False
        )
    return grid


@torch.no_grad()
def plain_try_on(model: ParserFreeTryOn, images: Images) -> Tensor:
    """Return the try-on (B, 3, H, W), RGB in [-1, 1]."""
    person, cloth, mask = images
    net = model.warp_net
    features = net.encode_cloth(cloth), net.encode_condition(person)
    grid = plain_flow(net, *features)
    warped = plain_sample(cloth, grid, 'border')
    warped_mask = plain_sample(mask, grid, 'zeros')
    raw = model.generator(torch.cat([person, warped, warped_mask], 1))
    rendered, weight = raw[:, :3].tanh(), raw[:, 3:].sigmoid() * warped_mask
    return warped * weight + rendered * (1 - weight)
