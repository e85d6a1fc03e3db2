# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Image encoder: unit vectors of images, with the smallest model of timm."""

import numpy as np
import pytest
import timm
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.retrieval.image_encoder import (
    ImageEncoder,
    crop_box,
    fit_square,
)
from mmfashion_ext.retrieval.scoring import RetrievalError

NAME = 'test_efficientnet'


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'w.pth'
    torch.save(timm.create_model(NAME).state_dict(), path)
    return path


@pytest.fixture(scope='module')
def encoder(weights):
    return ImageEncoder(f'timm:{NAME}', weights, 'cpu', batch_size=2)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    sizes = [(60, 20), (31, 90), (1, 1)]
    return [rng.integers(0, 255, (*s, 3), np.uint8) for s in sizes]


def test_vectors_are_those_of_the_network(encoder, images, weights):
    """A wrong normalisation or order of colours gives other vectors."""
    found = encoder.encode(images)
    assert found.shape == (3, encoder.dim)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    model = timm.create_model(NAME, num_classes=0).eval()
    model.load_state_dict(torch.load(weights), strict=False)
    cfg = timm.data.resolve_model_data_config(model)
    side = cfg['input_size'][-1]
    rgb = torch.from_numpy(
        fit_square(images[0], side, [255 * v for v in cfg['mean']])
    )
    x = rgb.permute(2, 0, 1) / 255
    x = x - torch.tensor(cfg['mean'])[:, None, None]
    x = x / torch.tensor(cfg['std'])[:, None, None]
    with torch.no_grad():
        expected = model(x[None].float())[0]
    torch.testing.assert_close(found[0], expected / expected.norm())


def test_a_batch_is_the_images_one_by_one(encoder, images):
    together = encoder.encode(images)
    single = torch.cat([encoder.encode([image]) for image in images])
    torch.testing.assert_close(together, single, atol=1e-5, rtol=1e-4)
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_the_similarity_is_the_cosine(encoder, images):
    vectors = encoder.encode(images)
    scores = encoder.similarity.pairwise(vectors, vectors)
    torch.testing.assert_close(
        scores, vectors @ vectors.T, atol=1e-5, rtol=1e-5
    )


def test_the_fingerprint_tells_name_and_weights(encoder, weights, tmp_path):
    assert encoder.fingerprint.startswith(f'timm:{NAME}:')
    assert encoder.checkpoint == weights
    state = torch.load(weights)
    state['conv_stem.weight'] += 1
    torch.save(state, tmp_path / 'other.pth')
    other = ImageEncoder(NAME, tmp_path / 'other.pth', 'cpu')
    assert other.name == encoder.name
    assert other.fingerprint != encoder.fingerprint


def test_a_square_keeps_the_shape_and_the_colours():
    """A garment that is squeezed or cut is another one."""
    image = np.zeros((40, 20, 3), np.uint8)
    image[..., 2] = 255  # red
    square = fit_square(image, 20, (10.0, 20.0, 300.0))
    assert square.shape == (20, 20, 3)
    assert (square[:, 5:15] == (255, 0, 0)).all()
    assert (square[:, :5] == (10, 20, 255)).all()
    assert (square[:, 15:] == (10, 20, 255)).all()


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        ((1.2, 2.7, 5.1, 6.0), (1, 2, 6, 6)),
        ((-5, -5, 100, 100), (0, 0, 10, 8)),
        ((4, 4, 4, 4), (4, 4, 5, 5)),
        ((50, 50, 60, 60), (9, 7, 10, 8)),
        ((6, 6, 2, 2), (6, 6, 7, 7)),
    ],
)
def test_a_crop_is_never_empty(box, expected):
    image = np.arange(8 * 10 * 3).reshape(8, 10, 3)
    x1, y1, x2, y2 = expected
    assert np.array_equal(crop_box(image, box), image[y1:y2, x1:x2])


def test_broken_weights_and_devices_are_named(weights, tmp_path):
    state = torch.load(weights)
    state['conv_stem.weight'] *= torch.nan
    torch.save(state, tmp_path / 'nan.pth')
    with pytest.raises(RetrievalError, match=r'NaN.*nan\.pth'):
        ImageEncoder(NAME, tmp_path / 'nan.pth', 'cpu')
    with pytest.raises(UserError, match="device 'gpu'"):
        ImageEncoder(NAME, weights, 'gpu')
