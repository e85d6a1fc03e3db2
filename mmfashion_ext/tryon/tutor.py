# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The tutor: virtual try-on with a parser."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..registry import MODELS
from .conditions import (
    dense_arm_mask,
    parser_condition,
    person_cloth_mask,
    preserved_region,
)
from .generator import compose
from .tryon_model import Inputs, Losses, TryOnModel
from .warp_net import WarpResult


@dataclass
class Tutoring:
    """What the tutor hands to the student.

    Attributes:
        image (Tensor): (B, 3, H, W), the person in the unpaired garment.
        unpaired_mask (Tensor): (B, 1, H, W), where that garment lies, 0-1.
        paired (WarpResult): How the tutor warps the garment truly worn.
    """

    image: Tensor
    unpaired_mask: Tensor
    paired: WarpResult


@MODELS.register_module()
class ParserBasedTryOn(TryOnModel):
    """The tutor, PB-AFN: reads parse map, pose and DensePose.

    Warp stage: loss = W. End to end: 0.5 W + G, where G is the loss of the
    generator and flows back into the warp network. Arguments: those of
    :class:`TryOnModel`; ``warp_net.condition_channels=45``,
    ``generator.in_channels=8``.
    """

    def condition(self, inputs: Inputs) -> Tensor:
        """Face, other clothes, DensePose and joints, (B, 45, H, W)."""
        return parser_condition(
            inputs['parse'], inputs['densepose'], inputs['pose_map']
        )

    def generator_input(
        self, inputs: Inputs, result: WarpResult, arms_under: Tensor
    ) -> Tensor:
        """Preserved region, warped cloth and mask, bare arms: 8 channels."""
        parse, densepose = inputs['parse'], inputs['densepose']
        return torch.cat(
            [
                preserved_region(inputs['person'], parse, densepose),
                result.warped_cloth,
                result.warped_mask,
                dense_arm_mask(densepose) * (1 - arms_under),
            ],
            dim=1,
        )

    def loss(self, inputs: Inputs) -> Losses:
        """W, and with a generator G."""
        result = self.warp_net(
            self.condition(inputs), inputs['cloth'], inputs['cloth_mask']
        )
        losses = self._warp_losses(inputs, result)
        if self.generator is None:
            return losses
        worn = person_cloth_mask(inputs['parse'])
        composition = self._compose_paired(
            inputs, result, self.generator_input(inputs, result, worn)
        )
        return losses | self.try_on_loss(composition, inputs['person'])

    @torch.no_grad()
    def tutor(self, inputs: Inputs) -> Tutoring:
        """Dress the person in the unpaired garment, and warp the paired one.

        Both need the features of the same person: they are computed once.
        """
        unpaired = self.warp_net(
            self.condition(inputs),
            inputs['unpaired_cloth'],
            inputs['unpaired_cloth_mask'],
            all_scales=False,
        )
        raw = self.generator(
            self.generator_input(inputs, unpaired, unpaired.warped_mask)
        )
        cloth, mask = unpaired.warped_cloth, unpaired.warped_mask
        paired = self.warp_net(
            None,
            inputs['cloth'],
            inputs['cloth_mask'],
            condition_features=unpaired.condition_features,
            all_scales=False,
        )
        return Tutoring(compose(raw, cloth, mask).try_on, mask, paired)
