# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.formats.garments.flat_mask import (
    SEPARATION,
    WORKING_SIDE,
    MaskError,
    cut_flat_garment,
    mask_garment,
    separation,
)


def bed(size=(200, 150), garment=None, colour=(40, 60, 150)):
    image = np.random.default_rng(0).normal(200, 3, (*size, 3))
    if garment is not None:
        image[garment] = colour
    return np.clip(image, 0, 255).astype(np.uint8)


def rectangle(size=(200, 150), rows=(40, 160), columns=(40, 110)):
    mask = np.zeros(size, bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


def test_finds_the_garment():
    truth = rectangle()
    found = cut_flat_garment(bed(garment=truth))
    assert max(found.shape) == WORKING_SIDE
    expected = cv2.resize(truth.astype(np.uint8), found.shape[::-1]) > 0
    iou = (found & expected).sum() / (found | expected).sum()
    assert iou > 0.95


def test_stripes_of_the_background_are_background():
    image = bed(garment=rectangle())
    striped = image.copy()
    striped[:, ::8] = striped[:, ::8] // 3
    striped[rectangle()] = image[rectangle()]
    found = cut_flat_garment(striped)
    assert abs(found.mean() - rectangle().mean()) < 0.06


def test_holes_are_filled():
    mask = rectangle()
    mask[90:94, 70:74] = False
    found = cut_flat_garment(bed(garment=mask))
    assert found[round(92 * 0.8), round(72 * 0.8)]


@pytest.mark.parametrize(
    ('image', 'problem'),
    [
        (np.full((90, 80, 3), 120, np.uint8), 'same colours|empty|area'),
        (bed(garment=rectangle(rows=(90, 100))), 'area|empty'),
        (bed(garment=rectangle(rows=(0, 200), columns=(50, 150))), 'border'),
    ],
)
def test_what_has_no_garment_is_rejected(image, problem):
    with pytest.raises(MaskError, match=problem):
        cut_flat_garment(image)


def test_same_image_same_mask():
    image = bed(garment=rectangle())
    first = cut_flat_garment(image)
    cv2.setRNGSeed(77)  # the state before does not matter
    assert (cut_flat_garment(image) == first).all()


def test_mask_at_full_size():
    truth = rectangle((400, 300), (80, 320), (80, 220))
    found = mask_garment(bed((400, 300), truth))
    assert found.shape == (400, 300)
    assert set(np.unique(found)) == {0, 255}
    inside = found > 0
    assert (inside & truth).sum() / (inside | truth).sum() > 0.95


def test_separation_of_garment_and_background():
    truth = rectangle()
    image = bed(garment=truth)
    assert separation(image, truth) > 0.99
    assert separation(image, ~truth) < 0.01
    elsewhere = np.roll(truth, 60, axis=1)
    assert separation(image, elsewhere) < 0.8
    assert separation(bed(), truth) == pytest.approx(0.5, abs=0.1)


def test_a_mask_that_has_nothing_to_do_with_the_image_is_refused():
    """The middle of a carpet is not a garment."""
    noise = np.random.default_rng(0).integers(0, 256, (128, 96, 3), np.uint8)
    mask_garment(noise)  # by its shape alone it is plausible
    with pytest.raises(MaskError, match=r'same colours, separation 0\.[45]'):
        mask_garment(noise, SEPARATION)
