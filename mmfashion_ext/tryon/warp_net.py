# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The warp network: two pyramids and a cascade of appearance flows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..registry import MODELS
from .correlation import correlation
from .flow import offset_to_grid, sample, upsample


@dataclass
class WarpResult:
    """Flows of all scales, coarse to fine, and what they warp.

    Attributes:
        grids (list[Tensor]): G_n, (B, 2, H / 2^(4-n), W / 2^(4-n)).
        offsets (list[Tensor]): Two per scale, (B, 2, h, w) in px.
        condition_features (list[Tensor]): (B, C, H / 2^(5-n), W / 2^(5-n)).
        warped_cloths (list[Tensor]): (B, 3, h, w) of each scale, or of the
            finest alone.
        warped_masks (list[Tensor]): (B, 1, h, w) of the same.
    """

    grids: list[Tensor]
    offsets: list[Tensor]
    condition_features: list[Tensor]
    warped_cloths: list[Tensor]
    warped_masks: list[Tensor]

    @property
    def grid(self) -> Tensor:
        """The finest flow, (B, 2, H, W)."""
        return self.grids[-1]

    @property
    def warped_cloth(self) -> Tensor:
        """The finest warped cloth, (B, 3, H, W)."""
        return self.warped_cloths[-1]

    @property
    def warped_mask(self) -> Tensor:
        """The finest warped mask, (B, 1, H, W)."""
        return self.warped_masks[-1]


class PreActivationBlock(nn.Module):
    """BN, ReLU, conv, BN, ReLU, conv, add the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        out = self.conv1(self.bn1(x).relu())
        return x + self.conv2(self.bn2(out).relu())


class DownBlock(nn.Module):
    """BN, ReLU, conv of stride 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(
            in_channels, out_channels, 3, stride=2, padding=1, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C', h / 2, w / 2)."""
        return self.conv(self.bn(x).relu())


class Encoder(nn.Sequential):
    """Stages that halve the size: a down block and two residual ones."""

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__(
            *(
                nn.Sequential(
                    DownBlock(before, after),
                    PreActivationBlock(after),
                    PreActivationBlock(after),
                )
                for before, after in pairwise((in_channels, *widths))
            )
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of all stages, fine to coarse."""
        features = []
        for stage in self:
            x = stage(x)
            features.append(x)
        return features


class Pyramid(nn.Module):
    """FPN that hands the *smoothed* feature down to the next level."""

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        coarse_first = tuple(reversed(widths))
        self.lateral = nn.ModuleList(
            nn.Conv2d(width, channels, 1) for width in coarse_first
        )
        self.smooth = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in coarse_first
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Fine to coarse in, coarse to fine out."""
        maps: list[Tensor] = []
        for lateral, smooth, x in zip(
            self.lateral, self.smooth, reversed(features), strict=True
        ):
            x = lateral(x)
            if maps:
                x = x + functional.interpolate(
                    maps[-1], scale_factor=2, mode='nearest'
                )
            maps.append(smooth(x))
        return maps


def flow_head(in_channels: int, channels: Sequence[int]) -> nn.Sequential:
    """Four convs to an offset, LeakyReLU 0.1 between them."""
    sizes = (in_channels, *channels, 2)
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers[:-1])


@MODELS.register_module()
class AppearanceFlowWarp(BaseModule):
    """Where on the cloth each pixel of the person looks.

    Args:
        condition_channels (int): 3 of the student's photograph, 45 of the
            tutor's parsing.
        cloth_channels (int): Of the cloth's picture.
        widths (Sequence[int]): Of the encoders' stages, fine to coarse.
        channels (int): C, of the pyramids.
        head_channels (Sequence[int]): Between the convs of the flow heads.
        radius (int): Of the correlation, px.
    """

    def __init__(
        self,
        condition_channels: int = 3,
        cloth_channels: int = 3,
        widths: Sequence[int] = (64, 128, 256, 256, 256),
        channels: int = 256,
        head_channels: Sequence[int] = (128, 64, 32),
        radius: int = 3,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.radius = radius
        self.cloth_encoder = Encoder(cloth_channels, widths)
        self.condition_encoder = Encoder(condition_channels, widths)
        self.cloth_fpn = Pyramid(widths, channels)
        self.condition_fpn = Pyramid(widths, channels)
        displacements = (2 * radius + 1) ** 2
        self.main_heads = nn.ModuleList(
            flow_head(displacements, head_channels) for _ in widths
        )
        self.refine_heads = nn.ModuleList(
            flow_head(2 * channels, head_channels) for _ in widths
        )

    def encode_cloth(self, cloth: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to features coarse to fine."""
        return self.cloth_fpn(self.cloth_encoder(cloth))

    def encode_condition(self, condition: Tensor) -> list[Tensor]:
        """(B, channels, H, W) to features coarse to fine."""
        return self.condition_fpn(self.condition_encoder(condition))

    def flows(
        self, cloth_features: list[Tensor], condition_features: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The cascade: G_n of all scales and the offsets of both heads."""
        grids: list[Tensor] = []
        offsets: list[Tensor] = []
        previous = None
        for cloth, condition, main, refine in zip(
            cloth_features,
            condition_features,
            self.main_heads,
            self.refine_heads,
            strict=True,
        ):
            moved = cloth
            if previous is not None:
                moved = sample(cloth, previous.detach())
            match = correlation(moved, condition, self.radius)
            first = main(functional.leaky_relu(match, 0.1))
            grid = offset_to_grid(first)
            if previous is not None:
                grid = sample(previous, grid)
            seen = torch.cat([sample(cloth, grid), condition], dim=1)
            second = refine(seen)
            grid = sample(grid, offset_to_grid(second))
            previous = upsample(grid)
            grids.append(previous)
            offsets += [first, second]
        return grids, offsets

    def forward(
        self,
        condition: Tensor | None,
        cloth: Tensor,
        cloth_mask: Tensor,
        condition_features: list[Tensor] | None = None,
        all_scales: bool = True,
    ) -> WarpResult:
        """Warp a cloth.

        Args:
            condition (Tensor, optional): (B, channels, H, W); not needed
                with ``condition_features``.
            cloth (Tensor): (B, 3, H, W), 0 outside its mask.
            cloth_mask (Tensor): (B, 1, H, W).
            condition_features (list[Tensor], optional): Of an earlier pass.
            all_scales (bool): Warp at all scales, as the losses need it, or
                at the finest alone.
        """
        if condition_features is None:
            condition_features = self.encode_condition(condition)
        grids, offsets = self.flows(
            self.encode_cloth(cloth), condition_features
        )
        cloths, masks = [], []
        for n, grid in enumerate(grids):
            if all_scales or n == len(grids) - 1:
                scale = 2.0 ** (n + 1 - len(grids))
                warped = self.warp(
                    _resize(cloth, scale), _resize(cloth_mask, scale), grid
                )
                cloths.append(warped[0])
                masks.append(warped[1])
        return WarpResult(grids, offsets, condition_features, cloths, masks)

    @staticmethod
    def warp(
        cloth: Tensor, cloth_mask: Tensor, grid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cloth with its border continued, mask with zeros around it."""
        return sample(cloth, grid), sample(cloth_mask, grid, 'zeros')


def _resize(image: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return image
    return functional.interpolate(
        image, scale_factor=scale, mode='bilinear', align_corners=False
    )
