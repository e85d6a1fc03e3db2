# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Which RoIs train the match network."""

from typing import NamedTuple

import torch
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox_overlaps
from mmdet.utils import InstanceList
from mmengine.structures import InstanceData
from torch import Tensor


class MatchRoIs(NamedTuple):
    """RoIs of a batch that show identified items.

    Attributes:
        boxes (list[Tensor]): (n, 4) xyxy px of the network's input, one
            tensor per image; together R boxes.
        order (Tensor): (M,) int64, which of the R RoIs to train; some are
            repeated if images are to weigh the same.
        identities (Tensor): (M, 3) int64: pair id, style, 1 for a user's
            picture and 0 for a shop's.
    """

    boxes: list[Tensor]
    order: Tensor
    identities: Tensor


def choose_match_rois(
    proposals: list[Tensor],
    gt_instances: InstanceList,
    batch_data_samples: SampleList,
    *,
    iou_thr: float,
    num: int,
    with_landmarks: bool,
    fill: bool,
) -> MatchRoIs:
    """Choose RoIs at random among those on an item with a style.

    The boxes of the items themselves are candidates too, so an image has no
    RoI only if it has no identified item.

    Args:
        proposals (list[Tensor]): (P, 4) xyxy px for each image.
        gt_instances (list[InstanceData]): Items with ``bboxes``, ``styles``
            and, for ``with_landmarks``, ``keypoints_visible``.
        batch_data_samples (list[DetDataSample]): With ``source`` ('user' or
            'shop') and ``pair_id`` in their metainfo.
        iou_thr (float): The overlap (IoU, 0-1) must be larger.
        num (int): RoIs per image.
        with_landmarks (bool): Only items with a labelled landmark.
        fill (bool): Repeat RoIs up to ``num`` where there are fewer.

    Raises:
        ValueError: An image's source or pair id is unknown.
    """
    boxes, order, identities, before = [], [], [], 0
    for boxes_of, items, sample in zip(
        proposals, gt_instances, batch_data_samples, strict=True
    ):
        user, pair_id = _source(sample)
        candidates, item = _candidates(
            boxes_of, items, iou_thr, with_landmarks
        )
        picked = torch.randperm(len(candidates))[:num].to(candidates.device)
        boxes.append(candidates[picked])
        size = num if fill and len(picked) else len(picked)
        repeated = torch.arange(size, device=picked.device)
        repeated = repeated % max(len(picked), 1)
        order.append(before + repeated)
        before += len(picked)
        styles = items.styles[item[picked[repeated]]]
        names = styles.new_tensor([pair_id, 0, user]).repeat(size, 1)
        names[:, 1] = styles
        identities.append(names)
    return MatchRoIs(boxes, torch.cat(order), torch.cat(identities))


def _source(sample: object) -> tuple[bool, int]:
    """Whether a picture is a user's, and its pair id."""
    source, pair_id = sample.get('source'), sample.get('pair_id')
    if source not in ('user', 'shop') or pair_id is None:
        raise ValueError(
            f'{sample.get("img_path")}: the match network needs the '
            "picture's source, 'user' or 'shop', and its pair_id; got "
            f'{source!r} and {pair_id!r}. Convert the annotations with '
            'tools/dataset_converters/deepfashion2.py and load them with '
            'mmfashion_ext.DeepFashion2Dataset and PackClothes'
        )
    return source == 'user', int(pair_id)


def _candidates(
    proposals: Tensor,
    items: InstanceData,
    iou_thr: float,
    with_landmarks: bool,
) -> tuple[Tensor, Tensor]:
    """(n, 4) boxes on items of interest, and (n,) which item each is on."""
    boxes = torch.cat([items.bboxes, proposals])
    if not len(items):
        return boxes[:0], torch.zeros(0, dtype=torch.long, device=boxes.device)
    overlap, item = bbox_overlaps(boxes, items.bboxes).max(dim=1)
    wanted = items.styles > 0
    if with_landmarks:
        wanted = wanted & (items.keypoints_visible > 0).any(dim=1)
    use = (overlap > iou_thr) & wanted[item]
    return boxes[use], item[use]
