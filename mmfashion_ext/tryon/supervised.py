# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Student that learns from the truth: flow, warp and image, without a tutor.

Generated people, and pairs made of photographs, have what no photograph of a
real person can have: the same person in the other garment (the truth), and for
each pixel of it the point of the flat cloth that it shows (the true flow).
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..errors import UserError
from ..registry import MODELS
from .generator import Composition
from .perceptual import exact
from .student import ParserFreeTryOn
from .tryon_model import Inputs, Losses, build_optional
from .warp_net import WarpResult

#: Difference of a channel in [-1, 1] from which a pixel has changed: above
#: the noise of JPEG.
_DIFFERENCE = 0.1
#: Window in px by which changed pixels are grown, odd.
_GROWTH = 5


def true_grid(flow: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Convert a true flow in px to the grid of a scale, and where it is known.

    Args:
        flow (Tensor): (B, 2, H, W), x first, in px of the cloth (H, W); NaN
            where the cloth is not visible.
        size (Sequence[int]): (h, w) of the scale, H / 2^k and W / 2^k.

    Returns:
        tuple[Tensor, Tensor]: The grid (B, 2, h, w), -1 to 1, 0 where it is
        not known, and (B, 1, h, w), 1 where more than half of the block of
        pixels is known, else 0.
    """
    times = flow.shape[2] // size[0]
    known = flow.isfinite().all(dim=1, keepdim=True)
    share = functional.avg_pool2d(known.to(flow.dtype), times)
    total = functional.avg_pool2d(
        flow.masked_fill(~known.expand_as(flow), 0), times
    )
    position = (total / share.clamp(min=1e-6) + 0.5) / times - 0.5
    half = flow.new_tensor([max(size[1] - 1, 1), max(size[0] - 1, 1)]) / 2
    grid = position / half.view(1, 2, 1, 1) - 1
    known = share > 0.5
    return grid.masked_fill(~known.expand_as(grid), 0), known.to(grid.dtype)


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Average over the pixels of a mask; 0 where it is empty.

    Args:
        x (Tensor): (B, C, h, w).
        mask (Tensor): (B, 1, h, w), weights of 0 or more.

    Returns:
        Tensor: ().
    """
    weight = mask.sum() * x.shape[1]
    return (x * mask).sum() / weight.clamp(min=1)


def changed_region(
    person: Tensor, truth: Tensor, visible: Tensor, growth: int = _GROWTH
) -> Tensor:
    """Return where a person differs from the truth, or wears the new cloth.

    Args:
        person (Tensor): (B, 3, H, W), RGB in [-1, 1], the photograph given.
        truth (Tensor): (B, 3, H, W), RGB in [-1, 1], the person in the cloth.
        visible (Tensor): (B, 1, H, W), 0 or 1, where the cloth is visible.
        growth (int): Window in px that changed pixels are grown by, odd.

    Returns:
        Tensor: (B, 1, H, W), 0 or 1.
    """
    differs = (exact(person) - exact(truth)).abs().amax(dim=1, keepdim=True)
    changed = torch.maximum((differs > _DIFFERENCE).to(differs), visible)
    return functional.max_pool2d(changed, growth, 1, growth // 2)


def visible_region(flow: Tensor) -> Tensor:
    """Return where a true flow (B, 2, H, W) is known, (B, 1, H, W), 0 or 1."""
    return flow.isfinite().all(dim=1, keepdim=True).float()


def garment_region(inputs: Inputs) -> Tensor:
    """Return where the truth shows the garment.

    Args:
        inputs (dict[str, Tensor]): ``garment_region`` (B, 1, H, W), if the
            dataset has it, or ``flow`` (B, 2, H, W).

    Returns:
        Tensor: (B, 1, H, W), 0 or 1.
    """
    if 'garment_region' in inputs:
        return exact(inputs['garment_region'])
    return visible_region(inputs['flow'])


def true_region(inputs: Inputs) -> Tensor:
    """Return where the photograph changes.

    Args:
        inputs (dict[str, Tensor]): ``kept`` (B, 1, H, W), if the dataset has
            it, or ``person``, ``truth`` and what :func:`garment_region` needs.

    Returns:
        Tensor: (B, 1, H, W), 0 or 1, see :func:`changed_region`.
    """
    if 'kept' in inputs:
        changed = 1 - exact(inputs['kept'])
        return functional.max_pool2d(changed, _GROWTH, 1, _GROWTH // 2)
    return changed_region(
        inputs['person'], inputs['truth'], garment_region(inputs)
    )


@MODELS.register_module()
class TrueFlowLoss(BaseModule):
    """Distance of the grids from the true flow.

    weight * sum_n scale_weights_n * mean |G_n - G*_n|

    with the Euclidean length of the two components, over the pixels where the
    true flow is known.

    Args:
        weight (float): Weight of the term.
        scale_weights (Sequence[float]): Weights of the scales, coarse to fine.
    """

    def __init__(
        self,
        weight: float = 3.0,
        scale_weights: Sequence[float] = (1, 2, 3, 4, 5),
    ) -> None:
        super().__init__()
        self.weight = weight
        self.scale_weights = tuple(scale_weights)

    def forward(self, result: WarpResult, flow: Tensor) -> Losses:
        """Compute the term.

        Args:
            result (WarpResult): With the grids of all scales.
            flow (Tensor): (B, 2, H, W), px, NaN where not known.

        Returns:
            dict[str, Tensor]: ``loss_flow``, and ``flow_error``, the mean
            distance of the finest grid in widths of the image / 2.
        """
        terms = []
        for grid in result.grids:
            target, known = true_grid(exact(flow), grid.shape[2:])
            # differentiable at 0, where the norm is not
            squares = (exact(grid) - target).square().sum(1, keepdim=True)
            terms.append(masked_mean((squares + 1e-8).sqrt(), known))
        pairs = zip(self.scale_weights, terms, strict=True)
        return {
            'loss_flow': self.weight * sum(w * term for w, term in pairs),
            'flow_error': terms[-1].detach(),
        }


@MODELS.register_module()
class TrueImageLoss(BaseModule):
    """Distance of a composition from the true image, and of its two maps.

    With the changed region R (:func:`changed_region`), grown once more, means
    over R:

    l1_weight * (|try_on - truth| + |rendered - truth|)
    + gradient_weight * |differences of neighbours in rendered - those in
    truth|
    + visible_weight * cross entropy of m where the warped cloth lies, whose
    target is whether the cloth is visible there
    + changed_weight * cross entropy of c over the image, whose target is R.

    Pixels that ``loss_mask`` excludes do not count. The last term is omitted
    where the generator does not keep the photograph.

    Args:
        l1_weight (float): Weight of the colours.
        gradient_weight (float): Weight of their differences.
        visible_weight (float): Weight of the cloth's map.
        changed_weight (float): Weight of the map of what changes.
    """

    def __init__(
        self,
        l1_weight: float = 5.0,
        gradient_weight: float = 5.0,
        visible_weight: float = 0.5,
        changed_weight: float = 2.0,
    ) -> None:
        super().__init__()
        self.l1_weight = l1_weight
        self.gradient_weight = gradient_weight
        self.visible_weight = visible_weight
        self.changed_weight = changed_weight

    def forward(
        self,
        composition: Composition,
        inputs: Inputs,
        warped_mask: Tensor,
    ) -> Losses:
        """Compute the terms.

        Args:
            composition (Composition): Of B persons, (B, 3, H, W).
            inputs (dict[str, Tensor]): ``person``, ``truth`` (B, 3, H, W),
                RGB in [-1, 1], ``flow`` (B, 2, H, W), px; optionally the
                maps of :class:`PackTryOn` (B, 1, H, W), 0 or 1:
                ``garment_region``, ``loss_mask`` and ``kept``.
            warped_mask (Tensor): (B, 1, H, W), 0-1.

        Returns:
            dict[str, Tensor]: ``loss_try_on``, ``loss_rendered``,
            ``loss_gradient``, ``loss_visible`` and ``loss_changed``.
        """
        truth = exact(inputs['truth'])
        visible = garment_region(inputs)
        known = inputs.get('loss_mask')
        known = torch.ones_like(visible) if known is None else exact(known)
        region = true_region(inputs)
        wide = functional.max_pool2d(region, _GROWTH, 1, _GROWTH // 2) * known
        rendered = exact(composition.rendered)
        losses = {
            'loss_try_on': self.l1_weight
            * masked_mean((exact(composition.try_on) - truth).abs(), wide),
            'loss_rendered': self.l1_weight
            * masked_mean((rendered - truth).abs(), wide),
            'loss_gradient': self.gradient_weight
            * sum(
                masked_mean(
                    (rendered.diff(dim=d) - truth.diff(dim=d)).abs(),
                    wide.narrow(d, 1, wide.shape[d] - 1),
                )
                for d in (2, 3)
            ),
        }
        if composition.logits is None:
            return losses
        entropy = functional.binary_cross_entropy_with_logits
        cloth, changed = composition.logits.chunk(2, dim=1)
        losses['loss_visible'] = self.visible_weight * masked_mean(
            entropy(cloth, visible, reduction='none'),
            (warped_mask.detach() > 0.5) * known,
        )
        losses['loss_changed'] = self.changed_weight * masked_mean(
            entropy(changed, region, reduction='none'), known
        )
        return losses


@MODELS.register_module()
class SupervisedTryOn(ParserFreeTryOn):
    """Parser-free student that is trained with the truth in place of a tutor.

    Loss: warp_weight * (W + F) + P, with W of :class:`WarpLoss` against the
    truth's cloth, F of :class:`TrueFlowLoss` and P of :class:`TrueImageLoss`.
    No gradient of P reaches the warp network, which F teaches. Inference is
    that of :class:`ParserFreeTryOn`.

    Args:
        warp_net (dict): Warp network.
        flow_loss (dict, optional): :class:`TrueFlowLoss`; needed to train.
        image_loss (dict, optional): :class:`TrueImageLoss`; needed to train a
            generator.
        **kwargs: Those of :class:`TryOnModel`.
    """

    def __init__(
        self,
        warp_net: dict,
        *,
        flow_loss: dict | None = None,
        image_loss: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(warp_net, **kwargs)
        self.flow_loss = build_optional(flow_loss)
        self.image_loss = build_optional(image_loss)

    def loss(self, inputs: Inputs) -> Losses:
        """Compute W + F, and with a generator P.

        Args:
            inputs (dict[str, Tensor]): ``person``, ``cloth``, ``truth``
                (B, 3, H, W), RGB in [-1, 1], ``cloth_mask`` (B, 1, H, W),
                0-1, ``flow`` (B, 2, H, W), px, NaN where it is not known, and
                optionally the maps of :class:`TrueImageLoss`.

        Returns:
            dict[str, Tensor]: Name -> number; those named ``loss_*`` add up.

        Raises:
            UserError: The truth or a loss is missing.
        """
        _check_truth(inputs)
        flow = inputs['flow']
        visible = garment_region(inputs)
        result = self.warp_net(
            self.condition(inputs), inputs['cloth'], inputs['cloth_mask']
        )
        losses = self._loss('warp_loss')(
            result, inputs['truth'] * visible, visible
        )
        losses = self._weight_warp(
            losses | self._needed('flow_loss')(result, flow)
        )
        if self.generator is None:
            return losses
        result.warped_cloths[-1] = result.warped_cloth.detach()
        result.warped_masks[-1] = result.warped_mask.detach()
        composition = self._compose(
            self.generator_input(inputs, result),
            result,
            photograph=inputs['person'],
        )
        return losses | self._needed('image_loss')(
            composition, inputs, result.warped_mask
        )

    def _needed(self, name: Literal['flow_loss', 'image_loss']) -> nn.Module:
        """Return a loss that training needs.

        Raises:
            UserError: The model was built without it.
        """
        loss = getattr(self, name)
        if loss is None:
            raise UserError(
                f'model.{name} is None, and training needs it: set it to the '
                'config of the loss'
            )
        return loss


def _check_truth(inputs: Inputs) -> None:
    """Check that the inputs have what a training step needs.

    Raises:
        UserError: The truth is missing.
    """
    missing = [name for name in ('truth', 'flow') if name not in inputs]
    if missing:
        raise UserError(
            'a supervised student learns from the truth, and the inputs lack '
            f"{' and '.join(missing)}: set annotations=['truth'] and "
            'paired=False of a synthetic test set, see docs/tryon.md'
        )
