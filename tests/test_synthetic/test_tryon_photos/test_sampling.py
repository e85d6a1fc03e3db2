# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos.sampling import (
    fill_smoothly,
    nearest_index,
    sample_image,
    sample_mask,
)


def test_samples_between_pixels_and_nothing_at_nan():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    at = np.array([[[1.5, 1.0], [np.nan, 0.0]]], np.float32)
    assert sample_image(image, at).tolist() == [[5.5, 0.0]]
    mask = np.ones((3, 4), bool)
    outside = np.array([[[1.0, 1.0], [9.0, 1.0]]], np.float32)
    assert sample_mask(mask, outside).tolist() == [[1.0, 0.0]]
    assert sample_mask(mask, at).tolist() == [[1.0, 0.0]]


def test_filling_keeps_what_is_known():
    rng = np.random.default_rng(0)
    image = rng.uniform(50, 60, (37, 23, 3)).astype(np.float32)
    known = (rng.random((37, 23)) < 0.3).astype(np.float32)
    filled = fill_smoothly(image, known)
    assert np.allclose(filled[known > 0], image[known > 0], atol=1e-3)
    assert filled.min() > 49
    assert filled.max() < 61


def test_filling_from_one_side_is_constant():
    image = np.zeros((16, 16, 1), np.float32)
    image[:, :3] = 7
    known = np.zeros((16, 16), np.float32)
    known[:, :3] = 1
    assert np.allclose(fill_smoothly(image, known), 7, atol=1e-3)


def test_nearest_known_pixel():
    known = np.zeros((9, 9), bool)
    known[2, 3] = known[8, 8] = True
    found = nearest_index(known)
    assert found[0, 0].tolist() == [2, 3]
    assert found[8, 7].tolist() == [8, 8]
    assert found[2, 3].tolist() == [2, 3]
    assert found.shape == (9, 9, 2)
    assert pytest.approx(found[5, 4].tolist()) == [2, 3]
