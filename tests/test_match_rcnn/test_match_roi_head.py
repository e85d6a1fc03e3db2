# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Match R-CNN as a whole, at tiny width: losses, predictions, edge cases."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES
from mmfashion_ext.hub import config_path
from mmfashion_ext.match_rcnn.roi_stream_head import RoIFeatures, TrainingRoIs

SIZE = 64


def tiny_config():
    """The small base model, smaller still."""
    cfg = Config.fromfile(config_path('match_rcnn/_base_/model_r18_small.py'))
    return cfg.model


@pytest.fixture(scope='module')
def config():
    return tiny_config()


def build(config, **roi_head):
    config = deepcopy(config)
    config.roi_head.update(roi_head)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config)
    model.init_weights()
    return model


@pytest.fixture(scope='module')
def model(config):
    return build(config)


def sample(labels=(0, 8), visible=2, masks=True, ignored=0):
    """An image of 64 x 64 px with one item per label."""
    rng = np.random.default_rng(len(labels))
    num = len(labels)
    corner = rng.uniform(2, 20, (num, 2)).astype(np.float32)
    boxes = np.concatenate([corner, corner + 40], 1)
    instances = InstanceData(
        bboxes=torch.from_numpy(boxes).reshape(-1, 4),
        labels=torch.tensor(labels, dtype=torch.long),
        keypoints=torch.from_numpy(
            corner[:, None] + rng.uniform(0, 40, (num, 294, 2))
        ).float(),
        keypoints_visible=torch.zeros(num, 294, dtype=torch.long),
    )
    for i, label in enumerate(labels):
        instances.keypoints_visible[i, CATEGORIES[label].slice] = visible
    if masks:
        bitmaps = np.zeros((num, SIZE, SIZE), np.uint8)
        bitmaps[:, 10:40, 10:40] = 1
        instances.masks = BitmapMasks(bitmaps, SIZE, SIZE)
    data_sample = DetDataSample(
        metainfo={
            'img_shape': (SIZE, SIZE),
            'ori_shape': (2 * SIZE, SIZE),  # x is kept, y is halved
            'scale_factor': (1.0, 0.5),
            'batch_input_shape': (SIZE, SIZE),
            'pad_shape': (SIZE, SIZE),
        }
    )
    data_sample.gt_instances = instances
    data_sample.ignored_instances = InstanceData(
        bboxes=torch.rand(ignored, 4).cumsum(1) * 10,
        labels=torch.zeros(ignored, dtype=torch.long),
    )
    return data_sample


def losses_of(model, data_samples):
    model.train()
    torch.manual_seed(0)
    images = torch.randn(len(data_samples), 3, SIZE, SIZE)
    losses = model.loss(images, data_samples)
    total, _ = model.parse_losses(losses)
    model.zero_grad()
    total.backward()
    assert torch.isfinite(total)
    for name, parameter in model.named_parameters():
        # every parameter takes part, as DistributedDataParallel demands
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    return losses


def test_features_read_once_for_masks_and_landmarks_are_the_same(config):
    """As with an extractor of its own, which has no weights."""
    extractor = config.roi_head.mask_roi_extractor
    losses = []
    for own in (None, extractor):
        model = build(config, landmark_roi_extractor=own)
        losses.append(losses_of(model, [sample()])['loss_landmark'])
    torch.testing.assert_close(losses[0], losses[1])


def landmark_gradient(model):
    head = model.roi_head.landmark_head
    return sum(p.grad.abs().sum() for p in head.parameters())


def test_all_five_losses_and_gradients(model):
    losses = losses_of(model, [sample(), sample((3,), ignored=1)])
    names = {'loss_cls', 'loss_bbox', 'loss_mask', 'loss_landmark'}
    assert names <= set(losses)
    # at initialisation every position is about as likely: log(56 * 56)
    assert losses['loss_landmark'].item() == pytest.approx(8.05 / 4, abs=0.1)
    assert landmark_gradient(model) > 0


@pytest.mark.parametrize(
    'samples',
    [
        [sample(())],
        [sample((), ignored=2), sample(())],
        [sample(visible=0)],
    ],
    ids=['no item', 'no item in two images', 'no landmark'],
)
def test_nothing_to_learn_for_the_landmarks(model, samples):
    losses = losses_of(model, deepcopy(samples))
    assert losses['loss_landmark'].item() == 0
    assert landmark_gradient(model) == 0


def test_one_image_without_items_beside_one_with(model):
    losses = losses_of(model, [sample(()), sample((5,))])
    assert losses['loss_landmark'] > 0


def test_only_rois_whose_item_has_landmarks_are_trained(model, monkeypatch):
    seen = []
    head = model.roi_head.landmark_head
    loss = head.loss_by_feat

    def record(feats, *args):
        seen.append(len(feats))
        return loss(feats, *args)

    monkeypatch.setattr(head, 'loss_by_feat', record)
    data_sample = sample()
    data_sample.gt_instances.keypoints_visible[1] = 0
    losses_of(model, [data_sample])
    losses_of(model, [sample()])
    assert 0 < seen[0] < seen[1]


