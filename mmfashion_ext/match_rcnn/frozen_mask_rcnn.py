# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Training the match network alone, on a detector that stays as it is."""

from typing import Any

import torch
from mmdet.models.detectors import MaskRCNN
from mmdet.structures import SampleList
from torch import Tensor

from ..registry import MODELS


@MODELS.register_module()
class FrozenMaskRCNN(MaskRCNN):
    """Mask R-CNN of which only the match head learns.

    The published training is end to end (``type='MaskRCNN'``). This one is
    for a detector that is trained already: its weights come from
    ``load_from``, it stays in evaluation mode, gets no gradient and no loss
    of its own, and detects with other weights of a match head exactly what
    it detected before.

    Args:
        **kwargs: Arguments of ``MaskRCNN``; ``roi_head`` must be a
            ``MatchRoIHead`` with a ``match_head``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if getattr(self.roi_head, 'match_head', None) is None:
            raise ValueError(
                'FrozenMaskRCNN has nothing to train: roi_head must be a '
                'mmfashion_ext.MatchRoIHead with a match_head'
            )
        self.requires_grad_(False)
        self.roi_head.match_head.requires_grad_(True)

    def train(self, mode: bool = True) -> 'FrozenMaskRCNN':
        """Set the mode of the match head; the rest only evaluates."""
        super().train(False)
        self.training = mode
        self.roi_head.match_head.train(mode)
        return self

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """The loss of the match head.

        Args:
            batch_inputs (Tensor): (N, 3, H, W) normalised images.
            batch_data_samples (list[DetDataSample]): Ground truth.

        Returns:
            dict[str, Tensor]: See ``MatchRoIHead.match_loss``.
        """
        with torch.no_grad():
            x = self.extract_feat(batch_inputs)
            proposals = self.rpn_head.predict(
                x, batch_data_samples, rescale=False
            )
        return self.roi_head.match_loss(
            x, [proposed.bboxes for proposed in proposals], batch_data_samples
        )
