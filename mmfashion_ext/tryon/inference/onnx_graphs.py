# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Graphs of the student that ONNX export traces, whole and in parts.

The parts are the side of the person, the side of the garment, and what needs
both, so that a garment is encoded once for any number of persons.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..generator import Composition, compose
from ..student import ParserFreeTryOn
from .full_size import compose_parts


class TryOnGraph(nn.Module):
    """Graph of the whole network: three images in, three images out.

    Images are (B, 3, H, W), masks (B, 1, H, W).

    Args:
        model (ParserFreeTryOn): With a generator.
    """

    def __init__(self, model: ParserFreeTryOn) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, person: Tensor, cloth: Tensor, cloth_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Put cloths on persons.

        Args:
            person (Tensor): (B, 3, H, W), RGB in [-1, 1], sides divisible by
                32.
            cloth (Tensor): (B, 3, H, W), RGB in [-1, 1], on any background.
            cloth_mask (Tensor): (B, 1, H, W), 0 or 1.

        Returns:
            tuple[Tensor, Tensor, Tensor]: The try-on, the warped cloth
            (B, 3, H, W), RGB in [-1, 1], and its mask (B, 1, H, W), 0-1.
        """
        composition, result = self.model.try_on(
            {
                'person': person,
                'cloth': cloth * cloth_mask,
                'cloth_mask': cloth_mask,
            }
        )
        # the export checks that the model has a generator
        assert composition is not None
        return composition.try_on, result.warped_cloth, result.warped_mask


class PersonGraph(nn.Module):
    """Graph from persons to their feature maps.

    Args:
        model (ParserFreeTryOn): The model.
    """

    def __init__(self, model: ParserFreeTryOn) -> None:
        super().__init__()
        self.warp_net = model.warp_net

    def forward(self, person: Tensor) -> tuple[Tensor, ...]:
        """Encode persons (B, 3, H, W), RGB in [-1, 1].

        Returns:
            tuple[Tensor, ...]: Maps (B, C, h, w), coarse to fine: H / 32
            first, then twice the size each.
        """
        return tuple(self.warp_net.encode_condition(person))


class ClothGraph(nn.Module):
    """Graph from garments to their feature maps.

    Args:
        model (ParserFreeTryOn): The model.
    """

    def __init__(self, model: ParserFreeTryOn) -> None:
        super().__init__()
        self.warp_net = model.warp_net

    def forward(self, cloth: Tensor, cloth_mask: Tensor) -> tuple[Tensor, ...]:
        """Encode garments.

        Args:
            cloth (Tensor): (B, 3, H, W), RGB in [-1, 1], on any background.
            cloth_mask (Tensor): (B, 1, H, W), 0 or 1.

        Returns:
            tuple[Tensor, ...]: Maps, see :meth:`PersonGraph.forward`.
        """
        return tuple(self.warp_net.encode_cloth(cloth * cloth_mask))


class DressGraph(nn.Module):
    """Graph from images and both sides' maps to the try-on and its parts.

    Args:
        model (ParserFreeTryOn): With a generator.

    Attributes:
        outputs (list[str]): Names of what it returns: ``try_on``,
            ``warped_cloth`` (B, 3, H, W), ``warped_mask`` (B, 1, H, W),
            ``flow`` (B, 2, H, W); of a network that keeps the photograph also
            ``rendered`` (B, 3, H, W), ``cloth_logits`` and ``changed``
            (B, 1, H, W).
    """

    def __init__(self, model: ParserFreeTryOn) -> None:
        super().__init__()
        self.model = model
        self.outputs = ['try_on', 'warped_cloth', 'warped_mask', 'flow']
        if keeps_photograph(model):
            self.outputs += ['rendered', 'cloth_logits', 'changed']

    def forward(
        self,
        person: Tensor,
        cloth: Tensor,
        cloth_mask: Tensor,
        *maps: Tensor,
    ) -> tuple[Tensor, ...]:
        """Put B cloths on B persons.

        Args:
            person (Tensor): (B, 3, H, W), RGB in [-1, 1].
            cloth (Tensor): (B, 3, H, W), RGB in [-1, 1], on any background.
            cloth_mask (Tensor): (B, 1, H, W), 0 or 1.
            *maps (Tensor): (B, C, h, w), all of the persons, then all of the
                cloths.

        Returns:
            tuple[Tensor, ...]: See ``outputs``.
        """
        half = len(maps) // 2
        network = self.model.warp_net
        grids, _ = network.flows(maps[half:], maps[:half])
        flow = grids[-1]
        warped, mask = network.warp(cloth * cloth_mask, cloth_mask, flow)
        # the export checks that the model has a generator
        assert self.model.generator is not None
        raw = self.model.generator(torch.cat([person, warped, mask], dim=1))
        made = compose(raw, warped, mask, photograph=person)
        return made.try_on, warped, mask, flow, *_kept_parts(made)


class ComposeGraph(nn.Module):
    """Graph that composes a try-on at the size of the photograph.

    It has no weights; inputs and outputs (1, C, h, w) are those of
    :func:`.full_size.compose_parts`.
    """

    INPUTS = (
        *('flow', 'rendered', 'cloth_logits', 'changed'),
        *('photograph', 'cloth', 'cloth_mask', 'scale', 'shift'),
    )
    OUTPUTS = ('try_on', 'warped_cloth', 'warped_mask')

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compose (1, C, h, w); the cloth may be on any background."""
        flow, rendered, logits, changed, photograph, cloth, mask = inputs[:7]
        scale, shift = inputs[7:]
        return compose_parts(
            *(flow, rendered, logits, changed),
            *(photograph, cloth * mask, mask),
            scale,
            shift,
        )


def _kept_parts(made: Composition) -> Sequence[Tensor]:
    """Return what composing at another size needs, see :class:`DressGraph`."""
    if made.changed is None or made.logits is None:
        return ()
    return made.rendered, made.logits[:, :1], made.changed


def keeps_photograph(model: ParserFreeTryOn) -> bool:
    """Return whether pixels that do not change are those of the photograph."""
    return getattr(model.generator, 'keeps_photograph', False)
