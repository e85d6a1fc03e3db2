# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The heads against mmpose's, which compute all 294 landmarks."""

import numpy as np
import pytest
import torch

pytest.importorskip('mmpose')
from mmengine.structures import InstanceData, PixelData
from mmpose.codecs import RegressionLabel, SimCCLabel, UDPHeatmap
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    flip_indices,
)
from mmfashion_ext.landmark.aggregation import (
    AGGREGATED,
    MAX_LANDMARKS,
    category_rows,
    landmark_channels,
)
from mmfashion_ext.landmark.head import LabelledFeatures

pytestmark = pytest.mark.usefixtures('scope')

SIZE = (48, 64)  # (w, h) of the input
HEATMAP = dict(
    type='UDPHeatmap', input_size=SIZE, heatmap_size=(12, 16), sigma=1
)
SIMCC = dict(
    type='SimCCLabel', input_size=SIZE, simcc_split_ratio=2.0, sigma=2.0
)
REGRESSION = dict(type='RegressionLabel', input_size=SIZE)
HEADS = {
    'heatmap': dict(
        type='mmfashion_ext.CategoryHeatmapHead',
        in_channels=8,
        deconv_out_channels=None,
        decoder=HEATMAP,
    ),
    'rtmcc': dict(
        type='mmfashion_ext.CategoryRTMCCHead',
        in_channels=8,
        input_size=SIZE,
        in_featuremap_size=(12, 16),
        final_layer_kernel_size=3,
        gau_cfg=dict(
            hidden_dims=16,
            s=8,
            expansion_factor=2,
            dropout_rate=0.0,
            drop_path=0.0,
            act_fn='SiLU',
            use_rel_bias=False,
            pos_enc=False,
        ),
        loss=dict(
            type='KLDiscretLoss',
            use_target_weight=True,
            beta=10.0,
            label_softmax=True,
        ),
        decoder=SIMCC,
    ),
    'rle': dict(
        type='mmfashion_ext.CategoryRLEHead',
        in_channels=8,
        decoder=REGRESSION,
    ),
}
LABELS = [0, 8, 3, 12]


def build(name, points='separate', **changes):
    torch.manual_seed(0)
    head = MODELS.build(HEADS[name] | {'points': points} | changes)
    head.init_weights()
    for parameter in head.parameters():  # no zero biases, no tiny weights
        torch.nn.init.normal_(parameter, std=0.3)
    return head.eval()


def features(name, count=4, dtype=torch.float32):
    shape = (count, 8, 1, 1) if name == 'rle' else (count, 8, 16, 12)
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(shape, generator=generator, dtype=dtype),)


def samples(labels, flip=None, **targets):
    made = []
    for i, label in enumerate(labels):
        meta = {'input_size': SIZE}
        if label is not None:
            meta['category_id'] = np.array(label + 1)
        if flip is not None:
            meta['flip_indices'] = flip
        sample = PoseDataSample(metainfo=meta)
        instances, fields = InstanceData(), PixelData()
        for key, value in targets.items():
            if key == 'heatmaps':
                fields.heatmaps = value[i]
            else:
                instances.set_field(value[i][None], key)
        sample.gt_instance_labels, sample.gt_fields = instances, fields
        made.append(sample)
    return made


def own_channels(points):
    """(4, 39) output of each landmark, and which of them are landmarks."""
    rows = category_rows(landmark_channels(points))[LABELS]
    return torch.from_numpy(rows.clip(0)), torch.from_numpy(rows >= 0)


@pytest.mark.parametrize('points', ['separate', 'aggregated'])
@pytest.mark.parametrize('name', ['heatmap', 'rle'])
def test_a_categorys_outputs_are_those_of_all(name, points):
    head, feats = build(name, points), features(name)
    everything = head.forward(feats)
    assert everything.shape[1] == (294 if points == 'separate' else 81)
    some = head.forward(LabelledFeatures(feats, torch.tensor(LABELS)))
    channels, real = own_channels(points)
    for i in range(len(LABELS)):
        expected = everything[i, channels[i][real[i]]]
        torch.testing.assert_close(some[i][real[i]], expected)


def test_maps_of_a_wider_last_layer_are_picked_after_it():
    head = build('heatmap', final_layer=dict(kernel_size=3, padding=1))
    feats = features('heatmap')
    everything = head.forward(feats)
    some = head.forward(LabelledFeatures(feats, torch.tensor(LABELS)))
    channels, real = own_channels('separate')
    for i in range(len(LABELS)):
        expected = everything[i, channels[i][real[i]]]
        torch.testing.assert_close(some[i][real[i]], expected)


