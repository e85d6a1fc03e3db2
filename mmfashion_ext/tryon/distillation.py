# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Adjustable distillation: imitate the tutor where it warps better."""

from collections.abc import Sequence
from typing import Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor

from ..errors import UserError
from ..registry import MODELS
from .perceptual import exact
from .warp_net import WarpResult


@MODELS.register_module()
class AdjustableDistillation(BaseModule):
    """Distillation loss D of the tutor's features and flows, per sample.

    w_b = 1 if the tutor's warped cloth is nearer to the worn one than the
    student's (mean |x - person_clothes|, strictly), else 0; K = sum_b w_b, at
    least 1; both over the batch of one process. With N scales n = 0 ... N - 1,

    D = sum_n (N - n) * feature_weight / K * sum_b w_b mean (K'_n - K_n)^2
      + sum over n in flow_scales of
        (n + 1) * flow_weight / K * sum_b w_b mean |G'_n - G_n|

    with the condition features K_n (B, C, h, w) and the grids G_n (B, 2, h, w)
    of the student and, primed, of the tutor, which receives no gradient. Means
    are over a sample's channels and pixels; |.| is the Euclidean length of the
    two components of a flow.

    Args:
        selection (str): ``'adjustable'``, or ``'fixed'``: w_b = 1 always.
        feature_weight (float): Weight of the features; 0 omits the term.
        flow_weight (float): Weight of the flows; 0 omits the term.
        flow_scales (Sequence[int]): n, coarse to fine from 0.

    Raises:
        UserError: Another selection.
    """

    def __init__(
        self,
        selection: Literal['adjustable', 'fixed'] = 'adjustable',
        feature_weight: float = 0.04,
        flow_weight: float = 1.0,
        flow_scales: Sequence[int] = (2, 3, 4),
    ) -> None:
        super().__init__()
        if selection not in ('adjustable', 'fixed'):
            raise UserError(
                "AdjustableDistillation.selection must be 'adjustable' or "
                f"'fixed', got {selection!r}; without distillation set "
                'model.distillation=None'
            )
        self.selection = selection
        self.feature_weight = feature_weight
        self.flow_weight = flow_weight
        self.flow_scales = tuple(flow_scales)

    def forward(
        self, student: WarpResult, teacher: WarpResult, person_clothes: Tensor
    ) -> dict[str, Tensor]:
        """Compute the two terms of D.

        Args:
            student (WarpResult): Warp of the worn garment.
            teacher (WarpResult): Warp of the same garment; of its warped
                cloths only the finest is needed.
            person_clothes (Tensor): (B, 3, H, W), RGB in [-1, 1], the image
                of the person, 0 outside the worn upper garment.

        Returns:
            dict[str, Tensor]: ``loss_distill_feature``,
            ``loss_distill_flow``, and ``distill_share``, the share of
            samples with w_b = 1, 0-1.
        """
        selected = self._select(student, teacher, person_clothes)
        weights = selected / selected.sum().clamp(min=1)
        result = {'distill_share': selected.mean()}
        if self.feature_weight:
            pairs = zip(
                student.condition_features,
                teacher.condition_features,
                strict=True,
            )
            num = len(student.condition_features)
            result['loss_distill_feature'] = self.feature_weight * sum(
                (num - n) * (weights * _squared_distance(*pair)).sum()
                for n, pair in enumerate(pairs)
            )
        if self.flow_weight:
            result['loss_distill_flow'] = self.flow_weight * sum(
                (n + 1)
                * (
                    weights
                    * _flow_distance(student.grids[n], teacher.grids[n])
                ).sum()
                for n in self.flow_scales
            )
        return result

    @torch.no_grad()
    def _select(
        self, student: WarpResult, teacher: WarpResult, target: Tensor
    ) -> Tensor:
        """Return w, (B,) float, 0 or 1."""
        if self.selection == 'fixed':
            return exact(target).new_ones(len(target))
        teacher_error = _error(teacher.warped_cloth, target)
        student_error = _error(student.warped_cloth, target)
        return (teacher_error < student_error).to(student_error)


def _error(image: Tensor, target: Tensor) -> Tensor:
    """Compute the mean absolute difference of each sample, (B,)."""
    return (exact(image) - exact(target)).abs().flatten(1).mean(1)


def _squared_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Compute the mean squared difference of each sample, (B,)."""
    difference = exact(student) - exact(teacher.detach())
    return difference.square().flatten(1).mean(1)


def _flow_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Compute the mean length of each sample's flow differences, (B,)."""
    difference = exact(student) - exact(teacher.detach())
    return torch.linalg.vector_norm(difference, dim=1).flatten(1).mean(1)
