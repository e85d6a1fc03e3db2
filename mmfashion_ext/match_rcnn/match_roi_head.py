# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""RoI head of Match R-CNN: mmdet's, plus a landmark and a match stream."""

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.models.utils import unpack_gt_instances
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import ConfigType, InstanceList
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ..errors import UserError
from ..registry import MODELS
from .roi_stream_head import (
    RoIFeatures,
    RoIStreamHead,
    TrainingRoIs,
    require_fields,
)

#: Names of heads that are arguments of their own.
_OWN_ARGUMENT = ('bbox', 'mask', 'shared', 'landmark', 'match')


@MODELS.register_module()
class MatchRoIHead(StandardRoIHead):
    """Box, mask, landmark and match streams on shared features (section 4.1).

    Besides mmdet's box and mask heads it has a dict of streams, each a
    :class:`~mmfashion_ext.match_rcnn.roi_stream_head.RoIStreamHead`: the
    landmark head, the match head and those of ``heads``. A stream's weights
    are named ``{name}_head.*``.

    With ``test_cfg=dict(gt_boxes=True)`` the items of ``gt_instances`` (boxes
    (n, 4) xyxy px of the original image, labels) replace the detections, for
    the published numbers "with ground-truth boxes"; their scores are 1.

    Args:
        landmark_head (dict, optional): Config of the landmark head. Without
            it and ``match_head`` this is mmdet's ``StandardRoIHead``.
        landmark_roi_extractor (dict, optional): Config of its RoI extractor.
            None: the mask stream's, whose features are read once for both.
        match_head (dict, optional): Config of the match head.
        heads (dict[str, dict], optional): Name -> config of further heads.
        roi_extractors (dict[str, dict], optional): Name of a RoI feature ->
            config of its RoI extractor, for heads that read other features
            than ``'class'``, ``'mask'`` and ``'pose'``.
        **kwargs: Arguments of ``StandardRoIHead``.

    Raises:
        UserError: A head reads RoI features that no stream has, or needs
            another number of classes than the box or mask head has, a name
            in ``heads`` or ``roi_extractors`` is in use, or two heads write
            the same field.
    """

    def __init__(
        self,
        *,
        landmark_head: ConfigType | None = None,
        landmark_roi_extractor: ConfigType | None = None,
        match_head: ConfigType | None = None,
        heads: dict[str, ConfigType] | None = None,
        roi_extractors: dict[str, ConfigType] | None = None,
        **kwargs: ConfigType,
    ) -> None:
        super().__init__(**kwargs)
        heads = {name: head for name, head in (heads or {}).items() if head}
        _refuse_names('heads', heads, _OWN_ARGUMENT)
        _refuse_names(
            'roi_extractors', roi_extractors, ('class', 'mask', 'pose')
        )
        # the match head first: a seed gives the weights it always gave
        self.match_head = _build_optional(match_head)
        self.landmark_head = _build_optional(landmark_head)
        self.landmark_roi_extractor = _build_optional(landmark_roi_extractor)
        for name, config in heads.items():
            setattr(self, f'{name}_head', MODELS.build(config))
        self.extra_roi_extractors = nn.ModuleDict(
            {
                name: MODELS.build(config)
                for name, config in (roi_extractors or {}).items()
            }
        )
        self.stream_names = ('landmark', 'match', *heads)
        self._check_roi_features()
        self._check_classes()
        self._check_fields()

    @property
    def streams(self) -> dict[str, RoIStreamHead]:
        """Name -> head, in the order in which they run."""
        heads = {
            name: getattr(self, f'{name}_head') for name in self.stream_names
        }
        return {name: head for name, head in heads.items() if head is not None}

    @property
    def roi_extractors(self) -> dict[str, nn.Module]:
        """Name of a RoI feature -> the RoI extractor that reads it."""
        extractors = {'class': self.bbox_roi_extractor}
        if self.with_mask:
            extractors['mask'] = self.mask_roi_extractor
            extractors['pose'] = self.mask_roi_extractor
        if self.landmark_roi_extractor is not None:
            extractors['pose'] = self.landmark_roi_extractor
        return {**extractors, **self.extra_roi_extractors}

    def _check_roi_features(self) -> None:
        """Refuse a head whose RoI features no extractor reads."""
        available = self.roi_extractors
        for name, head in self.streams.items():
            if missing := sorted(set(head.roi_features) - set(available)):
                raise UserError(
                    f'{name}_head reads the RoI features of {missing}, but '
                    f'the RoI head has those of {sorted(available)} only: '
                    'give it a mask_head (or, for pose, a '
                    'landmark_roi_extractor), add the feature to '
                    "roi_extractors, or use feature='class'"
                )

    def _check_classes(self) -> None:
        """Refuse a number of classes that a head is not made for."""
        for part in ('bbox_head', 'mask_head'):
            layers = getattr(self, part, None)
            found = getattr(layers, 'num_classes', None)
            if getattr(layers, 'class_agnostic', False):
                continue
            for name, head in self.streams.items():
                expected = getattr(head, 'num_classes', None)
                if None not in (found, expected) and found != expected:
                    raise UserError(
                        f'{part}.num_classes is {found}, but {name}_head '
                        f'({type(head).__name__}) is for the {expected} '
                        'categories of DeepFashion2; set '
                        f'roi_head=dict({part}=dict(num_classes={expected}))'
                    )

    def _check_fields(self) -> None:
        """Refuse two heads that write the same field of the predictions."""
        owners: dict[str, str] = {}
        for name, head in self.streams.items():
            field = getattr(head, 'field', None)
            if field in owners:
                raise UserError(
                    f'{owners[field]}_head and {name}_head both write '
                    f'{field}_features; set field={name!r} of {name}_head'
                )
            if field is not None:
                owners[field] = name

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Compute the losses of all streams.

        L_cls, L_box, L_mask, L_pose and L_pair, as there are heads for them.

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

        Raises:
            UserError: The ground truth lacks what a head is trained with.
        """
        if self.with_mask:
            require_fields(batch_data_samples, 'masks')
        x = _contiguous(x)
        gt_instances, gt_ignored, _ = unpack_gt_instances(batch_data_samples)
        proposals = [proposed.bboxes for proposed in rpn_results_list]
        sampled = self.sample_rois(
            x, rpn_results_list, gt_instances, gt_ignored
        )
        rois = TrainingRoIs(proposals, batch_data_samples, sampled)
        feats = RoIFeatures(x, self.roi_extractors)
        boxes = self.bbox_loss(x, sampled)
        losses = dict(boxes['loss_bbox'])
        if self.with_mask:
            masks = self.mask_loss(
                x, sampled, boxes['bbox_feats'], gt_instances
            )
            losses.update(masks['loss_mask'])
            feats.keep('mask', rois.positive_boxes, masks['mask_feats'])
        for head in self.streams.values():
            losses.update(head.loss(feats, rois))
        return losses

    def sample_rois(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        gt_instances: InstanceList,
        gt_ignored: InstanceList,
    ) -> list[SamplingResult]:
        """Assign proposals to items and sample RoIs, as mmdet does.

        Args:
            x (tuple[Tensor]): Features (B, C, h, w) of each level.
            rpn_results_list (list[InstanceData]): Proposals of each image;
                ``bboxes`` (P, 4) xyxy px become ``priors``.
            gt_instances (list[InstanceData]): Items of each image.
            gt_ignored (list[InstanceData]): Ignored items of each image.

        Returns:
            list[SamplingResult]: Of each image.
        """
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

    def predict(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> InstanceList:
        """Detect items, then predict masks, landmarks and more on their boxes.

        Args:
            x (tuple[Tensor]): Multi-level features.
            rpn_results_list (list[InstanceData]): Proposals of each image.
            batch_data_samples (list[DetDataSample]): Image meta data.
            rescale (bool): Give results in pixels of the original image
                rather than the network's input.

        Returns:
            list[InstanceData]: What mmdet's head gives. With a landmark head
                also ``keypoints`` (n, 294, 2) px, ``keypoint_scores`` (n, 294)
                0-1 and ``keypoints_in_class`` (n, 294) bool. With a match head
                also ``match_features`` (n, D); each image's metainfo then has
                ``match_similarity``, the ``weight`` (D,) and ``bias`` of the
                :class:`PairSimilarity` to compare them with.
        """
        x = _contiguous(x)
        if self.test_cfg.get('gt_boxes', False):
            rpn_results_list = [
                _as_detections(sample) for sample in batch_data_samples
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
        feats = RoIFeatures(x, self.roi_extractors)
        for head in self.streams.values():
            head.add_predictions(feats, boxes, results, batch_data_samples)
        return results

    def predict_bbox(
        self,
        x: tuple[Tensor, ...],
        batch_img_metas: list[dict],
        rpn_results_list: InstanceList,
        rcnn_test_cfg: ConfigType,
        rescale: bool = False,
    ) -> InstanceList:
        """Detect as mmdet does, or return the ground truth as detections.

        Args:
            x (tuple[Tensor]): Features (B, C, h, w) of each level.
            batch_img_metas (list[dict]): Metainfo of each image.
            rpn_results_list (list[InstanceData]): Proposals of each image, or
                its ground truth as detections.
            rcnn_test_cfg (dict): mmdet's.
            rescale (bool): Give boxes in pixels of the original image.

        Returns:
            list[InstanceData]: ``bboxes`` (n, 4) xyxy px, ``scores`` (n,) and
            ``labels`` (n,) of each image.
        """
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


def _contiguous(x: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return maps (B, C, h, w) in the order that mmcv's RoIAlign reads.

    It reads a map in another memory format, such as channels_last, as if it
    were contiguous, and says nothing.
    """
    return tuple(level.contiguous() for level in x)


def _build_optional(cfg: ConfigType | None) -> nn.Module | None:
    return None if cfg is None else MODELS.build(cfg)


def _refuse_names(
    argument: str, configs: ConfigType | None, taken: tuple[str, ...]
) -> None:
    """Refuse names that have a meaning already."""
    if used := sorted(set(configs or ()) & set(taken)):
        raise UserError(
            f'{argument} of MatchRoIHead: the names {", ".join(taken)} are in '
            f'use, got {", ".join(used)}; choose another name'
        )


def _as_detections(data_sample: DetDataSample) -> InstanceData:
    """Return the items as detections, in px of the network's input."""
    if 'gt_instances' not in data_sample:
        raise UserError(
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
