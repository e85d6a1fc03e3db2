# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos.shading import (
    RANGE,
    estimate_shading,
)

SIZE = 120, 90


@pytest.fixture
def region():
    mask = np.zeros(SIZE, bool)
    mask[20:100, 15:75] = True
    return mask


def light():
    """Light that falls from left to right, (h, w, 1)."""
    return (
        np.linspace(1.3, 0.7, SIZE[1])[None, :, None]
        * np.ones(SIZE)[..., None]
    )


def as_image(values):
    return np.clip(values, 0, 255).astype(np.uint8)


def test_light_of_a_plain_garment_is_found(region):
    image = as_image(np.array([60, 90, 120.0]) * light())
    found = estimate_shading(image, region)
    assert found.plain
    inner = found.full[30:90, 25:65] / light()[30:90, 25:65, 0]
    assert np.ptp(inner) / inner.mean() < 0.25
    assert found.full[50, 20] > 1.05 * found.full[50, 70]


def test_stripes_are_not_light(region):
    """A printed pattern must not stay as a ghost on the next garment."""
    colours = np.where(
        (np.arange(SIZE[0]) // 6 % 2)[:, None, None],
        np.array([200, 40, 40.0]),
        np.array([40, 200, 60.0]),
    ) * np.ones((*SIZE, 1))
    found = estimate_shading(as_image(colours), region)
    assert not found.plain
    assert np.abs(found.full[region] - 1).max() < 0.1
    assert (found.fine == 1).all()


def test_factors_are_bounded(region):
    image = np.zeros((*SIZE, 3), np.uint8)
    image[40:60] = 255
    full = estimate_shading(image, region).full
    assert full.min() >= RANGE[0]
    assert full.max() <= RANGE[1]


def test_a_tiny_region_has_no_shading():
    image = np.full((*SIZE, 3), 90, np.uint8)
    mask = np.zeros(SIZE, bool)
    mask[5, 5] = True
    found = estimate_shading(image, mask)
    assert (found.full == 1).all()
