# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Masks that are shared by the categories of a group."""

import numpy as np
import torch
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.structures.mask import BitmapMasks
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from mmfashion_ext.match_rcnn import GroupMaskHead


def build(**kwargs):
    torch.manual_seed(0)
    head = GroupMaskHead(
        category_groups=[0, 1, 1],
        num_convs=1,
        in_channels=4,
        conv_out_channels=4,
        **kwargs,
    )
    head.init_weights()
    return head


def test_categories_of_a_group_share_their_mask():
    head = build(num_classes=99)  # follows from the groups
    assert head.num_classes == 3
    assert head.conv_logits.out_channels == 2
    masks = head(torch.randn(2, 4, 14, 14))
    assert masks.shape == (2, 3, 28, 28)
    assert torch.equal(masks[:, 1], masks[:, 2])
    assert not torch.equal(masks[:, 0], masks[:, 1])


def test_loss_of_a_category_trains_its_group_only():
    """Breaks if label and group are mixed up."""
    head = build()
    result = SamplingResult.__new__(SamplingResult)
    result.pos_priors = torch.tensor([[0.0, 0, 16, 16]])
    result.pos_assigned_gt_inds = torch.tensor([0])
    result.pos_gt_labels = torch.tensor([2])
    masks = BitmapMasks(np.ones((1, 32, 32), np.uint8), 32, 32)
    losses = head.loss_and_target(
        head(torch.randn(1, 4, 14, 14)),
        [result],
        [InstanceData(masks=masks)],
        ConfigDict(mask_size=28),
    )
    losses['loss_mask']['loss_mask'].backward()
    gradient = head.conv_logits.weight.grad.abs().sum((1, 2, 3))
    assert gradient[0] == 0
    assert gradient[1] > 0


def test_no_roi():
    assert build()(torch.zeros(0, 4, 14, 14)).shape == (0, 3, 28, 28)
