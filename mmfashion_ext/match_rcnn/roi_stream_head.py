# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Base class of the heads that MatchRoIHead runs, and what they read.

A head is one stream of Match R-CNN: it reads RoI features, returns losses in
training and adds fields to the predictions at test time. ``MatchRoIHead`` has
mmdet's box and mask heads and loops over the others; a head of one's own is a
subclass of :class:`RoIStreamHead`, named in the config's ``heads``.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import InstanceList
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..errors import UserError

#: What gives the ground truth of these heads.
_REMEDY = (
    'in the train_pipeline, use mmfashion_ext.LoadClothes in place of '
    'LoadAnnotations (with_mask=True for a mask head) and '
    'mmfashion_ext.PackClothes in place of PackDetInputs'
)


class RoIFeatures:
    """Read RoI features from the feature maps of a batch.

    The features of one list of boxes are read once per RoI extractor, so
    streams that share an extractor share its features.

    Args:
        x (tuple[Tensor]): Feature maps (B, C, H_l, W_l) of each level l.
        extractors (Mapping[str, nn.Module]): Name of a RoI feature
            (``'class'``, ``'mask'``, ``'pose'`` ...) -> its RoI extractor.
    """

    def __init__(
        self, x: tuple[Tensor, ...], extractors: Mapping[str, nn.Module]
    ) -> None:
        self.x = x
        self.extractors = extractors
        self._last: dict[nn.Module, tuple[list[Tensor], Tensor]] = {}

    def read(self, name: str, boxes: list[Tensor]) -> Tensor:
        """Return the RoI features of boxes.

        Args:
            name (str): A key of ``extractors``.
            boxes (list[Tensor]): (n, 4) xyxy px of the network's input, one
                tensor per image.

        Returns:
            Tensor: (R, C, h, w), the RoIs of all images one after the other.
        """
        extractor = self.extractors[name]
        boxes_read, feats = self._last.get(extractor, (None, None))
        if boxes_read is not boxes:
            feats = extractor(self.x[: extractor.num_inputs], bbox2roi(boxes))
            self.keep(name, boxes, feats)
        return feats

    def keep(self, name: str, boxes: list[Tensor], feats: Tensor) -> None:
        """Remember features (R, C, h, w) of this very list of boxes."""
        self._last[self.extractors[name]] = boxes, feats


@dataclass
class TrainingRoIs:
    """RoIs and ground truth of a training batch of B images.

    Attributes:
        proposals (list[Tensor]): (P, 4) xyxy px of the network's input for
            each image, as the RPN proposed them.
        data_samples (list[DetDataSample]): Ground truth of each image:
            ``gt_instances`` and the metainfo.
        sampled (list[SamplingResult]): RoIs of each image that the box head
            is trained with; empty if none were sampled.
    """

    proposals: list[Tensor]
    data_samples: SampleList
    sampled: list[SamplingResult]

    @property
    def gt_instances(self) -> InstanceList:
        """Ground-truth items of each image, ``bboxes`` (N, 4) xyxy px."""
        return [sample.gt_instances for sample in self.data_samples]

    @cached_property
    def positive_boxes(self) -> list[Tensor]:
        """Positive RoIs of each image, (n, 4) xyxy px of the input."""
        return [sampling.pos_priors for sampling in self.sampled]

    def positive_targets(self, field: str) -> Tensor:
        """Return a field of the item that each positive RoI is assigned to.

        Args:
            field (str): Name of a field (N, ...) of ``gt_instances``.

        Returns:
            Tensor: (R, ...), the RoIs of all images one after the other.

        Raises:
            UserError: The ground truth lacks the field.
        """
        require_fields(self.data_samples, field)
        return torch.cat(
            [
                items[field][sampling.pos_assigned_gt_inds]
                for sampling, items in zip(
                    self.sampled, self.gt_instances, strict=True
                )
            ]
        )


def require_fields(data_samples: SampleList, *fields: str) -> None:
    """Check that the ground truth has what a head is trained with.

    Args:
        data_samples (list[DetDataSample]): Ground truth of each image.
        *fields (str): Names of fields of ``gt_instances``.

    Raises:
        UserError: An image lacks one.
    """
    for sample in data_samples:
        lacking = [name for name in fields if name not in sample.gt_instances]
        if lacking:
            raise UserError(
                f'{sample.get("img_path")}: the ground truth has no '
                f'{", ".join(lacking)}, got '
                f'{", ".join(sorted(sample.gt_instances.keys()))}; {_REMEDY}'
            )


class RoIStreamHead(BaseModule):
    """Base class of a head that learns from and predicts on RoI features.

    RoI features are (R, C, h, w) of the R RoIs of a batch.

    Attributes:
        roi_features (tuple[str, ...]): Names of the RoI features that the
            head reads: ``'class'`` (7 x 7, of the box head), ``'mask'``,
            ``'pose'`` (14 x 14), or one that the config adds to
            ``roi_extractors`` of ``MatchRoIHead``.
        num_classes (int, optional): Categories that the box head must have,
            since the head knows what each is. None: any number.
    """

    roi_features: tuple[str, ...] = ('class',)
    num_classes: int | None = None

    @abstractmethod
    def loss(
        self, feats: RoIFeatures, rois: TrainingRoIs
    ) -> dict[str, Tensor]:
        """Compute the losses of a batch.

        Args:
            feats (RoIFeatures): Reads features of any boxes.
            rois (TrainingRoIs): RoIs (P, 4) xyxy px of each image, and the
                items they are assigned to.

        Returns:
            dict[str, Tensor]: Scalars. Those whose name holds ``loss`` are
            added up; they must have a gradient for every parameter, also if
            there is nothing to learn from.
        """

    @abstractmethod
    def add_predictions(
        self,
        feats: RoIFeatures,
        boxes: list[Tensor],
        results: InstanceList,
        data_samples: SampleList,
    ) -> None:
        """Add fields to the detections of each image, in place.

        Args:
            feats (RoIFeatures): Reads features of any boxes.
            boxes (list[Tensor]): (n, 4) xyxy px of the network's input, the
                detected boxes of each image.
            results (list[InstanceData]): Detections of each image, with
                ``bboxes`` (n, 4) xyxy px as the caller of ``predict`` asked
                for them, ``scores`` (n,) and ``labels`` (n,).
            data_samples (list[DetDataSample]): Images; for metainfo.
        """
