# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Losses of the warp (W), of the try-on (G) and of skin regions.

Every loss is weighted, and computed in at least float32. A term whose weight
is 0 is neither computed nor returned, and neither are perceptual terms without
a :class:`PerceptualLoss`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..errors import UserError
from ..registry import MODELS
from .generator import Composition
from .perceptual import exact, l1
from .warp_net import WarpResult

Losses = dict[str, Tensor]


def total_variation(offset: Tensor) -> Tensor:
    """Compute mean |vertical differences| + mean |horizontal differences|.

    Args:
        offset (Tensor): (B, 2, h, w) in px.

    Returns:
        Tensor: (), in px.
    """
    offset = exact(offset)
    return _mean(offset.diff(dim=2).abs()) + _mean(offset.diff(dim=3).abs())


def second_order(grid: Tensor) -> Tensor:
    """Compute second differences along rows, columns and both diagonals.

    a - 2 b + c for three grid points in a line: 0 where the grid is locally
    an affine map.

    Args:
        grid (Tensor): (B, 2, h, w), -1 to 1.

    Returns:
        Tensor: (B, 2, 4, h - 2, w - 2); empty if h or w is below 3.
    """
    grid = exact(grid)
    h, w = (max(side - 2, 0) for side in grid.shape[2:])

    def at(y: int, x: int) -> Tensor:
        return grid[:, :, y : y + h, x : x + w]

    ends = (
        at(1, 0) + at(1, 2),
        at(0, 1) + at(2, 1),
        at(0, 0) + at(2, 2),
        at(0, 2) + at(2, 0),
    )
    return torch.stack(ends, dim=2) - 2 * at(1, 1).unsqueeze(2)


def charbonnier(
    x: Tensor, epsilon: float = 1e-3, exponent: float = 0.45
) -> Tensor:
    """Compute (x^2 + epsilon^2)^exponent, a smooth |x|^(2 exponent).

    Args:
        x (Tensor): Any shape, such as (B, 2, 4, h, w).
        epsilon (float): In the unit of x.
        exponent (float): Half the power of |x|.

    Returns:
        Tensor: Of the same shape.
    """
    return (x.square() + epsilon**2) ** exponent


def roughness(grid: Tensor) -> Tensor:
    """Compute the second-order smoothness term of a grid.

    That is the mean Charbonnier function of the second differences of x plus
    that of y.

    Args:
        grid (Tensor): (B, 2, h, w), -1 to 1.

    Returns:
        Tensor: (), at least 2 * 0.001995 (0 if h or w is below 3).
    """
    # both have as many elements: the sum of two means is twice the mean
    return 2 * _mean(charbonnier(second_order(grid)))


def _mean(x: Tensor) -> Tensor:
    """Average; 0 of no elements, where PyTorch's mean is NaN."""
    return x.sum() / max(x.numel(), 1)