@pytest.mark.parametrize('points', ['separate', 'aggregated'])
def test_attention_sees_the_categorys_landmarks_only(points):
    """Equal to a head of mmpose that has no other landmarks."""
    head, feats = build('rtmcc', points), features('rtmcc')
    some = head.forward(LabelledFeatures(feats, torch.tensor(LABELS)))
    channels, real = own_channels(points)
    for i in range(len(LABELS)):
        maps = head.final_layer(feats[0][i : i + 1]).flatten(2)
        tokens = head.gau(head.mlp(maps[:, channels[i][real[i]]]))
        for got, layer in zip(some, (head.cls_x, head.cls_y), strict=True):
            torch.testing.assert_close(got[i][real[i]], layer(tokens)[0])


def heatmap_targets(labels):
    """39 maps and weights of each item, and the same among all 294."""
    rng = np.random.default_rng(2)
    maps = np.zeros((len(labels), MAX_LANDMARKS, 16, 12), np.float32)
    weights = np.zeros((len(labels), MAX_LANDMARKS), np.float32)
    all_maps = np.zeros((len(labels), 294, 16, 12), np.float32)
    all_weights = np.zeros((len(labels), 294), np.float32)
    for i, label in enumerate(labels):
        category = CATEGORIES[label]
        n = category.num_landmarks
        maps[i, :n] = rng.random((n, 16, 12))
        weights[i, :n] = rng.random(n) > 0.3
        all_maps[i, category.slice] = maps[i, :n]
        all_weights[i, category.slice] = weights[i, :n]
    tensors = map(torch.from_numpy, (maps, weights, all_maps, all_weights))
    return tuple(tensors)


def test_loss_and_gradients_are_mmposes_times_a_constant():
    """mmpose averages over 294 maps, this head over 39."""
    head, feats = build('heatmap'), features('heatmap')
    maps, weights, all_maps, all_weights = heatmap_targets(LABELS)
    plain = MODELS.build(
        dict(
            type='HeatmapHead',
            in_channels=8,
            out_channels=294,
            deconv_out_channels=None,
            decoder=HEATMAP,
        )
    )
    plain.load_state_dict(head.state_dict())
    losses = {}
    for name, h, m, w in (
        ('ours', head, maps, weights),
        ('theirs', plain, all_maps, all_weights),
    ):
        batch = samples(LABELS, heatmaps=m, keypoint_weights=w)
        losses[name] = h.loss(feats, batch)['loss_kpt']
        losses[name].backward()
    factor = 294 / MAX_LANDMARKS
    torch.testing.assert_close(losses['ours'], losses['theirs'] * factor)
    for ours, theirs in zip(
        head.parameters(), plain.parameters(), strict=True
    ):
        torch.testing.assert_close(ours.grad, theirs.grad * factor)


def test_gradients_of_the_restricted_product():
    head = build('heatmap', 'aggregated').double()
    (feats,) = features('heatmap', 2, torch.float64)
    feats = feats[..., :3, :2].contiguous().requires_grad_()
    labels = torch.tensor([8, 6])

    def maps(x, weight, bias):
        parameters = {'final_layer.weight': weight, 'final_layer.bias': bias}
        return torch.func.functional_call(
            head, parameters, (LabelledFeatures((x,), labels),)
        )

    layer = head.final_layer
    inputs = feats, layer.weight, layer.bias
    assert torch.autograd.gradcheck(maps, inputs, fast_mode=True)


def targets(name):
    maps, weights, *_ = heatmap_targets(LABELS)
    if name == 'heatmap':
        return {'heatmaps': maps, 'keypoint_weights': weights}
    if name == 'rtmcc':
        return {
            'keypoint_x_labels': torch.rand(4, MAX_LANDMARKS, 96),
            'keypoint_y_labels': torch.rand(4, MAX_LANDMARKS, 128),
            'keypoint_weights': weights,
        }
    return {
        'keypoint_labels': torch.rand(4, MAX_LANDMARKS, 2),
        'keypoint_weights': weights,
    }


