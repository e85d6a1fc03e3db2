# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Parser-free student (PF-AFN), trained with the help of a tutor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..registry import MODELS
from ..utils.checkpoint import load_weights
from ..utils.sources import is_url
from .conditions import person_cloth_mask
from .frozen import Frozen
from .layer_fusion import fuse
from .tryon_model import Inputs, Losses, TryOnModel, build_optional
from .warp_net import WarpResult


@MODELS.register_module()
class ParserFreeTryOn(TryOnModel):
    """Parser-free try-on (PF-AFN), conditioned on the photograph only.

    In training the photograph (B, 3, H, W) is replaced by the tutor's image of
    the person in an unpaired cloth; the student puts the paired cloth back on.
    Warp stage: loss = W + D, those of the warp and of the distillation of the
    tutor's warp. End to end: 0.25 (W + D) + G, with the skin terms in G.
    Arguments beyond those of :class:`TryOnModel` matter in training only.

    Args:
        teacher (dict, optional): :class:`ParserBasedTryOn` with its networks.
        teacher_checkpoint (str, optional): Its weights, read when training
            starts. They are not part of the student's checkpoints.
        start_from_teacher (bool): Copy the tutor's cloth encoder, cloth
            pyramid and main flow heads before training.
        distillation (dict, optional): :class:`AdjustableDistillation`. None:
            the student learns from W alone.
        skin_loss (dict, optional): :class:`SkinLoss`. Its weights change
            during training by :class:`SwitchLossHook`.
        changed_loss (dict, optional): :class:`ChangedRegionLoss`, for a
            generator that keeps the photograph.
    """

    #: Parts of the names of weights that are not copied from the tutor.
    NEW_PARTS = ('condition_', 'refine')

    def __init__(
        self,
        warp_net: dict,
        *,
        teacher: dict | None = None,
        teacher_checkpoint: str | None = None,
        start_from_teacher: bool = False,
        distillation: dict | None = None,
        skin_loss: dict | None = None,
        changed_loss: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(warp_net, **kwargs)
        self.teacher: Frozen | None = None  # built when training starts
        self.teacher_cfg = teacher
        self.teacher_checkpoint = teacher_checkpoint
        self.start_from_teacher = start_from_teacher
        self.distillation = build_optional(distillation)
        self.skin_loss = self._build_loss(skin_loss)
        self.changed_loss = build_optional(changed_loss)

    def init_weights(self) -> None:
        """Build the teacher; with ``start_from_teacher`` copy its weights.

        Only training calls this: a test needs no teacher.

        Raises:
            UserError: The teacher's checkpoint is missing.
            CheckpointError: It does not fit the teacher.
        """
        super().init_weights()
        if self.teacher_cfg is None:
            return
        path = self.teacher_checkpoint
        if not path or not (is_url(path) or Path(path).is_file()):
            raise UserError(
                f'model.teacher_checkpoint: {path!r} is not a file; a student '
                'is trained with the checkpoint of its tutor. Train the '
                'pb-afn_e2e config first, or pass its checkpoint by '
                '--cfg-options model.teacher_checkpoint=PATH'
            )
        teacher = MODELS.build(self.teacher_cfg)
        load_weights(teacher, path, 'model.teacher')
        if self.start_from_teacher:
            _copy_shared(teacher.warp_net, self.warp_net, self.NEW_PARTS)
        self.teacher = prepare_teacher(teacher).to(
            next(self.warp_net.parameters()).device
        )

    def condition(self, inputs: Inputs) -> Tensor:
        """Return the photograph, (B, 3, H, W), RGB in [-1, 1]."""
        return inputs['person']

    def generator_input(
        self,
        inputs: Inputs,
        result: WarpResult,
        cloth_region: Tensor | None = None,
    ) -> Tensor:
        """Concatenate photograph, warped cloth and its mask.

        Args: see :meth:`TryOnModel.generator_input`; ``cloth_region`` is not
        used.

        Returns:
            Tensor: (B, 3 + 3 + 1, H, W).
        """
        return torch.cat(
            [inputs['person'], result.warped_cloth, result.warped_mask], dim=1
        )

    def kept_photograph(self, inputs: Inputs) -> Tensor:
        """Return the photograph, (B, 3, H, W), RGB in [-1, 1]."""
        return inputs['person']

    def loss(self, inputs: Inputs) -> Losses:
        """Compute W + D, and with a generator G.

        Args and Returns: see :meth:`TryOnModel.loss`, with the persons
        (B, 3, H, W) in their own clothes; ``distill_share`` is returned too,
        see :class:`AdjustableDistillation`.

        Raises:
            UserError: The student has no tutor, or a loss is missing.
        """
        if self.teacher is None:
            raise UserError(
                'a student is trained with its tutor, and there is none: set '
                'model.teacher and model.teacher_checkpoint, and call '
                'init_weights() before'
            )
        person = inputs['person']
        worn_mask = person_cloth_mask(
            inputs['parse'], inputs.get('cloth_class')
        )
        person_clothes = person * worn_mask
        taught = self.teacher.module.teach(inputs)
        # the tutor's image replaces the photograph, which is the target
        student_inputs = inputs | {'person': taught.image}
        result = self.warp_net(
            self.condition(student_inputs),
            inputs['cloth'],
            inputs['cloth_mask'],
        )
        losses = self._loss('warp_loss')(result, person_clothes, worn_mask)
        if self.distillation is not None:
            losses |= self.distillation(result, taught.paired, person_clothes)
        losses = self._weight_warp(losses)
        if self.generator is None:
            return losses
        generator_input = self.generator_input(student_inputs, result)
        composition = self._compose(
            generator_input, result, worn_mask, taught.image
        )
        losses |= self._loss('try_on_loss')(composition, person)
        if self.skin_loss is not None:
            skin_mask = taught.unpaired_mask * (1 - worn_mask)
            losses |= self.skin_loss(composition.rendered, person, skin_mask)
        if self.changed_loss is not None:
            losses |= self.changed_loss(
                composition, worn_mask, taught.unpaired_mask
            )
        return losses


def prepare_teacher(teacher: nn.Module) -> Frozen:
    """Copy a tutor, frozen and with fused layers (:mod:`.layer_fusion`)."""
    return Frozen(fuse(teacher).to(memory_format=torch.channels_last))


def _copy_shared(
    source: nn.Module, target: nn.Module, exclude: Sequence[str]
) -> None:
    """Copy weights and statistics whose name contains none of ``exclude``."""
    shared = {
        name: value
        for name, value in source.state_dict().items()
        if not any(part in name for part in exclude)
    }
    target.load_state_dict(shared, strict=False)
