# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Crops of detected clothes, encoded by a frozen network of timm."""

import cv2
import numpy as np
import pytest
import timm
import torch

import mmfashion_ext
from mmfashion_ext.match_rcnn.crop_encoder import CropEncoder
from mmfashion_ext.match_rcnn.gallery import (
    build_gallery,
    describe_gallery,
    query_gallery,
)
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.image_encoder import ImageEncoder, crop_box

MODEL = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
NAME = 'timm:test_efficientnet'


@pytest.fixture(scope='module')
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('weights')
    torch.save(
        timm.create_model('test_efficientnet').state_dict(), folder / 'e.pth'
    )
    state = mmfashion_ext.get_model(MODEL).state_dict()
    torch.save({'state_dict': state}, folder / 'd.pth')
    return CropEncoder(
        ImageEncoder(NAME, folder / 'e.pth', 'cpu'),
        *(MODEL, folder / 'd.pth', 'cpu'),
        score_thr=0,
        batch_size=2,
    )


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / 'shop'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        image = rng.integers(0, 255, (100 + i, 80, 3), np.uint8)
        cv2.imwrite(str(folder / f'{i}.png'), image)
    return folder


def test_features_are_those_of_the_boxes(encoder, shop):
    """Boxes of another image, or of its resized copy, are other crops."""
    paths = sorted(shop.iterdir())
    for path, found in zip(paths, encoder.encode(paths), strict=True):
        assert len(found.garments) == len(found.features) > 0
        image = cv2.imread(str(path))
        boxes = encoder.infer(str(path))['predictions'][0]['bboxes']
        expected = encoder.infer.image_encoder.encode(
            [crop_box(image, box) for box in boxes]
        )
        torch.testing.assert_close(
            found.features, expected, atol=1e-4, rtol=1e-3
        )


def test_masks_and_landmarks_are_not_computed(encoder, shop):
    found = encoder.infer(str(shop / '0.png'))['predictions'][0]
    assert 'masks' not in found
    assert 'keypoints' not in found
    assert 'match_features' in found


def test_an_index_has_the_same_format(encoder, shop, tmp_path):
    out = tmp_path / 'shop.index'
    build_gallery([shop], encoder, out, progress=False)
    index = GalleryIndex.load(out, encoder.fingerprint)
    assert index.origin['encoder'] == NAME
    assert describe_gallery(out)['encoder'] == NAME
    garments = query_gallery(str(shop / '1.png'), index, encoder, topk=2)
    best = garments[0]['matches'][0]
    assert best['image'] == str(shop / '1.png')
    # a cosine, not the probability 1 / (1 + 1 / e) of a logit of 1
    assert best['similarity'] == pytest.approx(1, abs=0.01)


def test_an_image_without_clothes_has_no_features(encoder, shop):
    encoder.score_thr, before = 1.1, encoder.score_thr
    try:
        (found,) = encoder.encode(str(shop / '0.png'))
    finally:
        encoder.score_thr = before
    assert found.features.shape == (0, encoder.infer.image_encoder.dim)
    assert found.garments == []
