# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The garment is bent to fit the person: a cascade of appearance flows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..registry import MODELS
from .correlation import correlation
from .flow import compose, offset_to_grid, sample, shrink, upsample

_SLOPE = 0.1


@dataclass
class WarpResult:
    """What the warp network found; every list runs from coarse to fine.

    Args:
        grids (list[Tensor]): G_n, 5 x (B, 2, H / 2^(4-n), W / 2^(4-n)).
        offsets (list[Tensor]): Main and refining offset of each scale in
            turn, 10 x (B, 2, h, w) in px, at half the size of the grids.
        condition_features (list[Tensor]): 5 x (B, C, h, w).
        warped_cloths (list[Tensor]): (B, 3, ...), of the grids' sizes; only
            the finest if not all scales were wanted.
        warped_masks (list[Tensor]): The same, (B, 1, ...), 0-1.
    """

    grids: list[Tensor]
    offsets: list[Tensor]
    condition_features: list[Tensor]
    warped_cloths: list[Tensor] = field(default_factory=list)
    warped_masks: list[Tensor] = field(default_factory=list)

    @property
    def grid(self) -> Tensor:
        """The finest flow, (B, 2, H, W)."""
        return self.grids[-1]

    @property
    def warped_cloth(self) -> Tensor:
        """At full size, (B, 3, H, W)."""
        return self.warped_cloths[-1]

    @property
    def warped_mask(self) -> Tensor:
        """At full size, (B, 1, H, W)."""
        return self.warped_masks[-1]


class DownBlock(nn.Module):
    """Half the size; activation before convolution."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(
            in_channels, channels, 3, stride=2, padding=1, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) to (B, channels, h / 2, w / 2)."""
        return self.conv(functional.relu(self.bn(x), inplace=True))