@pytest.mark.parametrize('points', ['separate', 'aggregated'])
@pytest.mark.parametrize('name', HEADS)
def test_padding_and_unlabelled_landmarks_train_nothing(name, points):
    """Only outputs of labelled landmarks have a gradient."""
    head, feats = build(name, points).train(), features(name)
    target = targets(name)
    target['keypoint_weights'][:] = 0
    target['keypoint_weights'][1, 2] = 1  # third landmark of the skirt
    losses = head.loss(feats, samples(LABELS, **target))
    assert torch.isfinite(losses['loss_kpt'])
    losses['loss_kpt'].backward()
    layer = head.fc if name == 'rle' else head.final_layer
    gradient = layer.weight.grad.flatten(1)
    channel = landmark_channels(points)[CATEGORIES[8].offset + 2]
    if name == 'rle':
        expected = range(4 * channel, 4 * channel + 4)
    elif name == 'heatmap':
        expected = [channel]
    else:  # attention: the other landmarks of the skirt take part
        expected = landmark_channels(points)[CATEGORIES[8].slice]
    touched = set(gradient.abs().sum(1).nonzero().flatten().tolist())
    assert touched
    assert touched <= set(map(int, expected))


@pytest.mark.parametrize('name', HEADS)
def test_nothing_labelled_gives_a_loss_of_zero(name):
    head, target = build(name).train(), targets(name)
    target['keypoint_weights'][:] = 0
    losses = head.loss(features(name), samples(LABELS, **target))
    losses['loss_kpt'].backward()
    assert losses['loss_kpt'] == 0
    for parameter in head.parameters():
        if parameter.grad is not None:
            assert not parameter.grad.any()


def test_training_without_categories_is_refused():
    batch = samples([0, None], **{})
    with pytest.raises(ValueError, match='category_id'):
        build('heatmap').loss(features('heatmap', 2), batch)


@pytest.mark.parametrize('points', ['separate', 'aggregated'])
@pytest.mark.parametrize('name', HEADS)
def test_predictions_stand_at_their_places(name, points):
    head, feats = build(name, points), features(name)
    preds = head.predict(feats, samples(LABELS))
    outputs = head.forward(LabelledFeatures(feats, torch.tensor(LABELS)))
    decoded = head.decode(head._activate(outputs))
    for pred, label, own in zip(preds, LABELS, decoded, strict=True):
        category = CATEGORIES[label]
        n = category.num_landmarks
        assert pred.labels.tolist() == [label]
        assert pred.keypoints.shape == (1, 294, 2)
        np.testing.assert_array_equal(
            pred.keypoints[:, category.slice], own.keypoints[:, :n]
        )
        np.testing.assert_array_equal(
            pred.keypoint_scores[:, category.slice], own.keypoint_scores[:, :n]
        )
        outside = np.ones(294, bool)
        outside[category.slice] = False
        assert not pred.keypoint_scores[0, outside].any()
        # the extent of all is that of the slice: it is the area in the OKS
        slice_ = pred.keypoints[0, category.slice]
        np.testing.assert_array_equal(
            np.ptp(pred.keypoints[0], axis=0), np.ptp(slice_, axis=0)
        )


@pytest.mark.parametrize('outwear_flip_pairs', ['sigmas', 'figure'])
@pytest.mark.parametrize('name', ['heatmap', 'rtmcc', 'rle'])
def test_flip_test_is_the_mean_of_both_views(name, outwear_flip_pairs):
    """By mmpose's own functions, among all 294 landmarks."""
    from mmpose.models.utils import tta

    labels = [2, 8, 2, 3]  # the two layouts differ in category 3
    head, feats = build(name), features(name)
    mirrored = tuple(f + 0.1 * torch.randn_like(f) for f in feats)
    flip = flip_indices(outwear_flip_pairs).tolist()
    config = {'flip_test': True, 'shift_heatmap': False, 'shift_coords': True}
    preds = head.predict([feats, mirrored], samples(labels, flip), config)

    def everything(view):
        """All 294, padded with zeros outside the category."""
        outputs = head._activate(
            head.forward(LabelledFeatures(view, torch.tensor(labels)))
        )
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        placed = []
        for output in outputs:
            full = output.new_zeros(4, 294, *output.shape[2:])
            for i, label in enumerate(labels):
                c = CATEGORIES[label]
                full[i, c.slice] = output[i, : c.num_landmarks]
            placed.append(full)
        return placed

    one, two = everything(feats), everything(mirrored)
    if name == 'heatmap':
        two = [tta.flip_heatmaps(two[0], flip, shift_heatmap=False)]
    elif name == 'rtmcc':
        two = tta.flip_vectors(*two, flip)
    else:
        two = [tta.flip_coordinates(two[0], flip, True, SIZE)]
    both = tuple((a + b) / 2 for a, b in zip(one, two, strict=True))
    decoded = head.decode(both[0] if len(both) == 1 else both)
    for pred, label, full in zip(preds, labels, decoded, strict=True):
        own = CATEGORIES[label].slice
        np.testing.assert_allclose(
            pred.keypoints[:, own], full.keypoints[:, own], atol=1e-4
        )


