# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The student follows its tutor where the tutor is better."""

from collections.abc import Sequence
from typing import Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor

from ..registry import MODELS
from .perceptual import exact
from .warp_net import WarpResult


@MODELS.register_module()
class AdjustableDistillation(BaseModule):
    """D: the tutor's features and flows of the same garment, per sample.

    w_b = 1 if the tutor's warped cloth is nearer to the worn one than the
    student's (mean |x - person_clothes|, strictly), else 0; K = sum_b w_b, at
    least 1; both of the batch of one process. Of N scales n = 0 ... N - 1,

    D = sum_n (N - n) * feature_weight / K * sum_b w_b mean (K'_n - K_n)^2
      + sum over n in flow_scales of
        (n + 1) * flow_weight / K * sum_b w_b mean |G'_n - G_n|

    with the condition features K_n and the grids G_n of the student and, with
    a dash, of the tutor, which receives no gradient. Means are over a
    sample's channels and pixels; |.| is the Euclidean length of the two
    components of a flow.

    Args:
        selection (str): ``'adjustable'``, or ``'fixed'``: w_b = 1 always.
        feature_weight (float): 0: no features.
        flow_weight (float): 0: no flows.
        flow_scales (Sequence[int]): n, coarse to fine from 0.
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
            raise ValueError(
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
        """The two terms of D.

        Args:
            student (WarpResult): Of the garment truly worn.
            teacher (WarpResult): Of the same garment; of its warped cloths
                only the finest is needed.
            person_clothes (Tensor): (B, 3, H, W), the picture of the person,
                0 outside the clothes.

        Returns:
            dict[str, Tensor]: ``loss_distill_feature``,
            ``loss_distill_flow``, and ``distill_share``, the share of
            samples with w_b = 1, 0-1.
        """
        selected = self._select(student, teacher, person_clothes)
        share = selected / selected.sum().clamp(min=1)
        result = {'distill_share': selected.mean()}
        if self.feature_weight:
            pairs = zip(
                student.condition_features,
                teacher.condition_features,
                strict=True,
            )
            num = len(student.condition_features)
            result['loss_distill_feature'] = self.feature_weight * sum(
                (num - n) * (share * _squared_distance(*pair)).sum()
                for n, pair in enumerate(pairs)
            )
        if self.flow_weight:
            result['loss_distill_flow'] = self.flow_weight * sum(
                (n + 1)
                * (
                    share * _flow_distance(student.grids[n], teacher.grids[n])
                ).sum()
                for n in self.flow_scales
            )
        return result

    @torch.no_grad()
    def _select(
        self, student: WarpResult, teacher: WarpResult, target: Tensor
    ) -> Tensor:
        """w, (B,) of 0. and 1."""
        if self.selection == 'fixed':
            return exact(target).new_ones(len(target))
        theirs = _error(teacher.warped_cloth, target)
        own = _error(student.warped_cloth, target)
        return (theirs < own).to(own)


def _error(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of each sample, (B,)."""
    return (exact(picture) - exact(target)).abs().flatten(1).mean(1)


def _squared_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over channels and pixels of each sample, (B,)."""
    difference = exact(student) - exact(teacher.detach())
    return difference.square().flatten(1).mean(1)


def _flow_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean length of a difference of flows of each sample, (B,)."""
    difference = exact(student) - exact(teacher.detach())
    return torch.linalg.vector_norm(difference, dim=1).flatten(1).mean(1)
