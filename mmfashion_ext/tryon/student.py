# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The student: virtual try-on without a parser."""

from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.logging import MessageHub
from torch import Tensor, nn

from ..errors import UserError
from ..registry import MODELS
from ..utils.checkpoint import load_weights
from ..utils.sources import is_url
from .conditions import person_cloth_mask
from .frozen import Frozen
from .layer_fusion import fuse
from .tryon_model import Inputs, Losses, TryOnModel
from .warp_net import WarpResult


@MODELS.register_module()
class ParserFreeTryOn(TryOnModel):
    """The student, PF-AFN: reads the photograph and the garment only.

    Warp stage: loss = W + D, the warp of the paired garment on the *tutor's*
    picture, and the distillation of the tutor's warp. End to end: 0.25 (W + D)
    + G, with the skin terms in G. Arguments beyond those of
    :class:`TryOnModel` matter in training only.

    Args:
        teacher (dict, optional): :class:`ParserBasedTryOn`, its networks.
        teacher_checkpoint (str, optional): Its weights, read when training
            starts. They are not part of the student's checkpoints.
        start_from_teacher (bool): Copy the tutor's cloth encoder, cloth
            pyramid and main flow heads before training.
        distillation (dict, optional): :class:`AdjustableDistillation`. None:
            the student learns from W alone.
        skin_loss (dict, optional): :class:`SkinLoss`.
    """

    #: parts of the warp network that do not come from the tutor
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
        **kwargs: object,
    ) -> None:
        super().__init__(warp_net, **kwargs)
        self.teacher = None  # built when training starts
        self.teacher_cfg = teacher
        self.teacher_checkpoint = teacher_checkpoint
        self.start_from_teacher = start_from_teacher
        self.distillation = distillation and MODELS.build(distillation)
        self.skin_loss = self._build_loss(skin_loss)

    def init_weights(self) -> None:
        """Build the teacher, and start from its weights if so wished.

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
                f'model.teacher_checkpoint: {path!r} is no file, and a '
                'student learns from a tutor. Train the pb-afn_e2e config '
                'first, or give its checkpoint by --cfg-options '
                'model.teacher_checkpoint=PATH'
            )
        teacher = MODELS.build(self.teacher_cfg)
        load_weights(teacher, path, 'model.teacher')
        if self.start_from_teacher:
            _copy_shared(teacher.warp_net, self.warp_net, self.NEW_PARTS)
        self.teacher = prepare_teacher(teacher).to(
            next(self.warp_net.parameters()).device
        )

    def condition(self, inputs: Inputs) -> Tensor:
        """The photograph itself, (B, 3, H, W)."""
        return inputs['person']

    def generator_input(
        self,
        inputs: Inputs,
        result: WarpResult,
        arms_under: Tensor | None = None,
    ) -> Tensor:
        """Photograph, warped cloth and mask: 7 channels."""
        return torch.cat(
            [inputs['person'], result.warped_cloth, result.warped_mask], dim=1
        )

    def loss(self, inputs: Inputs) -> Losses:
        """W + D, and with a generator G."""
        tutoring = self.teacher.module.tutor(inputs)
        # the student sees the tutor's picture in place of the photograph
        seen = inputs | {'person': tutoring.image}
        result = self.warp_net(
            self.condition(seen), inputs['cloth'], inputs['cloth_mask']
        )
        losses = self._warp_losses(inputs, result)
        worn = person_cloth_mask(inputs['parse'])
        if self.distillation is not None:
            person_clothes = inputs['person'] * worn
            losses |= self._weighted(
                self.distillation(result, tutoring.paired, person_clothes)
            )
        if self.generator is None:
            return losses
        composition = self._compose_paired(
            inputs, result, self.generator_input(seen, result)
        )
        losses |= self.try_on_loss(composition, inputs['person'])
        if self.skin_loss is not None:
            skin = tutoring.unpaired_mask * (1 - worn)
            epoch = MessageHub.get_current_instance().get_info('epoch', 0)
            late = epoch + 1 >= self.skin_loss.switch_epoch
            losses |= self.skin_loss(
                composition.rendered, inputs['person'], skin, late
            )
        return losses


def prepare_teacher(teacher: nn.Module) -> Frozen:
    """A copy of a tutor that only teaches, with less work (:mod:`.fuse`)."""
    return Frozen(fuse(teacher).to(memory_format=torch.channels_last))


def _copy_shared(
    source: nn.Module, target: nn.Module, left_out: Sequence[str]
) -> None:
    """Copy weights and statistics whose name has none of ``left_out``."""
    shared = {
        name: value
        for name, value in source.state_dict().items()
        if not any(part in name for part in left_out)
    }
    target.load_state_dict(shared, strict=False)