@pytest.mark.parametrize('with_mask', [True, False])
def test_streams_can_be_left_out(config, with_mask):
    extractor = config.roi_head.mask_roi_extractor
    if with_mask:
        model = build(config, landmark_head=None)
    else:
        model = build(
            config,
            mask_head=None,
            mask_roi_extractor=None,
            landmark_roi_extractor=extractor,
        )
    losses = losses_of(model, [sample(masks=with_mask)])
    assert ('loss_mask' in losses) == with_mask
    assert ('loss_landmark' in losses) != with_mask
    result = predictions(model, [sample()])[0]
    assert ('masks' in result) == with_mask
    assert ('keypoints' in result) != with_mask


def predictions(model, data_samples, score_thr=0.0):
    model.eval()
    model.roi_head.test_cfg.score_thr = score_thr
    torch.manual_seed(1)
    images = torch.randn(len(data_samples), 3, SIZE, SIZE)
    with torch.no_grad():
        results = model.predict(images, data_samples, rescale=True)
    return [result.pred_instances for result in results]


def test_predictions_are_in_pixels_of_the_original(model):
    for result in predictions(model, [sample(), sample((2,))]):
        assert len(result) == 10
        assert result.masks.shape == (10, 2 * SIZE, SIZE)
        assert result.keypoints.shape == (10, 294, 2)
        assert result.keypoint_scores.shape == (10, 294)
        own = result.keypoints_in_class.sum(dim=1).tolist()
        assert own == [CATEGORIES[i].num_landmarks for i in result.labels]
        low, high = result.bboxes[:, None, :2], result.bboxes[:, None, 2:]
        assert (result.keypoints >= low - 1e-3).all()
        assert (result.keypoints <= high + 1e-3).all()
        assert result.bboxes[:, 3].max() > SIZE + 1  # y doubled


def test_landmarks_follow_from_the_features_of_their_box(model):
    """Independent of rescale: same maps, read in other pixels."""
    model.eval()
    data_sample = sample()
    torch.manual_seed(1)
    with torch.no_grad():
        features = model.extract_feat(torch.randn(1, 3, SIZE, SIZE))
        found = []
        for rescale in (True, False):
            proposals = model.rpn_head.predict(
                features, [data_sample], rescale=False
            )
            found += model.roi_head.predict(
                features, proposals, [data_sample], rescale=rescale
            )
    scale = torch.tensor([1.0, 0.5])
    torch.testing.assert_close(
        found[0].keypoints * scale, found[1].keypoints, atol=1e-3, rtol=0
    )
    torch.testing.assert_close(
        found[0].keypoint_scores, found[1].keypoint_scores
    )


def test_no_detection_at_all(model):
    for result in predictions(model, [sample(), sample()], score_thr=1.1):
        assert len(result) == 0
        assert result.keypoints.shape == (0, 294, 2)
        assert result.keypoint_scores.shape == (0, 294)
        assert result.keypoints_in_class.shape == (0, 294)
        assert result.masks.shape == (0, 2 * SIZE, SIZE)


def test_mixed_precision_of_the_landmark_stream(model):
    """The stream that is ours; mmcv's NMS knows no bfloat16 on the CPU."""
    model.train()
    data_sample = sample()
    gt = data_sample.gt_instances
    features = model.extract_feat(torch.randn(1, 3, SIZE, SIZE))
    sampled = model.roi_head.sample_rois(
        features, [InstanceData(bboxes=gt.bboxes + 1)], [gt], [gt[:0]]
    )
    rois = TrainingRoIs([], [data_sample], sampled)
    feats = RoIFeatures(features, model.roi_head.roi_extractors)
    feats.read('pose', rois.positive_boxes)  # in float32; kept
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = model.roi_head.landmark_head.loss(feats, rois)
    loss = loss['loss_landmark']
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(8.05 / 4, abs=0.1)
    model.zero_grad()
    loss.backward()
    for parameter in model.roi_head.landmark_head.parameters():
        assert parameter.grad.isfinite().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('amp', [False, True])
def test_cuda_equals_cpu(config, amp):
    model = build(config)
    losses = losses_of(model, [sample()])['loss_landmark'].item()
    result = predictions(model, [sample()])[0]
    model.cuda()
    model.eval()
    torch.manual_seed(1)
    images = torch.randn(1, 3, SIZE, SIZE).cuda()
    with torch.no_grad(), torch.autocast('cuda', enabled=amp):
        found = model.predict(images, [sample().cuda()])[0].pred_instances
    model.train()
    torch.manual_seed(0)
    images = torch.randn(1, 3, SIZE, SIZE).cuda()
    with torch.autocast('cuda', enabled=amp):
        loss = model.loss(images, [sample().cuda()])['loss_landmark'].item()
    # RoIs are sampled at random, so the losses agree roughly at best
    assert loss == pytest.approx(losses, rel=0.05)
    if not amp:
        torch.testing.assert_close(
            found.scores.cpu(), result.scores, atol=1e-3, rtol=0
        )


