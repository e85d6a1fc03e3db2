# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Accelerated warp network: the cascade of a trained one, with faster steps.

:func:`accelerate` copies any :class:`~..warp_net.AppearanceFlowWarp`, or
subclass of it, into a subclass of its own class. The loop of the cascade and
whatever a subclass overrides stay as they are; replaced are sampling and
correlation (:mod:`.channels_last`), linear layers that follow each other
(:mod:`~..layer_fusion`) and, unless ``refine``, ``flows`` or the heads are
other ones, the first convolution of the refining heads, whose half of the
condition is computed once per person.
"""

import copy
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..correlation import correlation
from ..flow import sample
from ..layer_fusion import fuse
from ..warp_net import AppearanceFlowWarp
from . import channels_last


class _Condition(NamedTuple):
    """Condition of one scale: its feature, and what refining needs of it.

    Attributes:
        feature (Tensor): (B, C, h, w).
        refine_feature (Tensor): (B, channels, h, w), from the condition's
            half of the refining head's first convolution.
    """

    feature: Tensor
    refine_feature: Tensor


class FastAppearanceFlowWarp(AppearanceFlowWarp):
    """Accelerated steps of a warp network; :func:`accelerate` builds it.

    It has no gradient. One cloth (1, 3, H, W) may serve all conditions of a
    batch (B, 3, H, W), and one condition all cloths.
    """

    #: Cloth's and condition's half of the refining heads' first convolutions;
    #: empty where these are not split.
    refine_cloth: nn.ModuleList
    refine_condition: nn.ModuleList

    def refine_features(
        self, condition_features: Sequence[Tensor]
    ) -> list[Tensor]:
        """Compute the condition's part of the refining heads.

        Args:
            condition_features (Sequence[Tensor]): 5 x (B, C, h, w).

        Returns:
            list[Tensor]: 5 x (B, channels, h, w); empty where the heads are
            not split.
        """
        halves = zip(self.refine_condition, condition_features, strict=False)
        return [conv(x) for conv, x in halves]

    def flows(
        self,
        cloth_features: Sequence[Tensor],
        condition_features: Sequence[Tensor],
        refine_features: Sequence[Tensor] | None = None,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Run the cascade, see :meth:`.AppearanceFlowWarp.flows`.

        Args:
            cloth_features (Sequence[Tensor]): 5 x (B, C, h, w), or of one
                cloth for the whole batch.
            condition_features (Sequence[Tensor]): The same.
            refine_features (Sequence[Tensor], optional): Result of
                :meth:`refine_features`, which is then not called.

        Returns:
            tuple[list[Tensor], list[Tensor]]: Grids and offsets.
        """
        if refine_features is None:
            refine_features = self.refine_features(condition_features)
        batch = max(len(cloth_features[0]), len(condition_features[0]))
        cloth_features, condition_features = (
            [x.expand(batch, -1, -1, -1) for x in features]
            for features in (cloth_features, condition_features)
        )
        if refine_features:
            pairs = zip(condition_features, refine_features, strict=True)
            condition_features = [_Condition(*pair) for pair in pairs]
        return super().flows(cloth_features, condition_features)

    def estimate(
        self, scale: int, aligned: Tensor, condition: Tensor | _Condition
    ) -> Tensor:
        """Predict the main offset, see :meth:`.AppearanceFlowWarp.estimate`.

        Returns:
            Tensor: (B, 2, h, w) in px, x first.
        """
        if isinstance(condition, _Condition):
            condition = condition.feature
        return super().estimate(scale, aligned, condition)

    def refine(
        self, scale: int, warped: Tensor, condition: Tensor | _Condition
    ) -> Tensor:
        """Predict the second offset, see :meth:`.AppearanceFlowWarp.refine`.

        Returns:
            Tensor: (B, 2, h, w) in px, x first.
        """
        if not isinstance(condition, _Condition):
            return super().refine(scale, warped, condition)
        hidden = self.refine_cloth[scale](warped) + condition.refine_feature
        return self.refine_heads[scale](hidden)

    def sample_features(self, features: Tensor, grid: Tensor) -> Tensor:
        """Sample (B, C, h, w) by (B, 2, h, w), see :func:`.flow.sample`."""
        if features.is_cpu:
            return channels_last.sample(_drop_copies(features), grid)
        return sample(features, grid)

    def correlate(self, cloth: Tensor, condition: Tensor) -> Tensor:
        """Correlate two (B, C, h, w), see :mod:`.correlation`."""
        if cloth.is_cpu:
            return channels_last.correlation(
                cloth, _drop_copies(condition), self.radius
            )
        return correlation(cloth, condition, self.radius)


def _drop_copies(features: Tensor) -> Tensor:
    """Return (1, C, h, w) of a tensor that was expanded to a batch."""
    return features if features.stride(0) else features[:1]


@cache
def _fast_class(network: type[AppearanceFlowWarp]) -> type[nn.Module]:
    """Derive the accelerated class of a warp network's class."""
    bases = FastAppearanceFlowWarp, network
    return type(f'Fast{network.__name__}', bases, {})


@torch.no_grad()
def accelerate(network: AppearanceFlowWarp) -> FastAppearanceFlowWarp:
    """Copy a warp network for inference.

    Args:
        network (AppearanceFlowWarp): Or a subclass of it; it is not changed.

    Returns:
        FastAppearanceFlowWarp: In evaluation mode, not trainable; its outputs,
        warped cloth (B, 3, h, w) and mask (B, 1, h, w), differ by rounding
        only. Its weights have other names: do not save
        it.

    Raises:
        TypeError: The network is of another class.
    """
    if not isinstance(network, AppearanceFlowWarp):
        raise TypeError(
            'accelerated inference needs a warp network derived from '
            f'AppearanceFlowWarp, got {type(network).__name__}'
        )
    fast = fuse(network)
    cls = type(network)
    fast.__class__ = _fast_class(cls)  # type: ignore[arg-type]  # hashable
    halves = []
    if _can_split(network):
        halves = [_split(head[0]) for head in fast.refine_heads]
        fast.refine_heads = nn.ModuleList(h[1:] for h in fast.refine_heads)
    fast.refine_cloth = nn.ModuleList(cloth for cloth, _ in halves)
    fast.refine_condition = nn.ModuleList(condition for _, condition in halves)
    return fast.requires_grad_(False)


def _can_split(network: AppearanceFlowWarp) -> bool:
    """Return whether a network refines by the published heads and steps."""
    return all(
        getattr(type(network), step) is getattr(AppearanceFlowWarp, step)
        for step in ('refine', 'flows')
    ) and all(
        isinstance(head, nn.Sequential)
        and isinstance(head[0], nn.Conv2d)
        and head[0].in_channels == 2 * network.channels
        and head[0].groups == 1
        for head in network.refine_heads
    )


def _split(conv: nn.Conv2d) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Split a convolution into those of either half of its input channels.

    The sum of their outputs is its output; the second one has the bias.
    """
    halves = []
    for weight in conv.weight.chunk(2, dim=1):
        half = copy.deepcopy(conv)
        half.in_channels = weight.shape[1]
        half.weight = nn.Parameter(weight.clone(), requires_grad=False)
        halves.append(half)
    halves[0].bias = None
    return tuple(halves)
