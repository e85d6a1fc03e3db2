# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Match R-CNN's RoI head: mmdet's, with a landmark stream beside it."""

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.models.utils import unpack_gt_instances
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import ConfigType, InstanceList
from torch import Tensor

from ..registry import MODELS


@MODELS.register_module()
class MatchRoIHead(StandardRoIHead):
    """Box, mask and landmark streams on shared features (section 4.1).

    Args:
        landmark_head (dict, optional): Config of the landmark head. Without
            it this is mmdet's ``StandardRoIHead``.
        landmark_roi_extractor (dict, optional): Config of its RoI extractor.
            None: the mask stream's, whose features are read once for both.
        **kwargs: Arguments of ``StandardRoIHead``.
    """

    def __init__(
        self,
        *,
        landmark_head: ConfigType | None = None,
        landmark_roi_extractor: ConfigType | None = None,
        **kwargs: ConfigType,
    ) -> None:
        super().__init__(**kwargs)
        self.landmark_head = landmark_head and MODELS.build(landmark_head)
        self.landmark_roi_extractor = landmark_roi_extractor and MODELS.build(
            landmark_roi_extractor
        )

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of all streams: L_cls, L_box, L_mask, L_pose.

        Args:
            x (tuple[Tensor]): Multi-level features.
            rpn_results_list (list[InstanceData]): Proposals of each image.
            batch_data_samples (list[DetDataSample]): Ground truth; the
                landmark stream reads ``gt_instances.keypoints`` (N, 294, 2)
                px and ``gt_instances.keypoints_visible`` (N, 294).

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_bbox``, ``acc`` and, as
            there are heads for them, ``loss_mask`` and ``loss_landmark``.
        """
        gt_instances, gt_ignored, _ = unpack_gt_instances(batch_data_samples)
        samples = self.sample_rois(
            x, rpn_results_list, gt_instances, gt_ignored
        )
        boxes = self.bbox_loss(x, samples)
        losses = dict(boxes['loss_bbox'])
        feats = None
        if self.with_mask:
            masks = self.mask_loss(
                x, samples, boxes['bbox_feats'], gt_instances
            )
            losses.update(masks['loss_mask'])
            feats = masks['mask_feats']
        if self.landmark_head:
            if self.landmark_roi_extractor:
                rois = [sample.pos_priors for sample in samples]
                feats = self._landmark_feats(x, rois)
            losses.update(self.landmark_loss(feats, samples, gt_instances))
        return losses

    def sample_rois(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        gt_instances: InstanceList,
        gt_ignored: InstanceList,
    ) -> list[SamplingResult]:
        """Assign proposals to items and sample RoIs, as mmdet does."""
        samples = []
        for i, proposals in enumerate(rpn_results_list):
            proposals.priors = proposals.pop('bboxes')
            assigned = self.bbox_assigner.assign(
                proposals, gt_instances[i], gt_ignored[i]
            )
            features = [level[i][None] for level in x]
            samples.append(
                self.bbox_sampler.sample(
                    assigned, proposals, gt_instances[i], feats=features
                )
            )
        return samples

    def landmark_loss(
        self,
        feats: Tensor,
        samples: list[SamplingResult],
        gt_instances: InstanceList,
    ) -> dict[str, Tensor]:
        """Train the landmarks of the positive RoIs whose item has any.

        Args:
            feats (Tensor): (R, C, 14, 14) features of the positive RoIs of
                all images, one image after the other.
            samples (list[SamplingResult]): RoIs of each image.
            gt_instances (list[InstanceData]): Items of each image.

        Returns:
            dict[str, Tensor]: ``loss_landmark``.
        """
        rois = torch.cat([sample.pos_priors for sample in samples])
        labels = torch.cat([sample.pos_gt_labels for sample in samples])
        keypoints, visible = (
            torch.cat(
                [
                    items[name][sample.pos_assigned_gt_inds]
                    for sample, items in zip(
                        samples, gt_instances, strict=True
                    )
                ]
            )
            for name in ('keypoints', 'keypoints_visible')
        )
        useful = (visible > 0).any(dim=1)
        return self.landmark_head.loss(
            feats[useful],
            rois[useful],
            labels[useful],
            keypoints[useful],
            visible[useful],
        )

    def _landmark_feats(
        self, x: tuple[Tensor, ...], boxes: list[Tensor]
    ) -> Tensor:
        """RoI features of boxes, one (n, 4) xyxy tensor per image."""
        extractor = self.landmark_roi_extractor or self.mask_roi_extractor
        return extractor(x[: extractor.num_inputs], bbox2roi(boxes))

    def predict(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> InstanceList:
        """Detect items, then read masks and landmarks off the kept boxes.

        Args:
            x (tuple[Tensor]): Multi-level features.
            rpn_results_list (list[InstanceData]): Proposals of each image.
            batch_data_samples (list[DetDataSample]): Image meta data.
            rescale (bool): Give results in pixels of the original image
                rather than the network's input.

        Returns:
            list[InstanceData]: What mmdet's head gives, and ``keypoints``
            (n, 294, 2) px, ``keypoint_scores`` (n, 294) 0-1 and
            ``keypoints_in_class`` (n, 294) bool.
        """
        results = super().predict(
            x, rpn_results_list, batch_data_samples, rescale
        )
        if not self.landmark_head:
            return results
        boxes = []
        for result, data_sample in zip(
            results, batch_data_samples, strict=True
        ):
            scale = data_sample.scale_factor if rescale else (1.0, 1.0)
            boxes.append(
                result.bboxes * result.bboxes.new_tensor([*scale] * 2)
            )
        feats = self._landmark_feats(x, boxes).split(
            [len(result) for result in results]
        )
        for result, roi_feats in zip(results, feats, strict=True):
            # landmarks are linear in the box: decoding in the box as it
            # stands gives them in the same pixels
            landmarks = self.landmark_head.predict(
                roi_feats, result.bboxes, result.labels
            )
            result.set_data(landmarks)
        return results
