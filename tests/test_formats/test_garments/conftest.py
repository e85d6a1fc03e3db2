# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Made-up photographs of garments on a floor of two colours."""

import numpy as np
import pytest
from PIL import Image

SIZE = 36, 48  # (w, h) px


def garment_image(colour=(30, 60, 190), place=(8, 44, 6, 30)):
    """Return a garment (h, w, 3) RGB, and where it is (h, w)."""
    rng = np.random.default_rng(0)
    image = np.full((*SIZE[::-1], 3), (235, 230, 220.0))
    image[30:] = (70, 150, 70)
    mask = np.zeros(SIZE[::-1], bool)
    top, bottom, left, right = place
    mask[top:bottom, left:right] = True
    image[mask] = colour
    image += rng.normal(0, 3, image.shape)
    return image.clip(0, 255).astype(np.uint8), mask


def add(root, name, image=None):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if image is None:
        image = garment_image()[0]
    Image.fromarray(image).save(path, quality=95)
    return path


@pytest.fixture
def root(tmp_path):
    """Two photographs to train, two to validate, and a shoe."""
    root = tmp_path / 'garments'
    for name in (
        'train/t-shirt/a1.jpg',
        'train/skirt/a2.JPG',
        'train/shoes/a3.jpg',
        'validation/pants/b1.jpg',
        'validation/t-shirt/b2.png',
    ):
        add(root, name)
    return root
