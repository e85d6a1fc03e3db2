# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Test-time augmentation of boxes, masks and landmarks."""

import torch
from mmcv.ops import batched_nms
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox_flip, bbox_overlaps
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from torch import Tensor

from ..errors import UserError
from ..formats.deepfashion2.constants import flip_indices
from ..registry import MODELS


@MODELS.register_module()
class ClothesTTAModel(BaseTTAModel):
    """Merge the predictions of several views (mirrored, scaled) of an image.

    Views are mirrored back; non-maximum suppression keeps the best item of
    those that overlap. Masks are those of the kept item, its landmarks are
    averaged, weighted by their scores, over the best overlapping item of the
    same category in every view.

    Args:
        nms (dict): Config of the suppression between views.
        max_per_img (int): Most items kept.
        same_item_iou (float): Least overlap (IoU, 0-1) of two views' items
            whose landmarks are averaged.
        **kwargs: Arguments of ``BaseTTAModel``.
    """

    def __init__(
        self,
        nms: dict,
        max_per_img: int = 100,
        same_item_iou: float = 0.7,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.nms = nms
        self.max_per_img = max_per_img
        self.same_item_iou = same_item_iou
        # not a buffer, which would join the state dict of the wrapped model
        self.flip_indices = torch.from_numpy(flip_indices())

    def merge_preds(
        self, data_samples_list: list[list[DetDataSample]]
    ) -> list[DetDataSample]:
        """Merge the views of each image.

        Args:
            data_samples_list (list[list[DetDataSample]]): For each image its
                views: ``bboxes`` (n, 4) xyxy and landmarks (n, 294, 2) in px
                of the original, possibly mirrored image.

        Returns:
            list[DetDataSample]: One per image; not mirrored.

        Raises:
            UserError: A view is flipped vertically.
        """
        return [self._merge(views) for views in data_samples_list]

    def _merge(self, data_samples: list[DetDataSample]) -> DetDataSample:
        views = [self._unflip(data_sample) for data_sample in data_samples]
        merged = InstanceData.cat(views)
        if len(merged):
            _, keep = batched_nms(
                merged.bboxes, merged.scores, merged.labels, self.nms
            )
            merged = merged[keep[: self.max_per_img]]
        if 'keypoints' in merged and len(merged):
            merged.keypoints, merged.keypoint_scores = self._average(
                merged, views
            )
        result = data_samples[0]
        result.pred_instances = merged
        return result

    def _unflip(self, data_sample: DetDataSample) -> InstanceData:
        """Return the predictions of a view in the unmirrored image."""
        instances = data_sample.pred_instances
        if not data_sample.get('flip', False):
            return instances
        if data_sample.flip_direction != 'horizontal':
            raise UserError(
                'landmarks can only be mirrored horizontally, got a view '
                f'flipped {data_sample.flip_direction!r}; change the '
                'RandomFlipClothes of tta_pipeline'
            )
        instances = instances.clone()
        instances.bboxes = bbox_flip(instances.bboxes, data_sample.ori_shape)
        if 'masks' in instances:
            instances.masks = instances.masks.flip(-1)
        if 'keypoints' in instances:
            index = self.flip_indices.to(instances.keypoints.device)
            keypoints = instances.keypoints[:, index]
            keypoints[..., 0] = data_sample.ori_shape[1] - keypoints[..., 0]
            instances.keypoints = keypoints
            instances.keypoint_scores = instances.keypoint_scores[:, index]
        return instances

    def _average(
        self, merged: InstanceData, views: list[InstanceData]
    ) -> tuple[Tensor, Tensor]:
        """Average landmarks (n, 294, 2) and scores (n, 294) over the views."""
        total = torch.zeros_like(merged.keypoints)
        weight = torch.zeros_like(merged.keypoint_scores)
        num_views = torch.zeros_like(merged.scores)
        for view in views:
            if not len(view):
                continue
            iou = bbox_overlaps(merged.bboxes, view.bboxes)
            iou *= merged.labels[:, None] == view.labels
            best_iou, best = iou.max(dim=1)
            use = (best_iou >= self.same_item_iou).to(weight)
            scores = view.keypoint_scores[best] * use[:, None]
            total += view.keypoints[best] * scores[..., None]
            weight += scores
            num_views += use
        average = total / weight[..., None].clamp(min=1e-12)
        return average, weight / num_views[:, None].clamp(min=1)
