# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sampling of RoIs for the match head, on boxes whose overlap is known."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn.match_roi_sampling import sample_match_rois


def paired(source, pair_id=1, styles=(1, 2)):
    """An image of a user or a shop, with two items that have landmarks."""
    data_sample = DetDataSample(
        metainfo={'source': source, 'pair_id': pair_id}
    )
    data_sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[2.0, 5, 42, 45], [15, 10, 55, 50]]),
        styles=torch.tensor(styles, dtype=torch.long),
        keypoints_visible=torch.full((2, 294), 2),
    )
    return data_sample


def rois_of(samples, proposals, **kwargs):
    settings = {
        'iou_thr': 0.7,
        'num': 8,
        'with_landmarks': False,
        'fill': False,
        **kwargs,
    }
    instances = [data_sample.gt_instances for data_sample in samples]
    return sample_match_rois(proposals, instances, samples, **settings)


def test_rois_overlap_an_item_with_a_style():
    data_sample = paired('user', 5, styles=(0, 3))
    items = data_sample.gt_instances
    items.bboxes = torch.tensor([[0.0, 0, 40, 40], [20, 20, 60, 60]])
    near = items.bboxes + torch.tensor([4.0, 0, 4, 0])  # IoU 36/44
    far = items.bboxes + torch.tensor([10.0, 0, 10, 0])  # IoU 30/50
    rois = rois_of([data_sample], [torch.cat([near, far])])
    found = {tuple(box) for box in rois.boxes[0].tolist()}
    assert found == {(20, 20, 60, 60), (24, 20, 64, 60)}
    assert rois.identities.tolist() == [[5, 3, 1]] * 2
    assert rois.index.tolist() == [0, 1]
    data_sample.gt_instances.keypoints_visible[1] = 0
    assert len(rois_of([data_sample], [near], with_landmarks=True).index) == 0


def test_rois_are_filled_up_with_repetitions_or_not():
    samples = [paired('shop', styles=(1, 2)), paired('user', styles=(0, 0))]
    none = [torch.zeros(0, 4)] * 2
    rois = rois_of(samples, none, num=5, fill=True)
    assert [len(boxes) for boxes in rois.boxes] == [2, 0]
    assert rois.index.tolist() == [0, 1, 0, 1, 0]
    assert sorted(set(map(tuple, rois.identities.tolist()))) == [
        (1, 1, 0),
        (1, 2, 0),
    ]
    assert len(rois_of(samples, none, num=5).index) == 2
    assert len(rois_of(samples, none, num=1).index) == 1


def test_images_of_unknown_source_are_refused():
    with pytest.raises(UserError, match="got '' and 1"):
        rois_of([paired('')], [torch.zeros(0, 4)])
