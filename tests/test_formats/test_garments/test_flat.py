# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.garments.flat import cut_garment

from .conftest import garment_image


@pytest.mark.parametrize('factor', [1, 6])
def test_finds_the_garment_on_a_floor(factor):
    image, mask = garment_image()
    image, mask = (
        a.repeat(factor, 0).repeat(factor, 1) for a in (image, mask)
    )
    found, doubt = cut_garment(image)
    assert doubt == ''
    assert found.dtype == np.uint8
    assert set(found.flat) == {0, 255}
    union, both = (found > 0) | mask, (found > 0) & mask
    assert both.sum() / union.sum() > 0.95


def test_small_parts_are_dropped():
    """A label on the floor is not the garment."""
    image, mask = garment_image()
    image[2:4, 31:34] = (30, 60, 190)
    found = cut_garment(image).mask > 0
    assert not found[2:4, 31:34].any()
    assert found[mask].mean() > 0.95


def test_masks_that_are_not_plausible():
    image, _ = garment_image(place=(20, 23, 16, 20))
    assert cut_garment(image).doubt.startswith('covers ')
    image, _ = garment_image(place=(2, 46, 2, 34))
    assert 'of the frame that counts as background' in cut_garment(image).doubt


def test_nothing_to_find():
    with pytest.raises(UserError, match=r'x\.jpg: GrabCut found no garment'):
        cut_garment(np.full((30, 20, 3), 200, np.uint8), 'x.jpg')
