# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Box head that learns from candidate sets of categories."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.layers import multiclass_nms
from mmdet.models.losses import accuracy
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.utils import ConfigType
from mmengine.structures import InstanceData
from torch import Tensor

from ..errors import UserError
from ..registry import MODELS
from .candidate_sets import decode_candidates


@MODELS.register_module()
class CandidateSetBBoxHead(Shared2FCBBoxHead):
    """Shared2FCBBoxHead whose ground truth may be a set of categories.

    Labels (R,) are those of :mod:`.candidate_sets`, scores (R, C + 1). The
    classification loss of a RoI is ``-log`` of the summed probability of all
    categories that its label allows (Jin and Ghahramani, Learning with
    Multiple Labels, NIPS 2002), which is the cross-entropy for a single one.
    The box loss, and the mask head and the streams after it, get the likeliest
    allowed category as the label.

    Args:
        category_groups (Sequence[int], optional): Group of each category.
            With it, a box is predicted once for each group, its score the
            summed probability of the group's categories and its label the
            likeliest of these: "a long or short sleeved shirt, 0.95" is one
            detection, not two of 0.5. NMS runs within groups. None: mmdet's
            prediction for each category.
        **kwargs: Arguments of ``Shared2FCBBoxHead``.

    Raises:
        UserError: ``category_groups`` has another length than there are
            classes.
    """

    def __init__(
        self, *, category_groups: Sequence[int] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.category_groups = category_groups
        if category_groups is not None:
            if len(category_groups) != self.num_classes:
                raise UserError(
                    'category_groups of CandidateSetBBoxHead must name a '
                    f'group for each of the {self.num_classes} classes, got '
                    f'{len(category_groups)} groups'
                )
            groups = torch.tensor(category_groups)
            members = groups == torch.arange(int(groups.max()) + 1)[:, None]
            self.register_buffer('group_members', members, persistent=False)

    def loss_and_target(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        rois: Tensor,
        sampling_results: list[SamplingResult],
        rcnn_train_cfg: ConfigType,
        concat: bool = True,
        reduction_override: str | None = None,
    ) -> dict:
        """Compute the losses; resolve the labels of ``sampling_results``.

        Args:
            cls_score (Tensor): (R, C + 1) logits.
            bbox_pred (Tensor): (R, 4) or (R, 4 C) box deltas.
            rois (Tensor): (R, 5) image index and xyxy px of the input.
            sampling_results (list[SamplingResult]): Of each image;
                ``pos_gt_labels`` (n,) become categories 0..C-1.
            rcnn_train_cfg (dict): mmdet's.
            concat (bool): mmdet's; True.
            reduction_override (str, optional): mmdet's.

        Returns:
            dict: ``loss_bbox`` with ``loss_cls``, ``acc`` and ``loss_bbox``,
            and ``bbox_targets``.
        """
        labels, label_weights, *box_targets = self.get_targets(
            sampling_results, rcnn_train_cfg, concat=concat
        )
        allowed = decode_candidates(labels, self.num_classes)
        log_prob = cls_score.float().log_softmax(dim=1)
        log_prob = log_prob.masked_fill(~allowed, -torch.inf)
        resolved = log_prob.argmax(dim=1)
        _resolve(sampling_results, resolved)
        targets = (resolved, label_weights, *box_targets)
        losses = self.loss(
            None,
            bbox_pred,
            rois,
            *targets,
            reduction_override=reduction_override,
        )
        count = (label_weights > 0).sum().clamp(min=1)
        loss = -(log_prob.logsumexp(dim=1) * label_weights).sum() / count
        losses['loss_cls'] = loss * self.loss_cls.loss_weight
        losses['acc'] = accuracy(cls_score, resolved)
        return {'loss_bbox': losses, 'bbox_targets': targets}

    def _predict_by_feat_single(
        self,
        roi: Tensor,
        cls_score: Tensor,
        bbox_pred: Tensor,
        img_meta: dict,
        rescale: bool = False,
        rcnn_test_cfg: ConfigType | None = None,
    ) -> InstanceData:
        """Predict the boxes of an image, one for each group; see the class."""
        grouped = self.category_groups is not None and len(roi) > 0
        results = super()._predict_by_feat_single(
            roi,
            cls_score,
            bbox_pred,
            img_meta,
            rescale,
            None if grouped else rcnn_test_cfg,
        )
        if not grouped or rcnn_test_cfg is None:
            return results
        scores, categories = self._group_scores(results.scores)
        boxes, _, kept = multiclass_nms(
            self._group_boxes(results.bboxes, categories),
            scores,
            rcnn_test_cfg.score_thr,
            rcnn_test_cfg.nms,
            rcnn_test_cfg.max_per_img,
            return_inds=True,
        )
        return InstanceData(
            bboxes=boxes[:, :4],
            scores=boxes[:, 4],
            labels=categories.flatten()[kept],
        )

    def _group_scores(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Sum probabilities (R, C + 1) over groups.

        Returns:
            tuple[Tensor, Tensor]: (R, G + 1) with the background last, and
            (R, G) the likeliest category of each group.
        """
        members = self.group_members[None]
        by_group = scores[:, None, :-1] * members
        likeliest = (by_group + members).argmax(dim=2)
        return torch.cat((by_group.sum(dim=2), scores[:, -1:]), 1), likeliest

    def _group_boxes(self, boxes: Tensor, categories: Tensor) -> Tensor:
        """Return boxes of groups, (R, 4 G), or (R, 4) where all are one."""
        if self.reg_class_agnostic:
            return boxes
        index = categories[:, :, None].expand(-1, -1, 4)
        return boxes.view(len(boxes), -1, 4).gather(1, index).flatten(1)


def _resolve(samples: list[SamplingResult], resolved: Tensor) -> None:
    """Set the positive labels of each image; ``resolved`` (R,) of all RoIs."""
    sizes = [len(s.pos_priors) + len(s.neg_priors) for s in samples]
    for sample, labels in zip(samples, resolved.split(sizes), strict=True):
        sample.pos_gt_labels = labels[: len(sample.pos_priors)]
