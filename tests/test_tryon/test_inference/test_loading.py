# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Garments with and without masks, sizes; see also test_transforms."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.inference.loading import (
    check_one_size,
    read_cloth,
    resize,
)


def test_a_missing_mask_is_made():
    """On a plain background GrabCut finds the garment."""
    image = np.full((60, 50, 3), 255, np.uint8)
    image[15:45, 12:38] = (40, 30, 160)
    cloth, mask = read_cloth(image)
    assert (cloth == image[..., ::-1]).all()
    assert (mask[20:40, 16:34] >= 128).mean() > 0.95
    assert (mask[:8] < 128).all()
    _, given = read_cloth(image, np.full((60, 50), 255, np.uint8))
    assert (given == 255).all()
    with pytest.raises(UserError, match='must have the same size'):
        read_cloth(image, np.full((30, 50), 255, np.uint8))


def test_resize():
    image = np.zeros((4, 6, 3), np.uint8)
    assert resize(image, (4, 6)) is image
    assert resize(image, (8, 3)).shape == (8, 3, 3)
    labels = np.array([[0, 13]], np.uint8)
    assert {*resize(labels, (2, 4), nearest=True).ravel()} == {0, 13}


def test_one_size():
    item = {'person': np.zeros((4, 5, 3)), 'cloth': np.zeros((4, 6, 3))}
    check_one_size(item, ['person'])
    with pytest.raises(UserError, match='person has 5 x 4 px, but cloth has'):
        check_one_size(item, ['person', 'cloth'])
