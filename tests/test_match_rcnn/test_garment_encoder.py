# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Encoding clothes with a real, untrained model."""

import numpy as np
import pytest
import torch

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import CLASS_NAMES
from mmfashion_ext.match_rcnn.gallery_ranking import Reranking
from mmfashion_ext.match_rcnn.garment_encoder import GarmentEncoder

MODEL = (
    'match-rcnn-retrieval-class-frozen_r18-small_fpn_1xb16-2e_'
    'synthetic-160x160'
)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'random.pth'
    model = mmfashion_ext.get_model(MODEL)
    torch.save({'state_dict': model.state_dict()}, path)
    return path


@pytest.fixture(scope='module')
def encoder(weights):
    return GarmentEncoder(MODEL, weights, 'cpu', score_thr=0, batch_size=2)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 255, (3, 120, 90, 3), np.uint8))


def test_garments_are_those_of_the_inferencer(encoder, images, tmp_path):
    broken = tmp_path / 'broken.jpg'
    broken.touch()
    skipped = []
    encoded = list(encoder.encode([*images, broken], skipped))
    assert [image.input for image in encoded] == [
        'image',
        'image_2',
        'image_3',
    ]
    assert [entry['input'] for entry in skipped] == [str(broken)]
    expected = encoder.infer(images)['predictions']
    for image, prediction in zip(encoded, expected, strict=True):
        num = len(prediction['scores'])
        assert image.features.shape == (num, 64)
        assert num == len(image.garments) > 0
        np.testing.assert_allclose(
            image.features, prediction['match_features'], atol=1e-4
        )
        for garment, box in zip(
            image.garments, prediction['bboxes'], strict=True
        ):
            assert garment['category'] in CLASS_NAMES
            np.testing.assert_allclose(garment['bbox'], box, atol=0.1)


def test_garments_below_the_threshold_are_left_out(weights, images):
    strict = GarmentEncoder(MODEL, weights, 'cpu', score_thr=1.1)
    (encoded,) = strict.encode(images[0])
    assert encoded.features.shape == (0, 64)
    assert encoded.garments == []


def test_the_fingerprint_tells_model_and_weights(encoder, weights, tmp_path):
    assert encoder.fingerprint.startswith(f'{MODEL}:')
    assert encoder.origin['checkpoint'] == str(weights)
    assert encoder.similarity.weight.shape == (64,)
    other = tmp_path / 'other.pth'
    state = torch.load(weights)['state_dict']
    state['roi_head.match_head.fc.bias'] += 1
    torch.save({'state_dict': state}, other)
    found = GarmentEncoder(MODEL, other, 'cpu').fingerprint
    assert found != encoder.fingerprint


def test_a_model_without_a_match_head_is_refused(tmp_path):
    name = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
    model = mmfashion_ext.get_model(name)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'w.pth')
    with pytest.raises(UserError, match=r'has no match head.*list_models'):
        GarmentEncoder(name, tmp_path / 'w.pth', 'cpu')


def test_an_embedding_beside_the_match_head_searches(images, tmp_path):
    """Its best are ordered by the match network's vectors in the same row."""
    name = (
        'match-rcnn-retrieval-reranked-frozen_r18-small_fpn_1xb16-2e_'
        'synthetic-160x160'
    )
    model = mmfashion_ext.get_model(name)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'w.pth')
    encoder = GarmentEncoder(name, tmp_path / 'w.pth', 'cpu', score_thr=0)
    (found,) = encoder.encode(images[0])
    (expected,) = encoder.infer(images[0])['predictions']
    joined = np.concatenate(
        [expected['embedding_features'], expected['match_features']], axis=1
    )
    np.testing.assert_allclose(found.features, joined, atol=1e-4)
    assert encoder.similarity.weight.tolist() == [-0.5] * 64 + [0] * 64
    second = Reranking.from_text(encoder.origin['rerank'], 128)
    assert second.k == 50
    assert second.similarity.weight[:64].abs().max() == 0
    assert second.similarity.weight[64:].abs().min() > 0
