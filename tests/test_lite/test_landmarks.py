# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Exported landmark models find what PyTorch finds, under the contract."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip('onnxruntime')
pytest.importorskip('mmpose')
import torch

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.landmark import LandmarkInferencer as Original
from mmfashion_ext.landmark.onnx_export import export_onnx
from mmfashion_ext.lite import LandmarkInferencer, build_inferencer

AGGREGATED = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'
FLD = 'td-hm-udp-fld-upper_r18-small_1xb32-20e_synthetic-128x96'
BOXES = [[5, 10, 60, 90], [20, 3.5, 99, 80]]


@pytest.fixture(scope='module')
def image():
    rng = np.random.default_rng(0)
    return cv2.resize(rng.integers(0, 255, (15, 13, 3), np.uint8), (100, 120))


@pytest.fixture(scope='module', params=[AGGREGATED, FLD])
def both(request, tmp_path_factory):
    """The inferencers of PyTorch and of the exported model."""
    if request.param == AGGREGATED:
        model = request.getfixturevalue('landmark_model')
        folder = request.getfixturevalue('marking')
    else:
        torch.manual_seed(0)
        model = mmfashion_ext.get_model(request.param).eval()
        with torch.no_grad():
            model.head.final_layer.weight *= 30
        folder = tmp_path_factory.mktemp('landmark') / 'new'
        export_onnx(model, folder)
    return (
        Original(model, batch_size=2, show_progress=False),
        LandmarkInferencer(
            folder, threads=1, batch_size=2, show_progress=False
        ),
    )


def check(found, expected):
    assert found.keys() == expected.keys()
    for name in ('input', 'name', 'categories', 'keypoint_names'):
        assert found[name] == expected[name]
    for name in ('bboxes', 'scores', 'labels'):
        np.testing.assert_array_equal(found[name], expected[name])
        assert type(found[name]) is type(expected[name])
    for name, tolerance in (('keypoints', 0.05), ('keypoint_scores', 1e-3)):
        for one, other in zip(found[name], expected[name], strict=True):
            np.testing.assert_allclose(one, other, atol=tolerance)
            assert one.dtype == other.dtype


def test_equals_pytorch(both, image):
    """Boxes of a user, the whole image, and an image without garments."""
    inputs = [image, image, image[:50]]
    boxes = [BOXES, None, []]
    expected, found = (infer(inputs, bboxes=boxes) for infer in both)
    for one, other in zip(
        found['predictions'], expected['predictions'], strict=True
    ):
        check(one, other)
    counts = [len(p['keypoints']) for p in found['predictions']]
    assert counts == [2, 1, 0]


def test_files_and_drawing(both, image, tmp_path):
    infer = both[1]
    result = infer({'a': image}, out_dir=tmp_path, draw=True, kpt_thr=-1)
    (found,) = result['predictions']
    assert (found['visualization'] != image).any()
    said = json.loads((tmp_path / 'predictions/a.json').read_text())
    assert said['keypoints'] == [x.tolist() for x in found['keypoints']]
    assert (tmp_path / 'visualizations/a.jpg').is_file()
    assert isinstance(build_inferencer(infer.graphs.folder), type(infer))
    with pytest.raises(UserError, match='bboxes'):
        infer([image], bboxes=[BOXES, BOXES])
    with pytest.raises(UserError, match='det_cat_ids belongs to a detector'):
        LandmarkInferencer(infer.graphs.folder, det_cat_ids=3)


def test_garments_of_a_detector(both, exported, image):
    """Detected garments have the detector's categories."""
    infer = LandmarkInferencer(
        both[1].graphs.folder,
        det_model=exported,
        threads=1,
        batch_size=8,
        show_progress=False,
    )
    (found,) = infer(image, bbox_thr=0.5, nms_thr=0.9)['predictions']
    (detected,) = infer.detector(image)['predictions']
    assert len(found['scores']) > 1
    boxes = detected['bboxes'].tolist()
    assert all(box in boxes for box in found['bboxes'].tolist())
    if infer.graphs.content['has_categories']:
        known = detected['labels'][
            [boxes.index(box) for box in found['bboxes'].tolist()]
        ]
        assert found['labels'].tolist() == known.tolist()
    first = int(detected['labels'][0])
    infer.det_cat_ids = [first]
    (few,) = infer(image, bbox_thr=0.5, nms_thr=0.9)['predictions']
    assert 0 < len(few['scores']) <= len(found['scores'])
