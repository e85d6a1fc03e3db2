# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mask head with one mask for each group of categories."""

from collections.abc import Sequence
from typing import Any

from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from torch import Tensor

from ..registry import MODELS


@MODELS.register_module()
class GroupMaskHead(FCNMaskHead):
    """FCNMaskHead whose categories share the masks of their group.

    It predicts (R, G, h, w), one mask for each of the G groups.

    A long and a short sleeved shirt are cut out by the same rule: with one
    mask for both, each learns from all items of the group. Fewer than with a
    mask for all (``class_agnostic``) are mixed up where a jacket and the
    dress under it have nearly the same box.

    Args:
        category_groups (Sequence[int]): Group 0..G-1 of each category.
        **kwargs: Arguments of ``FCNMaskHead``, without ``num_classes``.
    """

    def __init__(self, category_groups: Sequence[int], **kwargs: Any) -> None:
        kwargs.pop('num_classes', None)
        super().__init__(num_classes=max(category_groups) + 1, **kwargs)
        self.num_classes = len(category_groups)
        self.category_groups = list(category_groups)

    def forward(self, x: Tensor) -> Tensor:
        """Predict the masks of all categories.

        Args:
            x (Tensor): (R, in_channels, h, w) RoI features.

        Returns:
            Tensor: (R, C, 2h, 2w) logits; the same for categories of a group.
        """
        return super().forward(x)[:, self.category_groups]
