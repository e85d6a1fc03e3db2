# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Match R-CNN's RoI head: mmdet's, with a landmark stream beside it."""

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.models.utils import unpack_gt_instances
from mmdet.structures import DetDataSample, SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import ConfigType, InstanceList
from mmengine.structures import InstanceData
from torch import Tensor

from ..registry import MODELS
from .match_head import Stream
from .match_roi_sampling import MatchRoIs, choose_match_rois


@MODELS.register_module()
class MatchRoIHead(StandardRoIHead):
    """Box, mask, landmark and match streams on shared features (section 4.1).

    With ``test_cfg=dict(gt_boxes=True)`` the items of ``gt_instances`` (boxes
    in pixels of the original image, labels) take the place of detections, for
    the published numbers "with ground-truth boxes"; their scores are 1.

    Args:
        landmark_head (dict, optional): Config of the landmark head. Without
            it and ``match_head`` this is mmdet's ``StandardRoIHead``.
        landmark_roi_extractor (dict, optional): Config of its RoI extractor.
            None: the mask stream's, whose features are read once for both.
        match_head (dict, optional): Config of the match head.
        **kwargs: Arguments of ``StandardRoIHead``.
    """

    def __init__(
        self,
        *,
        landmark_head: ConfigType | None = None,
        landmark_roi_extractor: ConfigType | None = None,
        match_head: ConfigType | None = None,
        **kwargs: ConfigType,
    ) -> None:
        super().__init__(**kwargs)
        self.match_head = match_head and MODELS.build(match_head)
        self._check_match_streams(landmark_roi_extractor)
        self.landmark_head = landmark_head and MODELS.build(landmark_head)
        self.landmark_roi_extractor = landmark_roi_extractor and MODELS.build(
            landmark_roi_extractor
        )

    def _check_match_streams(self, landmarks: ConfigType | None) -> None:
        """Refuse a feature whose stream reads no RoI features."""
        there = {'class'}
        if self.with_mask:
            there |= {'mask', 'pose'}
        if landmarks:
            there.add('pose')
        wanted = set(self.match_head.streams) if self.match_head else set()
        if missing := sorted(wanted - there):
            raise ValueError(
                f'match_head reads the RoI features of {missing}, but the '
                'RoI head has no such stream: give it a mask_head (or, for '
                "pose, a landmark_roi_extractor) or take feature='class'"
            )

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of all streams: L_cls, L_box, L_mask, L_pose, L_pair.

        Args:
            x (tuple[Tensor]): Multi-level features.
            rpn_results_list (list[InstanceData]): Proposals of each image.
            batch_data_samples (list[DetDataSample]): Ground truth; the
                landmark stream reads ``gt_instances.keypoints`` (N, 294, 2)
                px and ``gt_instances.keypoints_visible`` (N, 294), the match
                stream ``gt_instances.styles`` (N,) and each image's
                ``source`` and ``pair_id``.

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_bbox``, ``acc`` and, as
            there are heads for them, ``loss_mask``, ``loss_landmark``,
            ``loss_match`` and ``match_acc``.
        """
        gt_instances, gt_ignored, _ = unpack_gt_instances(batch_data_samples)
        proposals = [proposed.bboxes for proposed in rpn_results_list]
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
                feats = self._stream_feats(x, rois, 'pose')
            losses.update(self.landmark_loss(feats, samples, gt_instances))
        if self.match_head:
            losses.update(self.match_loss(x, proposals, batch_data_samples))
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

    def match_loss(
        self,
        x: tuple[Tensor, ...],
        proposals: list[Tensor],
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Train the match stream on RoIs of identified items.

        Args:
            x (tuple[Tensor]): Multi-level features.
            proposals (list[Tensor]): (P, 4) xyxy px for each image.
            batch_data_samples (list[DetDataSample]): As in ``loss``.

        Returns:
            dict[str, Tensor]: ``loss_match`` and, if there are pairs,
            ``match_acc``.
        """
        head = self.match_head
        rois: MatchRoIs = choose_match_rois(
            proposals,
            [sample.gt_instances for sample in batch_data_samples],
            batch_data_samples,
            iou_thr=head.roi_iou_thr,
            num=head.rois_per_image,
            with_landmarks='pose' in head.streams,
            fill=head.fill,
        )
        feats = self._match_feats(x, rois.boxes)
        return head.loss(feats, rois.order, rois.identities)

    def _stream_feats(
        self, x: tuple[Tensor, ...], boxes: list[Tensor], stream: Stream
    ) -> Tensor:
        """RoI features of boxes, one (n, 4) xyxy tensor per image."""
        if stream == 'class':
            extractor = self.bbox_roi_extractor
        elif stream == 'pose' and self.landmark_roi_extractor:
            extractor = self.landmark_roi_extractor
        else:
            extractor = self.mask_roi_extractor
        return extractor(x[: extractor.num_inputs], bbox2roi(boxes))

    def _match_feats(
        self, x: tuple[Tensor, ...], boxes: list[Tensor]
    ) -> dict[Stream, Tensor]:
        """The features that the match head reads."""
        return {
            stream: self._stream_feats(x, boxes, stream)
            for stream in self.match_head.streams
        }

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
            list[InstanceData]: What mmdet's head gives, and

            - ``keypoints`` (n, 294, 2) px, ``keypoint_scores`` (n, 294) 0-1
              and ``keypoints_in_class`` (n, 294) bool, with a landmark head;
            - ``match_features`` (n, D), with a match head; each image's
              metainfo then has ``match_similarity``, the ``weight`` (D,) and
              ``bias`` of :class:`~mmfashion_ext.retrieval.pair_similarity.\
PairSimilarity` to compare them with.
        """
        if self.test_cfg.get('gt_boxes', False):
            rpn_results_list = [
                _ground_truth(sample) for sample in batch_data_samples
            ]
        results = super().predict(
            x, rpn_results_list, batch_data_samples, rescale
        )
        boxes = []
        for result, data_sample in zip(
            results, batch_data_samples, strict=True
        ):
            scale = data_sample.scale_factor if rescale else (1.0, 1.0)
            boxes.append(
                result.bboxes * result.bboxes.new_tensor([*scale] * 2)
            )
        if self.landmark_head:
            self._add_landmarks(x, boxes, results)
        if self.match_head:
            self._add_match_features(x, boxes, results, batch_data_samples)
        return results

    def predict_bbox(
        self,
        x: tuple[Tensor, ...],
        batch_img_metas: list[dict],
        rpn_results_list: InstanceList,
        rcnn_test_cfg: ConfigType,
        rescale: bool = False,
    ) -> InstanceList:
        """Detect as mmdet does, or take the ground truth for detections."""
        if not self.test_cfg.get('gt_boxes', False):
            return super().predict_bbox(
                x, batch_img_metas, rpn_results_list, rcnn_test_cfg, rescale
            )
        if rescale:
            for items, meta in zip(
                rpn_results_list, batch_img_metas, strict=True
            ):
                items.bboxes = items.bboxes / items.bboxes.new_tensor(
                    [*meta['scale_factor']] * 2
                )
        return rpn_results_list

    def _add_landmarks(
        self,
        x: tuple[Tensor, ...],
        boxes: list[Tensor],
        results: InstanceList,
    ) -> None:
        """Read landmarks; ``boxes`` are in pixels of the network's input."""
        feats = self._stream_feats(x, boxes, 'pose').split(
            [len(result) for result in results]
        )
        for result, roi_feats in zip(results, feats, strict=True):
            # landmarks are linear in the box: decoding in the box as it
            # stands gives them in the same pixels
            landmarks = self.landmark_head.predict(
                roi_feats, result.bboxes, result.labels
            )
            result.set_data(landmarks)

    def _add_match_features(
        self,
        x: tuple[Tensor, ...],
        boxes: list[Tensor],
        results: InstanceList,
        batch_data_samples: SampleList,
    ) -> None:
        """Read match features; ``boxes`` are in px of the network's input."""
        vectors = self.match_head(self._match_feats(x, boxes)).split(
            [len(result) for result in results]
        )
        similarity = self.match_head.similarity()
        shared = {'weight': similarity.weight, 'bias': similarity.bias}
        for result, features, data_sample in zip(
            results, vectors, batch_data_samples, strict=True
        ):
            result.match_features = features
            data_sample.set_metainfo({'match_similarity': shared})


def _ground_truth(data_sample: DetDataSample) -> InstanceData:
    """Items as if they were detections, in px of the network's input."""
    if 'gt_instances' not in data_sample:
        raise ValueError(
            f'test_cfg.rcnn.gt_boxes: {data_sample.get("img_path")} has no '
            'ground truth; the test pipeline must hold LoadClothes after '
            'the resize'
        )
    items = data_sample.gt_instances
    scale = items.bboxes.new_tensor([*data_sample.scale_factor] * 2)
    return InstanceData(
        bboxes=items.bboxes * scale,
        labels=items.labels,
        scores=torch.ones_like(items.bboxes[:, 0]),
    )
