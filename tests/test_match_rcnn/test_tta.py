# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    flip_indices,
)
from mmfashion_ext.match_rcnn.tta import ClothesTTAModel

HEIGHT, WIDTH = 80, 100


class Nothing(nn.Module):
    """Stands for the wrapped model, which merging does not call."""

    def test_step(self, data):
        raise AssertionError('merging runs no model')


def tta_model(**kwargs):
    nms = {'type': 'nms', 'iou_threshold': 0.5}
    return ClothesTTAModel(module=Nothing(), nms=nms, **kwargs)


def items(boxes, labels, scores, seed=0):
    rng = torch.Generator().manual_seed(seed)
    num = len(boxes)
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    share = torch.rand(num, 294, 2, generator=rng)
    size = (boxes[:, 2:] - boxes[:, :2])[:, None]
    masks = torch.zeros(num, HEIGHT, WIDTH, dtype=torch.bool)
    for mask, box in zip(masks, boxes.int().tolist(), strict=True):
        mask[box[1] : box[3], box[0] : box[2]] = True
    in_class = torch.zeros(num, 294, dtype=torch.bool)
    for row, label in zip(in_class, labels, strict=True):
        row[CATEGORIES[label].slice] = True
    return InstanceData(
        bboxes=boxes,
        labels=torch.tensor(labels, dtype=torch.long),
        scores=torch.tensor(scores, dtype=torch.float32),
        masks=masks,
        keypoints=boxes[:, None, :2] + share * size,
        keypoint_scores=torch.rand(num, 294, generator=rng),
        keypoints_in_class=in_class,
    )


def mirrored(instances):
    """What a perfect model would predict in the mirror image."""
    order = torch.from_numpy(flip_indices())
    instances = instances.clone()
    boxes = instances.bboxes.clone()
    boxes[:, [0, 2]] = WIDTH - boxes[:, [2, 0]]
    instances.bboxes = boxes
    instances.masks = instances.masks.flip(2)
    keypoints = instances.keypoints[:, order].clone()
    keypoints[..., 0] = WIDTH - keypoints[..., 0]
    instances.keypoints = keypoints
    instances.keypoint_scores = instances.keypoint_scores[:, order]
    return instances


def view(instances, flip=False, direction='horizontal'):
    data_sample = DetDataSample(
        metainfo={
            'ori_shape': (HEIGHT, WIDTH),
            'flip': flip,
            'flip_direction': direction if flip else None,
        }
    )
    data_sample.pred_instances = instances
    return data_sample


def merge(model, *views):
    (result,) = model.merge_preds([list(views)])
    return result.pred_instances


TWO = ([[10, 5, 50, 70], [55, 10, 95, 75]], [0, 8], [0.9, 0.8])


def test_mirror_image_of_the_same_changes_nothing():
    before = items(*TWO)
    merged = merge(tta_model(), view(before), view(mirrored(before), True))
    assert len(merged) == 2
    for name in ('bboxes', 'labels', 'scores', 'keypoint_scores'):
        torch.testing.assert_close(merged[name], before[name])
    assert torch.equal(merged.masks, before.masks)
    torch.testing.assert_close(
        merged.keypoints, before.keypoints, atol=1e-4, rtol=0
    )
    assert torch.equal(merged.keypoints_in_class, before.keypoints_in_class)


def test_landmarks_are_averaged_by_their_scores():
    first, second = items(*TWO), items(*TWO)
    second.scores = second.scores - 0.1
    second.keypoints = second.keypoints + torch.tensor([3.0, -6.0])
    first.keypoint_scores = torch.full((2, 294), 0.2)
    second.keypoint_scores = torch.full((2, 294), 0.4)
    merged = merge(tta_model(), view(first), view(second))
    expected = first.keypoints + torch.tensor([2.0, -4.0])
    torch.testing.assert_close(merged.keypoints, expected)
    torch.testing.assert_close(
        merged.keypoint_scores, torch.full((2, 294), 0.3)
    )
    assert torch.equal(merged.bboxes, first.bboxes)


@pytest.mark.parametrize('change', ['label', 'place'])
def test_other_items_do_not_mix(change):
    first, second = items(*TWO), items(*TWO, seed=1)
    if change == 'label':
        second.labels = second.labels + 1
    else:
        second.bboxes = second.bboxes + 40  # overlaps by less than .7
    second.scores = second.scores / 2
    merged = merge(tta_model(), view(first), view(second))
    assert len(merged) == 4
    torch.testing.assert_close(merged.keypoints[:2], first.keypoints)


def test_items_of_one_view_only_and_the_limit():
    none = items([], [], [])
    one = items(*TWO)
    assert len(merge(tta_model(), view(none), view(none, True))) == 0
    merged = merge(tta_model(), view(one), view(none, True))
    torch.testing.assert_close(merged.keypoints, one.keypoints)
    assert len(merge(tta_model(max_per_img=1), view(one))) == 1


def test_vertical_flip_is_refused():
    with pytest.raises(UserError, match="flipped 'vertical'"):
        merge(tta_model(), view(items(*TWO), True, 'vertical'))
