# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sampling of the RoIs that train the match head."""

from typing import NamedTuple

import torch
from mmdet.structures import DetDataSample, SampleList
from mmdet.structures.bbox import bbox_overlaps
from mmdet.utils import InstanceList
from mmengine.structures import InstanceData
from torch import Tensor

from ..errors import UserError
from .roi_stream_head import require_fields


class MatchRoIs(NamedTuple):
    """RoIs of a batch that overlap an item with a style.

    Attributes:
        boxes (list[Tensor]): (n, 4) xyxy px of the network's input, one
            tensor per image; together R boxes.
        index (Tensor): (M,) int64, which of the R RoIs to train with; some
            are repeated if every image is to weigh the same.
        identities (Tensor): (M, 3) int64: pair id, style, 1 for a user's
            image and 0 for a shop's.
    """

    boxes: list[Tensor]
    index: Tensor
    identities: Tensor


def sample_match_rois(
    proposals: list[Tensor],
    gt_instances: InstanceList,
    batch_data_samples: SampleList,
    *,
    iou_thr: float,
    num: int,
    with_landmarks: bool,
    fill: bool,
) -> MatchRoIs:
    """Sample RoIs at random among those that overlap an item with a style.

    The boxes of the items themselves are candidates too, so an image has no
    RoI only if it has no item with a style.

    Args:
        proposals (list[Tensor]): (P, 4) xyxy px for each image.
        gt_instances (list[InstanceData]): Items with ``bboxes``, ``styles``
            and, for ``with_landmarks``, ``keypoints_visible``.
        batch_data_samples (list[DetDataSample]): With ``source`` ('user' or
            'shop'), ``pair_id`` and, if there are several numberings of
            pairs, ``pair_numbering`` in their metainfo.
        iou_thr (float): The overlap (IoU, 0-1) must be larger.
        num (int): RoIs per image.
        with_landmarks (bool): Only items with a labelled landmark.
        fill (bool): Repeat RoIs up to ``num`` where there are fewer.

    Returns:
        MatchRoIs: At most ``num`` boxes of each image.

    Raises:
        UserError: An image's source or pair id, or a field of its items, is
            unknown.
    """
    fields = ['styles', *(['keypoints_visible'] * with_landmarks)]
    require_fields(batch_data_samples, *fields)
    boxes, index, identities, offset = [], [], [], 0
    for proposed, items, data_sample in zip(
        proposals, gt_instances, batch_data_samples, strict=True
    ):
        is_user, pair_id = _check_source(data_sample)
        candidates, assigned = _find_candidates(
            proposed, items, iou_thr, with_landmarks
        )
        picked = torch.randperm(len(candidates))[:num].to(candidates.device)
        boxes.append(candidates[picked])
        size = num if fill and len(picked) else len(picked)
        repeated = torch.arange(size, device=picked.device)
        repeated = repeated % max(len(picked), 1)
        index.append(offset + repeated)
        offset += len(picked)
        styles = items.styles[assigned[picked[repeated]]]
        identity = styles.new_tensor([pair_id, 0, is_user]).repeat(size, 1)
        identity[:, 1] = styles
        identities.append(identity)
    return MatchRoIs(boxes, torch.cat(index), torch.cat(identities))


def _check_source(data_sample: DetDataSample) -> tuple[bool, int]:
    """Return whether an image is a user's, and its pair id.

    Pair ids of different numberings never are equal, see ``pair_numbering``
    of ``DeepFashion2Dataset``.
    """
    source, pair_id = data_sample.get('source'), data_sample.get('pair_id')
    if source not in ('user', 'shop') or pair_id is None:
        raise UserError(
            f'{data_sample.get("img_path")}: the match head needs the '
            "image's source, 'user' or 'shop', and its pair_id; got "
            f'{source!r} and {pair_id!r}. Convert the annotations with '
            'tools/dataset_converters/deepfashion2.py and load them with '
            'mmfashion_ext.DeepFashion2Dataset and PackClothes'
        )
    numbering = data_sample.get('pair_numbering')
    if numbering is not None:  # 31 bits and 32 bits: one int64
        pair_id = (int(numbering) << 32) | (int(pair_id) & 0xFFFFFFFF)
    return source == 'user', int(pair_id)


def _find_candidates(
    proposals: Tensor,
    items: InstanceData,
    iou_thr: float,
    with_landmarks: bool,
) -> tuple[Tensor, Tensor]:
    """Return (n, 4) boxes that overlap items, and (n,) which item each."""
    boxes = torch.cat([items.bboxes, proposals])
    if not len(items):
        return boxes[:0], torch.zeros(0, dtype=torch.long, device=boxes.device)
    overlap, assigned = bbox_overlaps(boxes, items.bboxes).max(dim=1)
    usable = items.styles > 0
    if with_landmarks:
        usable = usable & (items.keypoints_visible > 0).any(dim=1)
    use = (overlap > iou_thr) & usable[assigned]
    return boxes[use], assigned[use]
