# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Box head that learns from candidate sets: loss, labels, grouped boxes."""

import pytest
import torch
from mmdet.models.task_modules.samplers import SamplingResult
from mmengine.config import ConfigDict
from torch.nn import functional as F

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import CandidateSetBBoxHead
from mmfashion_ext.match_rcnn.candidate_sets import encode_candidates

GROUPS = [0, 0, 1, 2]
TRAIN_CFG = ConfigDict(pos_weight=-1)
TEST_CFG = ConfigDict(
    score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=10
)


def build(groups=GROUPS, **kwargs):
    torch.manual_seed(0)
    return CandidateSetBBoxHead(
        category_groups=groups,
        num_classes=4,
        in_channels=8,
        fc_out_channels=16,
        roi_feat_size=7,
        **{'reg_class_agnostic': True, **kwargs},
    )


def sampled(labels, num_neg=2):
    """An image's RoIs: one positive for each label, then negatives."""
    num = len(labels)
    result = SamplingResult.__new__(SamplingResult)
    boxes = torch.tensor([[4.0, 4, 20, 20]]).repeat(num + num_neg, 1)
    result.pos_priors = boxes[:num]
    result.neg_priors = boxes[num:]
    result.pos_gt_bboxes = boxes[:num] + 1
    result.pos_gt_labels = torch.tensor(labels, dtype=torch.long)
    return result


def run(head, samples, logits=None):
    count = sum(len(s.pos_priors) + len(s.neg_priors) for s in samples)
    if logits is None:
        logits = torch.randn(count, 5, requires_grad=True)
    deltas = torch.zeros(count, 4, requires_grad=True)
    rois = torch.zeros(count, 5)
    losses = head.loss_and_target(logits, deltas, rois, samples, TRAIN_CFG)
    return logits, losses['loss_bbox']


def test_known_categories_give_mmdets_loss():
    """Breaks if a single category is not plain cross-entropy."""
    logits, losses = run(build(), [sampled([1]), sampled([3, 0], 0)])
    target = torch.tensor([1, 4, 4, 3, 0])
    assert torch.allclose(losses['loss_cls'], F.cross_entropy(logits, target))
    assert losses['loss_bbox'] > 0


def test_candidates_are_summed():
    pair = encode_candidates([0, 2], 4)
    logits, losses = run(build(), [sampled([pair], 1)])
    prob = logits.softmax(1)
    expected = -((prob[0, 0] + prob[0, 2]).log() + prob[1, 4].log()) / 2
    assert torch.allclose(losses['loss_cls'], expected)
    losses['loss_cls'].backward()
    # no candidate is pushed down, everything else is
    assert logits.grad[0].lt(0).tolist() == [True, False, True, False, False]


def test_gradient_of_candidates():
    head, pair = build(), encode_candidates([1, 3], 4)

    def loss(logits):
        return run(head, [sampled([pair, 2], 1)], logits)[1]['loss_cls']

    logits = torch.randn(3, 5, dtype=torch.double, requires_grad=True)
    # the head computes in float32
    assert torch.autograd.gradcheck(loss, logits, eps=1e-3, atol=1e-3)


def test_likeliest_candidate_is_the_label_of_later_heads():
    samples = [sampled([encode_candidates([0, 2], 4), 3])]
    logits = torch.tensor([[1.0, 9, 2, 9, 9]] + [[0.0] * 5] * 3)
    run(build(), samples, logits)
    assert samples[0].pos_gt_labels.tolist() == [2, 3]


def test_no_positive():
    _, losses = run(build(), [sampled([])])
    assert losses['loss_bbox'] == 0
    assert losses['loss_cls'].isfinite()


def predict(head, prob, boxes=None):
    """Boxes of RoIs with these probabilities, background last."""
    num = len(prob)
    if boxes is None:
        boxes = torch.tensor([[2.0, 2, 22, 22]]).repeat(num, 1)
    return head._predict_by_feat_single(
        torch.cat((torch.zeros(num, 1), boxes), 1),
        torch.tensor(prob).view(-1, 5).clamp(min=1e-9).log(),
        torch.zeros(num, 4 if head.reg_class_agnostic else 16),
        {'img_shape': (40, 40)},
        rcnn_test_cfg=TEST_CFG,
    )


@pytest.mark.parametrize('agnostic', [True, False])
def test_one_detection_for_each_group(agnostic):
    """ "Long or short sleeved" must not become two detections."""
    head = build(reg_class_agnostic=agnostic)
    found = predict(
        head, [[0.45, 0.4, 0.0, 0.0, 0.15], [0.1, 0.2, 0.0, 0.6, 0.1]]
    )
    assert found.labels.tolist() == [0, 3]
    assert found.scores.tolist() == pytest.approx([0.85, 0.6])
    assert found.bboxes.tolist() == [[2, 2, 22, 22]] * 2


def test_group_whose_probability_is_zero_has_a_member_as_label():
    head = build()
    _, categories = head._group_scores(torch.tensor([[0.0, 0, 0, 0, 1]]))
    assert categories.tolist() == [[0, 2, 3]]


def test_without_groups_it_is_mmdets():
    found = predict(build(groups=None), [[0.45, 0.4, 0.0, 0.0, 0.15]])
    assert sorted(found.labels.tolist()) == [0, 1]


def test_no_roi():
    found = predict(build(), torch.zeros(0, 5).tolist(), torch.zeros(0, 4))
    assert len(found) == 0
    assert found.bboxes.shape == (0, 4)


def test_refuses_groups_of_other_classes():
    with pytest.raises(UserError, match='each of the 4 classes, got 2'):
        build(groups=[0, 1])
