# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Parser-based tutor (PB-AFN), which teaches the student."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..registry import MODELS
from .conditions import (
    dense_limb_mask,
    parser_condition,
    person_cloth_mask,
    preserved_region,
)
from .tryon_model import Inputs, Losses, TryOnModel
from .warp_net import WarpResult


@dataclass
class TutorOutput:
    """Outputs of the tutor that a training step of the student needs.

    Attributes:
        image (Tensor): (B, 3, H, W), RGB in [-1, 1], the person in the
            unpaired cloth.
        unpaired_mask (Tensor): (B, 1, H, W), 0-1, where that cloth lies.
        paired (WarpResult): The tutor's warp of the paired cloth, at full
            size.
    """

    image: Tensor
    unpaired_mask: Tensor
    paired: WarpResult


@MODELS.register_module()
class ParserBasedTryOn(TryOnModel):
    """Parser-based try-on (PB-AFN), conditioned on parse, pose, DensePose.

    The condition is (B, 45, H, W). Warp stage: loss = W (:class:`WarpLoss`).
    End to end: 0.5 W + G, where the gradient of G (:class:`TryOnLoss`) reaches
    the warp network too. Arguments: those of :class:`TryOnModel`;
    ``warp_net.condition_channels=45``, ``generator.in_channels=8``.
    """

    def condition(self, inputs: Inputs) -> Tensor:
        """Return the parser's condition, (B, 45, H, W).

        Face, other clothes, DensePose and joints: see
        :func:`.conditions.parser_condition`.
        """
        return parser_condition(
            inputs['parse'],
            inputs['densepose'],
            inputs['pose_map'],
            inputs.get('cloth_class'),
        )

    def generator_input(
        self, inputs: Inputs, result: WarpResult, cloth_region: Tensor
    ) -> Tensor:
        """Concatenate preserved region, warped cloth, its mask and bare limbs.

        Args: see :meth:`TryOnModel.generator_input`.

        Returns:
            Tensor: (B, 3 + 3 + 1 + 1, H, W).
        """
        parse, densepose = inputs['parse'], inputs['densepose']
        classes = inputs.get('cloth_class')
        return torch.cat(
            [
                preserved_region(inputs['person'], parse, densepose, classes),
                result.warped_cloth,
                result.warped_mask,
                dense_limb_mask(densepose, classes) * (1 - cloth_region),
            ],
            dim=1,
        )

    def loss(self, inputs: Inputs) -> Losses:
        """Compute W, and with a generator G.

        Args and Returns: see :meth:`TryOnModel.loss`.
        """
        person = inputs['person']
        worn_mask = person_cloth_mask(
            inputs['parse'], inputs.get('cloth_class')
        )
        result = self.warp_net(
            self.condition(inputs), inputs['cloth'], inputs['cloth_mask']
        )
        losses = self._weight_warp(
            self._loss('warp_loss')(result, person * worn_mask, worn_mask)
        )
        if self.generator is None:
            return losses
        generator_input = self.generator_input(inputs, result, worn_mask)
        composition = self._compose(generator_input, result, worn_mask)
        return losses | self._loss('try_on_loss')(composition, person)

    @torch.no_grad()
    def teach(self, inputs: Inputs) -> TutorOutput:
        """Put the unpaired cloth on the person, and warp the paired one.

        The features of the person, which both need, are computed once.

        Args:
            inputs (dict[str, Tensor]): With ``unpaired_cloth`` (B, 3, H, W),
                RGB in [-1, 1], and ``unpaired_cloth_mask`` (B, 1, H, W), 0-1.
        """
        unpaired = self.warp_net(
            self.condition(inputs),
            inputs['unpaired_cloth'],
            inputs['unpaired_cloth_mask'],
            all_scales=False,
        )
        generator_input = self.generator_input(
            inputs, unpaired, unpaired.warped_mask
        )
        composition = self._compose(generator_input, unpaired)
        paired = self.warp_net(
            None,
            inputs['cloth'],
            inputs['cloth_mask'],
            condition_features=unpaired.condition_features,
            all_scales=False,
        )
        return TutorOutput(composition.try_on, unpaired.warped_mask, paired)