class PreActivationBlock(nn.Module):
    """Two convolutions, each after its activation, beside a straight path."""

    #: Batch normalisations that follow a convolution directly.
    conv_bn_pairs = (('conv1', 'bn2'),)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w), not activated, to the same."""
        y = self.conv1(functional.relu(self.bn1(x), inplace=True))
        y = self.conv2(functional.relu(self.bn2(y), inplace=True))
        return x + y


class Encoder(nn.Sequential):
    """Five stages, each of half the size.

    Args:
        in_channels (int): Of the input.
        widths (Sequence[int]): Channels of the stages, fine to coarse.
    """

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
        """(B, in_channels, H, W) to maps from coarse (H / 32) to fine."""
        features = []
        for stage in self:
            x = stage(x)
            features.append(x)
        return features[::-1]


def pyramid_level(
    lateral: nn.Conv2d, smooth: nn.Conv2d, x: Tensor, above: Tensor | None
) -> Tensor:
    """A map of the encoder and what comes from the coarser level.

    Args:
        lateral (nn.Conv2d): 1 x 1, to C channels.
        smooth (nn.Conv2d): 3 x 3.
        x (Tensor): (B, width, h, w).
        above (Tensor, optional): (B, C, h / 2, w / 2).

    Returns:
        Tensor: (B, C, h, w).
    """
    y = lateral(x)
    if above is not None:
        y = y + functional.interpolate(above, scale_factor=2, mode='nearest')
    return smooth(y)


class Pyramid(nn.Module):
    """Brings what the coarse maps know to the finer ones.

    Unlike in the usual feature pyramid, a level hands down what it gives out,
    after its 3 x 3 convolution.

    Args:
        widths (Sequence[int]): Channels of the encoder, fine to coarse.
        channels (int): C.
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            nn.Conv2d(width, channels, 1) for width in reversed(widths)
        )
        self.smooth = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in widths
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Maps of the encoder, coarse to fine, to as many of C channels."""
        maps: list[Tensor] = []
        for lateral, smooth, x in zip(
            self.lateral, self.smooth, features, strict=True
        ):
            above = maps[-1] if maps else None
            maps.append(pyramid_level(lateral, smooth, x, above))
        return maps


def _head(in_channels: int, channels: Sequence[int]) -> nn.Sequential:
    """Four convolutions to an offset in px, x first."""
    layers: list[nn.Module] = []
    for before, after in pairwise((in_channels, *channels, 2)):
        layers.append(nn.Conv2d(before, after, 3, padding=1))
        layers.append(nn.LeakyReLU(_SLOPE, inplace=True))
    return nn.Sequential(*layers[:-1])


@MODELS.register_module()
class AppearanceFlowWarp(BaseModule):
    """Where on the flat garment each pixel of the person should look.

    Both pictures are encoded by themselves. From coarse to fine, a flow is
    estimated twice per scale: from the correlation of the garment, warped by
    the flow so far, with the condition, then from the two features side by
    side. Each estimate is an offset; it is *composed* with the flow so far,
    not added, and the garment's features are always warped in one step.

    Args:
        condition_channels (int): 3: a photograph (the student); 45: parse map
            and pose (the tutor).
        cloth_channels (int): Of the garment's picture.
        widths (Sequence[int]): Channels of the encoders, fine to coarse.
        channels (int): C, of the feature pyramids.
        head_channels (Sequence[int]): Of the hidden layers of the flow heads.
        radius (int): Of the correlation, px of each scale.
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
        self.cloth_fpn = Pyramid(widths, channels)
        self.condition_encoder = Encoder(condition_channels, widths)
        self.condition_fpn = Pyramid(widths, channels)
        shifts = (2 * radius + 1) ** 2
        self.main_heads = nn.ModuleList(
            _head(shifts, head_channels) for _ in widths
        )
        self.refine_heads = nn.ModuleList(
            _head(2 * channels, head_channels) for _ in widths
        )

    def encode_cloth(self, cloth: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to 5 x (B, C, h, w), coarse to fine."""
        return self.cloth_fpn(self.cloth_encoder(cloth))

    def encode_condition(self, condition: Tensor) -> list[Tensor]:
        """(B, condition_channels, H, W) to 5 x (B, C, h, w)."""
        return self.condition_fpn(self.condition_encoder(condition))

    def flows(
        self,
        cloth_features: Sequence[Tensor],
        condition_features: Sequence[Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Find the flow.

        Args:
            cloth_features (Sequence[Tensor]): 5 x (B, C, h, w), coarse to
                fine.
            condition_features (Sequence[Tensor]): The same.

        Returns:
            tuple[list[Tensor], list[Tensor]]: The grids G_n,
            5 x (B, 2, 2h, 2w), and the offsets, 10 x (B, 2, h, w) in px.
        """
        grids: list[Tensor] = []
        offsets: list[Tensor] = []
        for main, refine, cloth, condition in zip(
            self.main_heads,
            self.refine_heads,
            cloth_features,
            condition_features,
            strict=True,
        ):
            # the flow so far aligns the features, and learns nothing from it
            aligned = sample(cloth, grids[-1].detach()) if grids else cloth
            alike = correlation(aligned, condition, self.radius)
            offset = main(functional.leaky_relu(alike, _SLOPE))
            grid = offset_to_grid(offset)
            if grids:
                grid = compose(grids[-1], grid)
            offsets.append(offset)

            both = torch.cat([sample(cloth, grid), condition], dim=1)
            offset = refine(both)
            grid = compose(grid, offset_to_grid(offset))
            offsets.append(offset)
            grids.append(upsample(grid))
        return grids, offsets

    def warp(
        self, cloth: Tensor, cloth_mask: Tensor, grid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Bend a garment by one grid.

        Args:
            cloth (Tensor): (B, 3, h, w), or one garment for the whole batch.
            cloth_mask (Tensor): (B, 1, h, w), 0-1, likewise.
            grid (Tensor): (B, 2, h, w).

        Returns:
            tuple[Tensor, Tensor]: The garment, its rim repeated outside, and
            its mask, 0 outside.
        """
        batch = grid.shape[0]
        cloth = cloth.expand(batch, -1, -1, -1)
        cloth_mask = cloth_mask.expand(batch, -1, -1, -1)
        return sample(cloth, grid), sample(cloth_mask, grid, 'zeros')

    def forward(
        self,
        condition: Tensor | None,
        cloth: Tensor,
        cloth_mask: Tensor,
        condition_features: Sequence[Tensor] | None = None,
        all_scales: bool = True,
    ) -> WarpResult:
        """Bend a garment to fit a person.

        Args:
            condition (Tensor, optional): (B, condition_channels, H, W), sides
                divisible by 32; not read if its features are given.
            cloth (Tensor): (B, 3, H, W), RGB in [-1, 1], 0 outside its mask.
            cloth_mask (Tensor): (B, 1, H, W), 0-1.
            condition_features (Sequence[Tensor], optional): Result of
                :meth:`encode_condition`, to spare computing it again.
            all_scales (bool): Warp at every scale, as the losses need it, or
                at full size only.

        Returns:
            WarpResult: Flows, and the garment bent by them.
        """
        scales = len(self.main_heads)
        divisor = 2**scales
        h, w = cloth.shape[-2:]
        if h % divisor or w % divisor:
            raise ValueError(
                f'pictures of {h} x {w} px (h x w): both sides must be '
                f'divisible by {divisor}. TryOnDataPreprocessor pads them'
            )
        if condition_features is None:
            condition_features = self.encode_condition(condition)
        grids, offsets = self.flows(
            self.encode_cloth(cloth), condition_features
        )
        result = WarpResult(grids, offsets, list(condition_features))
        for n in range(0 if all_scales else scales - 1, scales):
            times = scales - 1 - n
            warped_cloth, warped_mask = self.warp(
                shrink(cloth, times), shrink(cloth_mask, times), grids[n]
            )
            result.warped_cloths.append(warped_cloth)
            result.warped_masks.append(warped_mask)
        return result