def _resize(image: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(image, size, mode='bilinear', align_corners=False)


def _weighted(**terms: tuple[float, Callable[[], Tensor]]) -> Losses:
    """Compute weighted terms by name; not those whose weight is 0."""
    return {
        f'loss_{name}': weight * term()
        for name, (weight, term) in terms.items()
        if weight
    }


class _LossWithPerceptual(BaseModule):
    """Base of losses with perceptual terms, if there is a VGG19 for them."""

    def __init__(self, perceptual: dict | nn.Module | None) -> None:
        super().__init__()
        self.perceptual: nn.Module | None = (
            MODELS.build(perceptual)
            if isinstance(perceptual, dict)
            else perceptual
        )

    def _if_perceptual(self, weight: float) -> float:
        """Return the weight, or 0 without a VGG19."""
        return 0.0 if self.perceptual is None else weight

    def _vgg(self, *images: Tensor, **features: Any) -> Tensor:
        """Compute the perceptual loss of two images (B, 3, H, W)."""
        # without a VGG19 its terms have weight 0, and are not computed
        assert self.perceptual is not None
        return self.perceptual(*images, **features)


@MODELS.register_module()
class WarpLoss(_LossWithPerceptual):
    """Warp loss W: distance of the warped from the worn cloth, smoothness.

    W = tv_weight * sum over all offsets of TV(d)
      + sum_n scale_weights_n * ( cloth_weight * L1(x_n, t_n)
                                + perceptual_weight * VGG(x_n, t_n)
                                + mask_weight * L1(e_n, s_n)
                                + second_order_weight * roughness(G_n) )

    with the warped cloths x_n, the warped masks e_n and the grids G_n of the
    scales n. The targets t_n and s_n are the clothes on the person and their
    mask, resized bilinearly, so that small masks are fractional. L1 is the
    mean over the whole image, VGG is :class:`PerceptualLoss`; see
    :func:`total_variation` and :func:`roughness` for the others.

    Args:
        perceptual (dict | nn.Module, optional): :class:`PerceptualLoss`;
            losses may share a built one. None: no perceptual term.
        tv_weight (float): Weight of the offsets' total variation.
        cloth_weight (float): Weight of the cloth's colours.
        perceptual_weight (float): Weight of the cloth's VGG features.
        mask_weight (float): Weight of the mask.
        second_order_weight (float): Weight of the grids' smoothness.
        scale_weights (Sequence[float]): Weights of the scales, coarse to
            fine.
    """

    def __init__(
        self,
        perceptual: dict | nn.Module | None = None,
        tv_weight: float = 0.01,
        cloth_weight: float = 1.0,
        perceptual_weight: float = 0.2,
        mask_weight: float = 2.0,
        second_order_weight: float = 6.0,
        scale_weights: Sequence[float] = (1, 2, 3, 4, 5),
    ) -> None:
        super().__init__(perceptual)
        self.tv_weight = tv_weight
        self.cloth_weight = cloth_weight
        self.perceptual_weight = perceptual_weight
        self.mask_weight = mask_weight
        self.second_order_weight = second_order_weight
        self.scale_weights = tuple(scale_weights)

    def forward(
        self,
        result: WarpResult,
        person_clothes: Tensor,
        person_cloth_mask: Tensor,
    ) -> Losses:
        """Compute the five terms of W.

        Args:
            result (WarpResult): With warped cloths of all scales.
            person_clothes (Tensor): (B, 3, H, W), RGB in [-1, 1], the image
                of the person, 0 outside the worn upper garment.
            person_cloth_mask (Tensor): (B, 1, H, W), 0-1, where that is.

        Returns:
            dict[str, Tensor]: ``loss_tv``, ``loss_cloth``,
            ``loss_perceptual``, ``loss_mask`` and ``loss_second_order``.

        Raises:
            UserError: The result has other scales than there are weights.
        """
        if len(result.warped_cloths) != len(self.scale_weights):
            raise UserError(
                'WarpLoss needs the warped cloths of '
                f'{len(self.scale_weights)} scales, got '
                f'{len(result.warped_cloths)}: call the warp network with '
                'all_scales=True'
            )
        sizes = [grid.shape[2:] for grid in result.grids]
        cloths = [_resize(person_clothes, size) for size in sizes]
        masks = [_resize(person_cloth_mask, size) for size in sizes]

        def over_scales(term: Callable[..., Tensor], *lists: list) -> Tensor:
            scales = zip(self.scale_weights, *lists, strict=True)
            return sum(weight * term(*items) for weight, *items in scales)

        x, e = result.warped_cloths, result.warped_masks
        return _weighted(
            tv=(
                self.tv_weight,
                lambda: sum(map(total_variation, result.offsets)),
            ),
            cloth=(self.cloth_weight, lambda: over_scales(l1, x, cloths)),
            perceptual=(
                self._if_perceptual(self.perceptual_weight),
                lambda: over_scales(self._vgg, x, cloths),
            ),
            mask=(self.mask_weight, lambda: over_scales(l1, e, masks)),
            second_order=(
                self.second_order_weight,
                lambda: over_scales(roughness, result.grids),
            ),
        )


@MODELS.register_module()
class TryOnLoss(_LossWithPerceptual):
    """Generator loss G: distance of the try-on from the photograph.

    G = l1_weight * L1(try_on, person)
      + perceptual_weight * VGG(try_on, person)
      + l1_weight * L1(rendered, person)
      + perceptual_weight * VGG(rendered, person)
      + mask_weight * mean |1 - m|

    where m weighs the warped cloth in the composition: the last term keeps
    the cloth visible. The person's VGG features are computed once.

    Args:
        perceptual (dict | nn.Module, optional): :class:`PerceptualLoss`;
            losses may share a built one. None: no perceptual terms.
        l1_weight (float): Weight of the colours.
        perceptual_weight (float): Weight of the VGG features.
        mask_weight (float): Weight of the composition's mask.
    """

    def __init__(
        self,
        perceptual: dict | nn.Module | None = None,
        l1_weight: float = 5.0,
        perceptual_weight: float = 1.0,
        mask_weight: float = 1.0,
    ) -> None:
        super().__init__(perceptual)
        self.l1_weight = l1_weight
        self.perceptual_weight = perceptual_weight
        self.mask_weight = mask_weight

    def forward(self, composition: Composition, person: Tensor) -> Losses:
        """Compute the five terms of G.

        Args:
            composition (Composition): Composed with the mask of the worn
                garment.
            person (Tensor): (B, 3, H, W), RGB in [-1, 1].

        Returns:
            dict[str, Tensor]: ``loss_try_on``, ``loss_try_on_perceptual``,
            ``loss_rendered``, ``loss_rendered_perceptual`` and
            ``loss_mask_completeness``.
        """
        l1_weight = self.l1_weight
        vgg_weight = self._if_perceptual(self.perceptual_weight)
        features = None
        if self.perceptual is not None and vgg_weight:
            features = self.perceptual.target_features(person)

        def vgg(image: Tensor) -> Tensor:
            return self._vgg(image, target_features=features)

        try_on, rendered = composition.try_on, composition.rendered
        return _weighted(
            try_on=(l1_weight, lambda: l1(try_on, person)),
            try_on_perceptual=(vgg_weight, lambda: vgg(try_on)),
            rendered=(l1_weight, lambda: l1(rendered, person)),
            rendered_perceptual=(vgg_weight, lambda: vgg(rendered)),
            mask_completeness=(
                self.mask_weight,
                lambda: (1 - exact(composition.mask)).abs().mean(),
            ),
        )


@MODELS.register_module()
class SkinLoss(_LossWithPerceptual):
    """Skin loss: regions that the tutor's cloth covered, the worn one not.

    a * L1(rendered * skin, person * skin)
    + b * VGG(rendered * skin, person * skin)

    L1 is the mean over the whole image, not over the skin. As published,
    (a, b) becomes (60, 4) half way through the training:
    :class:`SwitchLossHook`.

    Args:
        perceptual (dict | nn.Module, optional): :class:`PerceptualLoss`;
            losses may share a built one. None: no perceptual term.
        weights (tuple[float, float]): (a, b).
    """

    def __init__(
        self,
        perceptual: dict | nn.Module | None = None,
        weights: tuple[float, float] = (30.0, 2.0),
    ) -> None:
        super().__init__(perceptual)
        self.weights = tuple(weights)

    def forward(
        self, rendered: Tensor, person: Tensor, skin_mask: Tensor
    ) -> Losses:
        """Compute the two terms.

        Args:
            rendered (Tensor): (B, 3, H, W), RGB in [-1, 1].
            person (Tensor): (B, 3, H, W), RGB in [-1, 1].
            skin_mask (Tensor): (B, 1, H, W), 0-1, may be soft; it receives
                no gradient.

        Returns:
            dict[str, Tensor]: ``loss_skin`` and ``loss_skin_perceptual``.
        """
        a, b = self.weights
        skin = exact(skin_mask.detach())
        x, y = rendered * skin, person * skin
        return _weighted(
            skin=(a, lambda: l1(x, y)),
            skin_perceptual=(
                self._if_perceptual(b),
                lambda: self._vgg(x, y),
            ),
        )


@MODELS.register_module()
class ChangedRegionLoss(BaseModule):
    """Cross entropy of the map of what changes in the photograph.

    The target is the region of both garments, the one that is worn and the
    one that is put on, grown by ``growth``.

    Args:
        weight (float): Weight of the term.
        growth (int): Window in px, odd.
    """

    def __init__(self, weight: float = 2.0, growth: int = 9) -> None:
        super().__init__()
        self.weight = weight
        self.growth = growth

    def forward(self, composition: Composition, *garments: Tensor) -> Losses:
        """Compute the term.

        Args:
            composition (Composition): With ``logits`` (B, 2, H, W).
            *garments (Tensor): Masks of the garments, (B, 1, H, W), 0-1.

        Returns:
            dict[str, Tensor]: ``loss_changed``.

        Raises:
            UserError: The generator does not keep the photograph.
        """
        if composition.logits is None:
            raise UserError(
                'changed_loss teaches what a generator keeps, and this one '
                'keeps nothing: set generator.out_channels=5, or '
                'changed_loss=None'
            )
        region = torch.stack([exact(mask) for mask in garments]).amax(dim=0)
        region = F.max_pool2d(region, self.growth, 1, self.growth // 2)
        entropy = F.binary_cross_entropy_with_logits(
            composition.logits[:, 1:], region
        )
        return {'loss_changed': self.weight * entropy}
