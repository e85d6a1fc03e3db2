# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Published names mean the same layers: a forward pass written out by them."""

import torch
from torch.nn import functional

from mmfashion_ext.tryon.checkpoint_converter import published_name
from mmfashion_ext.tryon.correlation import correlation_plain
from mmfashion_ext.tryon.generator import TryOnGenerator
from mmfashion_ext.tryon.warp_net import AppearanceFlowWarp


def bn(state, name, x):
    names = 'running_mean', 'running_var', 'weight', 'bias'
    return functional.batch_norm(x, *(state[f'{name}.{n}'] for n in names))


def conv2d(state, name, x, stride=1):
    weight = state[f'{name}.weight']
    padding = weight.shape[-1] // 2
    return functional.conv2d(
        x, weight, state.get(f'{name}.bias'), stride, padding
    )


def published_features(state, side, x):
    """Encoder and pyramid, read off the fact sheet; coarse to fine."""
    stages = []
    for s in range(5):
        stage = f'{side}_features.encoders.{s}'
        x = bn(state, f'{stage}.0.block.0', x).relu()
        x = conv2d(state, f'{stage}.0.block.2', x, 2)
        for block in f'{stage}.1.block', f'{stage}.2.block':
            y = x
            for n in 0, 3:
                y = bn(state, f'{block}.{n}', y).relu()
                y = conv2d(state, f'{block}.{n + 2}', y)
            x = x + y
        stages.insert(0, x)
    levels = []
    for j, stage in enumerate(stages):
        y = conv2d(state, f'{side}_FPN.adaptive.{j}', stage)
        if levels:
            y = y + functional.interpolate(levels[-1], scale_factor=2)
        levels.append(conv2d(state, f'{side}_FPN.smooth.{j}', y))
    return levels


def published_head(state, name, x):
    for n in 0, 2, 4:
        x = functional.leaky_relu(conv2d(state, f'{name}.{n}', x), 0.1)
    return conv2d(state, f'{name}.6', x)


def published_grid(state, condition, cloth):
    """The finest flow, (B, 2, H, W)."""

    def sample(image, grid):
        return functional.grid_sample(
            image,
            grid.permute(0, 2, 3, 1),
            padding_mode='border',
            align_corners=True,
        )

    def to_grid(offset):
        h, w = offset.shape[-2:]
        x = (torch.arange(w) + offset[:, 0]) / ((w - 1) / 2) - 1
        y = (torch.arange(h)[:, None] + offset[:, 1]) / ((h - 1) / 2) - 1
        return torch.stack([x, y], dim=1)

    grid = None
    for i, (f, k) in enumerate(
        zip(
            published_features(state, 'image', cloth),
            published_features(state, 'cond', condition),
            strict=True,
        )
    ):
        aligned = f if grid is None else sample(f, grid)
        alike = functional.leaky_relu(correlation_plain(aligned, k), 0.1)
        found = to_grid(published_head(state, f'aflow_net.netMain.{i}', alike))
        found = found if grid is None else sample(grid, found)
        both = torch.cat([sample(f, found), k], dim=1)
        offset = published_head(state, f'aflow_net.netRefine.{i}', both)
        grid = functional.interpolate(
            sample(found, to_grid(offset)), scale_factor=2, mode='bilinear'
        )
    return grid


def published_painting(state, x, home='model.model', k=0):
    """What one level of the generator gives, with all below it."""

    def residual(n, x):
        block = f'{home}.{n}.block'
        y = bn(state, f'{block}.1', conv2d(state, f'{block}.0', x)).relu()
        y = bn(state, f'{block}.4', conv2d(state, f'{block}.3', y))
        return (x + y).relu()

    y = conv2d(state, f'{home}.0', x, 2)
    middle = 0 < k < 4
    y = (bn(state, f'{home}.1', y) if middle else y).relu()
    for n in (3, 4) if middle else (2, 3):
        y = residual(n, y)
    if k < 4:
        below = f'{home}.{5 if k else 4}.model'
        y = published_painting(state, y, below, k + 1)
    y = functional.interpolate(y, scale_factor=2)
    if k == 0:
        return conv2d(state, f'{home}.6', y)
    up = 7 if k < 4 else 5
    y = bn(state, f'{home}.{up + 1}', conv2d(state, f'{home}.{up}', y)).relu()
    for n in up + 3, up + 4:
        y = residual(n, y)
    return torch.cat([x, y], dim=1)


def shake(network):
    """Statistics and offsets that differ from layer to layer."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.ndim == 1:
                value.uniform_(-0.2, 0.2).add_('var' in name or 'wei' in name)
    return network.eval()


@torch.no_grad()
def test_names_mean_the_same_layers():
    """A plain run over the published names gives what our networks give."""
    torch.manual_seed(0)
    warp = shake(
        AppearanceFlowWarp(
            widths=(4, 6, 8, 8, 8), channels=8, head_channels=(8, 6, 4)
        )
    )
    state = {
        published_name('warp_net', n): v for n, v in warp.state_dict().items()
    }
    person, cloth = torch.randn(2, 1, 3, 64, 96)
    expected = warp(person, cloth, cloth[:, :1]).grid
    grid = published_grid(state, person, cloth)
    torch.testing.assert_close(grid, expected, atol=1e-4, rtol=0)

    gen = shake(TryOnGenerator(widths=(4, 6, 8, 10, 10)))
    state = {
        published_name('generator', n): v for n, v in gen.state_dict().items()
    }
    x = torch.randn(1, 7, 64, 96)
    painting = published_painting(state, x)
    torch.testing.assert_close(painting, gen(x), atol=1e-4, rtol=0)
