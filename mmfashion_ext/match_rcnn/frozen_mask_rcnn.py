# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mask R-CNN with frozen weights, of which only the match head trains."""

from typing import Any

import torch
from mmdet.models.detectors import MaskRCNN
from mmdet.structures import SampleList
from torch import Tensor

from ..errors import UserError
from ..registry import MODELS
from .roi_stream_head import RoIFeatures, TrainingRoIs


@MODELS.register_module()
class FrozenMaskRCNN(MaskRCNN):
    """Frozen Mask R-CNN of which only the match head trains.

    The published training is end to end (``type='MaskRCNN'``). This one is
    for a detector that is trained already: its weights come from
    ``load_from``. It stays in evaluation mode and has neither gradients nor
    losses, so its detections do not change while the match head trains on
    images (N, 3, H, W).

    Args:
        **kwargs: Arguments of ``MaskRCNN``; ``roi_head`` must be a
            ``MatchRoIHead`` with a ``match_head``.

    Raises:
        UserError: There is no match head.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if getattr(self.roi_head, 'match_head', None) is None:
            raise UserError(
                'FrozenMaskRCNN has nothing to train: model.roi_head must '
                'be a mmfashion_ext.MatchRoIHead with a match_head'
            )
        self.requires_grad_(False)
        self.roi_head.match_head.requires_grad_(True)

    def train(self, mode: bool = True) -> 'FrozenMaskRCNN':
        """Set the mode of the match head; the detector stays in eval mode."""
        super().train(False)
        self.training = mode
        self.roi_head.match_head.train(mode)
        return self

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Compute the loss of the match head.

        Args:
            batch_inputs (Tensor): (N, 3, H, W) normalised images.
            batch_data_samples (list[DetDataSample]): Ground truth.

        Returns:
            dict[str, Tensor]: See ``MatchHead.loss``.
        """
        with torch.no_grad():
            x = self.extract_feat(batch_inputs)
            proposals = self.rpn_head.predict(
                x, batch_data_samples, rescale=False
            )
        rois = TrainingRoIs(
            [proposed.bboxes for proposed in proposals], batch_data_samples, []
        )
        feats = RoIFeatures(x, self.roi_head.roi_extractors)
        return self.roi_head.match_head.loss(feats, rois)
