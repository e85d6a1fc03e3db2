# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Graphs of Match R-CNN compute what its layers compute."""

import json

import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('mmdet')
import onnx
import onnxruntime
import torch
from mmdet.structures.bbox import bbox2roi

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES
from mmfashion_ext.match_rcnn.landmark_head import decode_landmarks
from mmfashion_ext.match_rcnn.onnx_export import export_onnx

MODEL = 'match-rcnn-retrieval-class_r18-small_fpn_2xb8-1e_synthetic-160x160'
GROUPS = [0, 0, 1, 1, 0, 0, 5, 4, 3, 2, 2, 2, 2]
BOXES = torch.tensor(
    [[3.0, 4, 60, 80], [10, 2, 90, 60], [1, 1, 20, 20], [30, 30, 64, 95]]
)
LABELS = torch.tensor([3, 0, 8, 12])


@pytest.fixture(scope='module')
def model():
    """With heads of groups, and a match head beside mask and landmarks."""
    torch.manual_seed(0)
    model = mmfashion_ext.get_model(
        MODEL,
        **{
            'model.roi_head.bbox_head.type': 'mmfashion_ext.'
            'CandidateSetBBoxHead',
            'model.roi_head.bbox_head.category_groups': GROUPS,
            'model.roi_head.mask_head.type': 'mmfashion_ext.GroupMaskHead',
            'model.roi_head.mask_head.category_groups': GROUPS,
            'model.roi_head.mask_head.class_agnostic': False,
        },
    )
    return model.eval()


@pytest.fixture(scope='module')
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp('onnx') / 'new'
    export_onnx(model, folder)
    return folder


@pytest.fixture(scope='module')
def maps(model):
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, 96, 64, generator=generator)
    with torch.no_grad():
        return image, model.extract_feat(image)


def run(folder, graph, **inputs):
    path = str(folder / f'{graph}.onnx')
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    given = {name: value.numpy() for name, value in inputs.items()}
    return dict(zip(names, session.run(None, given), strict=True))


def close(found, expected):
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-3)


def inputs(folder, maps):
    count = json.loads((folder / 'model.json').read_text())['num_maps']
    return {f'map_{i}': maps[1][i] for i in range(count)}


@torch.no_grad()
def test_features(model, folder, maps):
    found = run(folder, 'features', image=maps[0])
    for name, value in inputs(folder, maps).items():
        close(found[name], value)
    logits, deltas = model.rpn_head(maps[1])
    for level, (one, other) in enumerate(zip(logits, deltas, strict=True)):
        score = one[0].sigmoid().permute(1, 2, 0).flatten()
        close(found[f'scores_{level}'], score)
        close(
            found[f'deltas_{level}'],
            other[0].permute(1, 2, 0).reshape(-1, 4),
        )


@torch.no_grad()
@pytest.mark.parametrize('count', [1, 4])
def test_boxes(model, folder, maps, count):
    head, rois = model.roi_head, bbox2roi([BOXES[:count]])
    found = run(folder, 'boxes', boxes=BOXES[:count], **inputs(folder, maps))
    assert found['scores'].shape == found['labels'].shape == (count, 6)
    feats = head.bbox_roi_extractor(
        maps[1][: head.bbox_roi_extractor.num_inputs], rois
    )
    logits, deltas = head.bbox_head(feats)
    scores, labels = head.bbox_head._group_scores(logits.softmax(1))
    close(found['scores'], scores[:, :-1])
    assert np.array_equal(found['labels'], labels.numpy())
    deltas = head.bbox_head._group_boxes(deltas, labels)
    close(found['deltas'], deltas.unflatten(1, (-1, 4)))


@torch.no_grad()
def test_items(model, folder, maps):
    head, rois = model.roi_head, bbox2roi([BOXES])
    found = run(
        folder, 'items', boxes=BOXES, labels=LABELS, **inputs(folder, maps)
    )
    extractor = head.mask_roi_extractor
    feats = extractor(maps[1][: extractor.num_inputs], rois)
    masks = head.mask_head(feats)[range(4), LABELS].sigmoid()
    close(found['masks'], masks)
    points, scores = decode_landmarks(head.landmark_head(feats), BOXES)
    size = BOXES[:, None, 2:] - BOXES[:, None, :2]
    for i, label in enumerate(LABELS.tolist()):
        part = CATEGORIES[label].slice
        relative = (points - BOXES[:, None, :2]) / size
        count = CATEGORIES[label].num_landmarks
        close(found['keypoints'][i, :count], relative[i, part])
        close(found['keypoint_scores'][i, :count], scores[i, part])
    feats = {
        'class': head.bbox_roi_extractor(
            maps[1][: head.bbox_roi_extractor.num_inputs], rois
        )
    }
    close(found['match_features'], head.match_head(feats))


def test_has_standard_operators_and_says_what_is_needed(folder):
    for path in folder.glob('*.onnx'):
        content = onnx.load(path)
        onnx.checker.check_model(content)
        assert {node.domain for node in content.graph.node} == {''}
        assert 'NonMaxSuppression' not in {
            n.op_type for n in content.graph.node
        }
    said = json.loads((folder / 'model.json').read_text())
    assert said['items'] == [
        'masks',
        'keypoints',
        'keypoint_scores',
        'match_features',
    ]
    assert len(said['match_similarity']['weight']) > 0
    assert said['input']['divisor'] == 32
    assert len(said['anchors']) == len(said['strides'])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda m: m.test_cfg.rcnn.nms.update(type='soft_nms'),
            r'cannot be exported to ONNX: test_cfg\.rcnn\.nms',
        ),
        (
            lambda m: m.cfg.test_dataloader.dataset.pipeline.insert(
                1, {'type': 'mmdet.Albu'}
            ),
            'needs a test pipeline of ResizeClothes and PackClothes, got Albu',
        ),
    ],
)
def test_refuses_what_the_runtime_does_not_have(tmp_path, change, message):
    model = mmfashion_ext.get_model(MODEL)
    change(model)
    with pytest.raises(UserError, match=message):
        export_onnx(model, tmp_path / 'new')
    assert not (tmp_path / 'new').exists()


def test_needs_a_detector(tmp_path):
    with pytest.raises(UserError, match=r'two-stage detector .*got Identity'):
        export_onnx(torch.nn.Identity(), tmp_path)