MATCH = {
    'type': 'mmfashion_ext.MatchHead',
    'feature': 'pose+class',
    'in_channels': 64,
    'conv_channels': (8, 16),
    'out_channels': 6,
}


@pytest.fixture(scope='module')
def matcher(config):
    return build(config, match_head=MATCH)


def paired(source, pair_id=1, styles=(1, 2), **kwargs):
    """An image of items with styles, of a user or a shop."""
    data_sample = sample(**kwargs)
    items = data_sample.gt_instances
    items.styles = torch.tensor(styles[: len(items)], dtype=torch.long)
    data_sample.set_metainfo({'source': source, 'pair_id': pair_id})
    return data_sample


def test_all_five_tasks_in_one_loss(matcher):
    losses = losses_of(
        matcher,
        [paired('user'), paired('shop'), paired('user', 2), paired('shop', 2)],
    )
    names = {'cls', 'bbox', 'mask', 'landmark', 'match'}
    assert {f'loss_{name}' for name in names} <= set(losses)
    assert losses['loss_match'] > 0
    assert 0 <= losses['match_acc'] <= 100


@pytest.mark.parametrize(
    'samples',
    [
        [paired('user'), paired('user', 2)],
        [paired('user'), paired('shop', styles=(0, 0))],
        [paired('user', visible=0), paired('shop')],
        [paired('user', labels=()), paired('shop', labels=(), ignored=1)],
    ],
    ids=['one side', 'no style', 'no landmark', 'no item'],
)
def test_batches_without_pairs_train_on(matcher, samples):
    losses = losses_of(matcher, deepcopy(samples))
    assert losses['loss_match'] == 0


def test_match_features_do_not_depend_on_rescale_or_batch(matcher):
    samples = [paired('user'), paired('shop', labels=(2,))]
    together = predictions(matcher, samples)
    matcher.eval()
    for i, data_sample in enumerate(samples):
        result = together[i]
        assert result.match_features.shape == (len(result), 6)
        similarity = data_sample.match_similarity
        assert similarity['weight'].shape == (6,)
        torch.manual_seed(1)
        image = torch.randn(len(samples), 3, SIZE, SIZE)[i : i + 1]
        with torch.no_grad():
            alone = matcher.predict(image, [data_sample], rescale=False)
        torch.testing.assert_close(
            alone[0].pred_instances.match_features,
            result.match_features,
            atol=1e-4,
            rtol=0,
        )


def test_no_detection_has_no_match_features(matcher):
    for result in predictions(matcher, [paired('user')] * 2, score_thr=1.1):
        assert result.match_features.shape == (0, 6)


def test_ground_truth_boxes_in_place_of_detections(config):
    model = build(config, match_head=MATCH)
    model.roi_head.test_cfg.gt_boxes = True
    samples = [paired('user'), paired('shop', labels=())]
    truth = samples[0].gt_instances
    # ground truth of a test pipeline: pixels of the original, y doubled
    truth.bboxes = truth.bboxes * torch.tensor([1.0, 2.0, 1.0, 2.0])
    first, second = predictions(model, samples)
    torch.testing.assert_close(first.bboxes, truth.bboxes)
    assert torch.equal(first.labels, truth.labels)
    assert first.scores.tolist() == [1, 1]
    assert first.match_features.shape == (2, 6)
    assert first.masks.shape == (2, 2 * SIZE, SIZE)
    assert len(second) == 0
    del samples[0].gt_instances
    with pytest.raises(UserError, match='has no ground truth'):
        predictions(model, samples)


def test_heads_without_their_features_or_names_are_refused(config):
    without_mask = {'mask_head': None, 'mask_roi_extractor': None}
    with pytest.raises(UserError, match=r"features of \['mask'\]"):
        build(
            config,
            **without_mask,
            landmark_head=None,
            match_head={**MATCH, 'feature': 'mask+class'},
        )
    message = r"landmark_head reads .* \['pose'\], but .* \['class'\]"
    with pytest.raises(UserError, match=message):
        build(config, **without_mask)
    with pytest.raises(UserError, match=r'heads of MatchRoIHead.* got match;'):
        build(config, heads={'match': MATCH})
    extractor = config.roi_head.mask_roi_extractor
    with pytest.raises(UserError, match=r'roi_extractors of .* got pose;'):
        build(config, roi_extractors={'pose': extractor})


def test_memory_format_of_the_features_changes_nothing(model, monkeypatch):
    """mmcv's RoIAlign reads channels_last as if it were contiguous."""
    monkeypatch.setitem(model.roi_head.test_cfg, 'gt_boxes', True)
    torch.manual_seed(0)
    with torch.no_grad():
        x = model.extract_feat(torch.rand(1, 3, SIZE, SIZE))
        plain, fast = (
            model.roi_head.predict(
                [f.contiguous(memory_format=order) for f in x],
                [InstanceData()],
                [sample()],
            )[0]
            for order in (torch.contiguous_format, torch.channels_last)
        )
    assert plain.keypoint_scores.std() > 0
    assert torch.equal(plain.keypoint_scores, fast.keypoint_scores)