@pytest.mark.parametrize('name', HEADS)
def test_an_unknown_category_is_the_most_confident_one(name):
    head, feats = build(name), features(name, 2)
    preds = head.predict(feats, samples([None, 8]))
    means = []
    for label, category in enumerate(CATEGORIES):
        known = head.predict(feats, samples([label, label]))
        means.append(known[0].keypoint_scores[0, category.slice].mean())
    assert preds[0].labels.tolist() == [int(np.argmax(means))]
    assert preds[1].labels.tolist() == [8]


def test_shared_points_learn_from_other_categories():
    """A gradient of a vest's neck moves the sling dress's neck."""
    head, feats = build('heatmap', 'aggregated'), features('heatmap', 1)
    vest, sling_dress = CATEGORIES[4], CATEGORIES[12]
    before = head.forward(LabelledFeatures(feats, torch.tensor([12])))
    maps = head.forward(LabelledFeatures(feats, torch.tensor([4])))
    maps[0, 1].sum().backward()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter -= parameter.grad
    after = head.forward(LabelledFeatures(feats, torch.tensor([12])))
    moved = (after - before).abs().flatten(2).sum(2)[0] > 1e-6
    shared = AGGREGATED[vest.offset + 1]
    assert AGGREGATED[sling_dress.offset + 1] == shared
    assert moved[: sling_dress.num_landmarks].nonzero().tolist() == [[1]]


@pytest.mark.parametrize('name', HEADS)
def test_half_precision_on_the_cpu(name):
    head, feats = build(name).train(), features(name)
    with torch.autocast('cpu', torch.bfloat16):
        losses = head.loss(feats, samples(LABELS, **targets(name)))
    losses['loss_kpt'].backward()
    assert torch.isfinite(losses['loss_kpt'])


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('name', HEADS)
def test_a_gpu_gives_what_the_cpu_gives(name):
    head, feats = build(name), features(name)
    expected = head.predict(feats, samples(LABELS))
    got = head.cuda().predict((feats[0].cuda(),), samples(LABELS))
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(a.keypoints, b.keypoints, atol=1e-2)


def test_codecs_are_mmposes():
    assert isinstance(build('heatmap').decoder, UDPHeatmap)
    assert isinstance(build('rtmcc').decoder, SimCCLabel)
    assert isinstance(build('rle').decoder, RegressionLabel)


@pytest.mark.parametrize('name', HEADS)
def test_conditioning_starts_as_no_change_and_learns_by_category(name):
    plain = build(name).train()
    head = build(name, conditioned=True).train()
    head.load_state_dict(plain.state_dict(), strict=False)
    torch.nn.init.zeros_(head.condition.weight)
    batch = samples(LABELS, **targets(name))
    torch.manual_seed(0)
    losses = head.loss(features(name), batch)
    torch.testing.assert_close(
        losses['loss_kpt'], plain.loss(features(name), batch)['loss_kpt']
    )
    losses['loss_kpt'].backward()
    learns = head.condition.weight.grad.abs().sum(1).nonzero().flatten()
    assert learns.tolist() == sorted(LABELS)


def test_conditioning_scales_and_shifts_each_channel_by_category():
    """FiLM: x (1 + scale) + shift, with vectors of the category."""
    head = build('heatmap', conditioned=True)
    (x,) = features('heatmap')
    inputs = LabelledFeatures((x,), torch.tensor(LABELS))
    vectors = head.condition.weight[LABELS]
    scale, shift = vectors[:, :8, None, None], vectors[:, 8:, None, None]
    torch.testing.assert_close(head._features(inputs), x + x * scale + shift)


def test_sigmas_of_rle_are_between_0_and_1():
    outputs = torch.tensor([[[0.2, 0.7, 0.0, 3.0]]])
    found = build('rle')._activate(outputs)
    expected = [0.2, 0.7, 0.5, 1 / (1 + np.exp(-3.0))]
    assert found[0, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ('name', 'option', 'default'),
    [('heatmap', 'shift_heatmap', False), ('rle', 'shift_coords', True)],
)
def test_defaults_of_the_flip_test_are_mmposes(name, option, default):
    flip = flip_indices().tolist()
    head, feats = build(name), features(name)
    pair = [feats, tuple(f + 0.1 for f in feats)]

    def points(**options):
        batch = samples([8, 8, 8, 8], flip)
        config = {'flip_test': True, **options}
        return np.stack(
            [p.keypoints for p in head.predict(pair, batch, config)]
        )

    assert (points() == points(**{option: default})).all()
    assert (points() != points(**{option: not default})).any()
