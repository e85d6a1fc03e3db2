# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mask R-CNN with frozen weights, of which only the match head trains."""

from collections.abc import Sequence
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
    """Frozen Mask R-CNN of which only the heads that compare garments train.

    The published training is end to end (``type='MaskRCNN'``). This one is
    for a detector that is trained already: its weights come from
    ``load_from``. It stays in evaluation mode and has neither gradients nor
    losses, so its detections do not change while the match head trains on
    images (N, 3, H, W).

    Args:
        trained (Sequence[str]): Names of the streams that train; ``match`` is
            the ``match_head``, others are in ``heads`` of ``MatchRoIHead``.
        **kwargs: Arguments of ``MaskRCNN``; ``roi_head`` must be a
            ``MatchRoIHead`` with a ``match_head``.

    Raises:
        UserError: There is no match head, or no other stream that is named.
    """

    def __init__(
        self, trained: Sequence[str] = ('match',), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.trained = tuple(trained)
        streams = getattr(self.roi_head, 'streams', {})
        if not self.trained or not {*self.trained} <= {*streams}:
            raise UserError(
                'FrozenMaskRCNN has nothing to train: model.roi_head must '
                'be a mmfashion_ext.MatchRoIHead with a match_head, or with '
                f'the heads {", ".join(self.trained)} that are to be trained'
            )
        self.requires_grad_(False)
        for name in self.trained:
            streams[name].requires_grad_(True)

    def train(self, mode: bool = True) -> 'FrozenMaskRCNN':
        """Set the mode of the trained heads; the detector stays in eval."""
        super().train(False)
        self.training = mode
        for name in self.trained:
            self.roi_head.streams[name].train(mode)
        return self

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Compute the losses of the trained heads.

        Args:
            batch_inputs (Tensor): (N, 3, H, W) normalised images.
            batch_data_samples (list[DetDataSample]): Ground truth.

        Returns:
            dict[str, Tensor]: See ``loss_by_feat`` of the heads.
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
        losses: dict[str, Tensor] = {}
        for name in self.trained:
            losses.update(self.roi_head.streams[name].loss(feats, rois))
        return losses
