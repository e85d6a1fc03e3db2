# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as mask_utils

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CLASS_NAMES,
)
from mmfashion_ext.match_rcnn import ClothesInferencer

MODEL = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'


@pytest.fixture(scope='module')
def inferencer():
    inferencer = ClothesInferencer(MODEL, device='cpu')
    inferencer.model.roi_head.test_cfg.score_thr = 0.0
    return inferencer


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / 'street.png'
    rng = np.random.default_rng(0)
    cv2.imwrite(str(path), rng.integers(0, 255, (150, 100, 3), np.uint8))
    return path


def check(found, num=10):
    assert len(found['scores']) == num
    assert found['scores'] == sorted(found['scores'], reverse=True)
    for i, label in enumerate(found['labels']):
        assert found['categories'][i] == CLASS_NAMES[label]
        points = found['keypoints'][i]
        assert len(points) == CATEGORIES[label].num_landmarks
        x1, y1, x2, y2 = found['bboxes'][i]
        for x, y, score in points:
            assert x1 - 1e-3 <= x <= x2 + 1e-3
            assert y1 - 1e-3 <= y <= y2 + 1e-3
            assert 0 <= score <= 1
        assert mask_utils.decode(found['masks'][i]).shape == (150, 100)


def test_file_array_list_and_folder(inferencer, picture):
    by_file = inferencer(str(picture))['predictions'][0]
    check(by_file)
    assert json.loads(json.dumps(by_file)) == by_file
    array = cv2.imread(str(picture))
    assert inferencer(array)['predictions'] == [by_file]
    assert inferencer([array, str(picture)])['predictions'] == [by_file] * 2
    assert inferencer(str(picture.parent))['predictions'] == [by_file]


def test_writes_predictions_and_pictures(inferencer, picture, tmp_path):
    out = tmp_path / 'out'
    found = inferencer(str(picture), out_dir=str(out), no_save_pred=False)
    written = json.loads((out / 'preds' / 'street.json').read_text())
    assert written == found['predictions'][0]
    drawn = cv2.imread(str(out / 'vis' / 'street.png'))
    assert drawn.shape == (150, 100, 3)


def test_nothing_found(inferencer, picture, monkeypatch):
    monkeypatch.setitem(inferencer.model.roi_head.test_cfg, 'score_thr', 1.1)
    found = inferencer(str(picture))['predictions'][0]
    assert found['categories'] == found['keypoints'] == found['masks'] == []


def test_inference_model_reads_a_checkpoint(inferencer, picture, tmp_path):
    import torch

    weights = tmp_path / 'weights.pth'
    torch.save({'state_dict': inferencer.model.state_dict()}, weights)
    found = mmfashion_ext.inference_model(
        MODEL, str(picture), checkpoint=weights, device='cpu'
    )
    expected = inferencer(str(picture))['predictions'][0]
    best = [s for s in expected['scores'] if s > 0.05]
    assert found['predictions'][0]['scores'] == pytest.approx(best)


def test_what_a_user_gets_wrong(tmp_path):
    with pytest.raises(UserError, match="no config 'match-rcnn_r19'"):
        ClothesInferencer('match-rcnn_r19')
    with pytest.raises(FileNotFoundError, match=r'gone\.pth'):
        ClothesInferencer(MODEL, weights=tmp_path / 'gone.pth')
