# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""An exported Match R-CNN finds what PyTorch finds, under the contract."""

import json
import logging

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.run_lengths import decode_mask
from mmfashion_ext.lite import ClothesInferencer, build_inferencer
from mmfashion_ext.lite.clothes import fit, normalise


def noise(h, w, seed=0):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (h // 8 + 1, w // 8 + 1, 3), np.uint8)
    return cv2.resize(small, (w, h))


@pytest.fixture(scope='module')
def infer(exported):
    return ClothesInferencer(exported, threads=1, show_progress=False)


@pytest.fixture(scope='module')
def original(detector):
    from mmfashion_ext.match_rcnn import ClothesInferencer

    return ClothesInferencer(detector, show_progress=False)


@pytest.mark.parametrize('size', [(150, 100), (97, 160), (30, 220)])
def test_equals_pytorch(infer, original, size):
    """The same items, boxes within 0.01 px, masks within a few pixels."""
    image = noise(*size)
    (expected,) = original(image)['predictions']
    (found,) = infer(image)['predictions']
    assert found.keys() == expected.keys()
    assert len(found['scores']) >= 3
    assert found['labels'].tolist() == expected['labels'].tolist()
    assert found['categories'] == expected['categories']
    np.testing.assert_allclose(found['bboxes'], expected['bboxes'], atol=0.01)
    np.testing.assert_allclose(found['scores'], expected['scores'], atol=1e-3)
    assert (found['masks'] != expected['masks']).mean() < 1e-4
    assert 0 < found['masks'].mean() < 1
    assert found['keypoint_names'] == expected['keypoint_names']
    for name, tolerance in (('keypoints', 0.05), ('keypoint_scores', 1e-3)):
        far = np.abs(
            np.concatenate(found[name]) - np.concatenate(expected[name])
        )
        # of two cells that are equally likely, either may be the first
        assert (far > tolerance).mean() < 0.03
    for name, value in expected.items():
        assert type(found[name]) is type(value), name
        if isinstance(value, np.ndarray):
            assert found[name].dtype == value.dtype, name
            assert found[name].shape == value.shape, name


def test_thresholds_and_duplicates(infer, original):
    image = noise(150, 100)
    options = {'score_thr': 0.999, 'duplicate_iou': 0.4}
    (expected,) = original(image, **options)['predictions']
    (found,) = infer(image, **options)['predictions']
    (everything,) = infer(image)['predictions']
    assert 0 < len(found['scores']) < len(everything['scores'])
    np.testing.assert_allclose(found['bboxes'], expected['bboxes'], atol=0.01)


def test_nothing_found(infer, original):
    """Empty arrays have the shapes and types of PyTorch's."""
    image = noise(60, 80)
    (expected,) = original(image, score_thr=1.5)['predictions']
    (found,) = infer(image, score_thr=1.5, draw=True)['predictions']
    assert np.array_equal(found.pop('visualization'), image)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert len(value) == len(found[name]) or name in ('input', 'name')
        if isinstance(value, np.ndarray):
            assert found[name].shape == value.shape, name
            assert found[name].dtype == value.dtype, name


def test_no_proposals(infer, monkeypatch):
    """Boxes of a small image may all be too small."""
    rpn = {**infer.graphs.content['rpn'], 'min_bbox_size': 1e6}
    monkeypatch.setitem(infer.graphs.content, 'rpn', rpn)
    (found,) = infer(noise(60, 80))['predictions']
    assert found['bboxes'].shape == (0, 4)
    assert found['masks'].shape == (0, 60, 80)
    assert found['labels'].dtype == np.int64


def test_files_and_skipped(infer, tmp_path, caplog):
    image = noise(60, 80)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    (tmp_path / 'b.png').write_text('text')
    with caplog.at_level(logging.WARNING, 'mmfashion_ext'):
        result = infer(tmp_path, out_dir=tmp_path / 'out', draw=True)
    (found,) = result['predictions']
    assert found['name'] == 'a'
    assert found['visualization'].shape == image.shape
    assert (found['visualization'] != image).any()
    assert [entry['input'] for entry in result['skipped']] == [
        str(tmp_path / 'b.png')
    ]
    assert '1 of the inputs skipped' in caplog.text
    said = json.loads((tmp_path / 'out/predictions/a.json').read_text())
    masks = [decode_mask(mask) for mask in said['masks']]
    assert np.array_equal(np.array(masks), found['masks'])
    assert (tmp_path / 'out/visualizations/a.jpg').is_file()
    stream = infer([image, image], stream=True)
    assert [p['name'] for p in stream] == ['image', 'image_2']


def test_bad_inputs(infer, tmp_path):
    with pytest.raises(UserError, match='no such file'):
        infer(tmp_path / 'none.jpg')
    thin = np.zeros((1, 4000, 3), np.uint8)
    with pytest.raises(UserError, match='4000 x 1 px cannot be resized'):
        infer(thin)


def test_build_inferencer(exported, tmp_path):
    assert isinstance(build_inferencer(exported), ClothesInferencer)
    with pytest.raises(UserError, match=r'no model\.json'):
        build_inferencer(tmp_path)


@pytest.mark.parametrize('size', [(100, 150), (33, 1000), (640, 480)])
def test_fit_is_that_of_mmcv(size):
    mmcv = pytest.importorskip('mmcv')
    expected = mmcv.imrescale(np.zeros(size, np.uint8), (528, 352)).shape
    assert fit(size, [528, 352]) == expected == fit(size, [352, 528])


def test_normalise_pads_below_and_right():
    options = {
        'to_rgb': True,
        'mean': [1.0, 2.0, 3.0],
        'std': [2.0, 2.0, 2.0],
        'divisor': 32,
        'pad_value': 0.0,
    }
    image = np.full((33, 20, 3), (10, 20, 30), np.uint8)
    found = normalise(image, options)
    assert found.shape == (1, 3, 64, 32)
    assert found[0, :, 32, 19].tolist() == [14.5, 9.0, 3.5]
    assert not found[..., 33:, :].any()
    assert not found[..., 20:].any()
