# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton import cloth_mask
from mmfashion_ext.formats.viton.cloth_mask import (
    WORKING_PIXELS,
    grabcut_mask,
    is_plain,
    make_mask,
)
from mmfashion_ext.formats.viton.files import read_mask, read_rgb

SAMPLES = Path(os.environ.get('MMFASHION_EXT_SAMPLES', '')) / 'viton_demo'


def cloth(noise=3):
    """A striped garment on near-white, and where it is."""
    rng = np.random.default_rng(0)
    image = np.full((48, 36, 3), 245.0)
    mask = np.zeros((48, 36), bool)
    mask[8:44, 6:30] = mask[20:28, 3:33] = True
    stripes = np.where(np.arange(48)[:, None, None] % 12 < 6, 1, 0.6)
    image[mask] = (np.array([30, 60, 190.0]) * stripes).repeat(36, 1)[mask]
    image += rng.normal(0, noise, image.shape)
    return image.clip(0, 255).astype(np.uint8), mask


def test_finds_the_garment():
    image, mask = cloth()
    found = grabcut_mask(image)
    assert found.dtype == np.uint8
    assert set(found.flat) == {0, 255}
    union, both = (found > 0) | mask, (found > 0) & mask
    assert both.sum() / union.sum() > 0.97


def test_depends_on_the_image_alone():
    image, _ = cloth(noise=40)
    first = grabcut_mask(image)
    cv2.setRNGSeed(7)
    grabcut_mask(image[:20])
    assert (grabcut_mask(image) == first).all()
    assert (grabcut_mask(np.asfortranarray(image)) == first).all()


@pytest.mark.parametrize('size', [(20, 10), (2, 2)])
def test_a_image_without_garment_is_refused(size):
    with pytest.raises(UserError, match=r'a\.jpg: GrabCut found no garment'):
        grabcut_mask(np.full((*size, 3), 255, np.uint8), 'a.jpg')


def test_a_tiny_image_is_refused():
    with pytest.raises(UserError, match='cannot cut an image of 1 x 1 px'):
        grabcut_mask(np.zeros((1, 1, 3), np.uint8))


@pytest.mark.skipif(not SAMPLES.is_dir(), reason='no sample of the dataset')
def test_close_to_the_published_masks():
    for path in sorted(SAMPLES.glob('test_clothes/*.jpg')):
        mask = read_mask(SAMPLES / 'test_edge' / path.name) >= 128
        found = grabcut_mask(read_rgb(path)) > 0
        assert (found & mask).sum() / (found | mask).sum() > 0.985


@pytest.mark.fault(24)
@pytest.mark.parametrize('size', [(1536, 1152), (30, 40_000)])
def test_a_large_image_is_cut_at_a_bounded_size(monkeypatch, size):
    """A phone's photo took 71 s; a strip keeps its width."""
    seen = []
    image, mask = cloth(noise=0)
    large = cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC)
    grab_cut = cv2.grabCut
    monkeypatch.setattr(cv2, 'setRNGSeed', lambda seed: None)

    def counted(array, *args):
        seen.append(array.shape)
        small = cv2.resize(array, (36, 48))  # quick: the sizes matter here
        labels = np.zeros((48, 36), np.uint8)
        grab_cut(small, labels, (1, 1, 36, 48), *args[2:])
        args[0][:] = cv2.resize(
            labels, array.shape[1::-1], interpolation=cv2.INTER_NEAREST
        )

    monkeypatch.setattr(cv2, 'grabCut', counted)
    found = grabcut_mask(large)
    assert found.shape == size
    assert set(found.flat) == {0, 255}
    ((h, w, _),) = seen
    assert 0.97 * WORKING_PIXELS < h * w < 1.05 * WORKING_PIXELS
    if min(size) < 48:  # too thin for the quick cut
        return
    truth = cv2.resize(mask.astype(np.uint8), size[::-1]) > 0
    both = (found > 0) & truth
    assert both.sum() / ((found > 0) | truth).sum() > 0.93


@pytest.mark.fault(24)
def test_the_mask_of_a_smaller_copy_is_as_good(monkeypatch):
    """Full size: the outline moves by less than a pixel of the copy."""
    image, _ = cloth(noise=0)
    large = cv2.resize(image, (144, 192), interpolation=cv2.INTER_LINEAR)
    rng = np.random.default_rng(0)
    noisy = large + rng.normal(0, 3, large.shape)
    large = noisy.clip(0, 255).astype(np.uint8)
    whole = grabcut_mask(large) > 0
    monkeypatch.setattr(
        'mmfashion_ext.formats.viton.cloth_mask.WORKING_PIXELS', 96 * 72
    )
    found = grabcut_mask(large)
    assert found.shape == whole.shape
    assert ((found > 0) & whole).sum() / ((found > 0) | whole).sum() > 0.97


class TestAnyBackground:
    """Photographs of one's own: a floor, a bed, a hanger on a wall."""

    def garment(self, size=(160, 120)):
        mask = np.zeros(size, np.uint8)
        shape = [(30, 40), (90, 40), (112, 70), (100, 78), (88, 62)]
        shape += [(88, 130), (32, 130), (32, 62), (20, 78), (8, 70)]
        cv2.fillPoly(mask, [np.array(shape)], 1)
        return mask > 0

    def photograph(self, background, noise=4):
        mask = self.garment()
        image = np.where(mask[..., None], (170, 40, 60), background)
        rng = np.random.default_rng(0)
        image = image + rng.normal(0, noise, image.shape)
        return image.clip(0, 255).astype(np.uint8), mask

    def overlap(self, image, mask):
        found = make_mask(image) >= 128
        return (found & mask).sum() / (found | mask).sum()

    def test_a_plain_wall_is_cut_as_published(self):
        image, mask = self.photograph(np.full((160, 120, 3), 235))
        assert is_plain(image)
        assert np.array_equal(make_mask(image), grabcut_mask(image))
        assert self.overlap(image, mask) > 0.95

    def test_the_more_plausible_of_two_masks(self, monkeypatch):
        """GrabCut on a plain wall may lose a half of the garment."""
        image, mask = self.photograph(np.full((160, 120, 3), 235))
        half = mask * np.uint8(255)
        half[:85] = 0
        monkeypatch.setattr(cloth_mask, 'grabcut_mask', lambda *_: half)
        assert self.overlap(image, mask) > 0.93
        # none is plausible: GrabCut's, and the caller says so
        image[mask] = 235
        image[:, 40:80] = 90
        assert np.array_equal(make_mask(image), half)

    @pytest.mark.parametrize('width', [4, 11])
    def test_a_striped_floor(self, width):
        """GrabCut alone would find stripes in place of the garment."""
        stripes = np.arange(120) % (2 * width) < width
        floor = np.where(stripes[:, None], (205, 170, 120), (120, 95, 60))
        image, mask = self.photograph(floor[None].repeat(160, 0))
        assert not is_plain(image)
        assert self.overlap(image, mask) > 0.93

    def test_tiles(self):
        y, x = np.mgrid[:160, :120]
        tiles = ((y // 16 + x // 16) % 2)[..., None]
        image, mask = self.photograph(
            np.where(tiles, (210, 205, 195), (140, 150, 150))
        )
        assert self.overlap(image, mask) > 0.93

    def test_a_hanger_on_a_wall_in_two_colours(self):
        wall = np.full((160, 120, 3), 225)
        wall[110:] = 130, 110, 90  # a skirting board
        image, mask = self.photograph(wall)
        cv2.line(image, (60, 40), (60, 22), (60, 60, 60), 2)
        cv2.ellipse(image, (60, 18), (5, 5), 0, 90, 360, (60, 60, 60), 2)
        assert not is_plain(image)
        assert self.overlap(image, mask) > 0.93
        assert not make_mask(image)[:30].any(), 'the hook is not the garment'

    def test_what_cannot_be_told_apart_is_refused_with_the_reason(self):
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (160, 120, 3), np.uint8)
        with pytest.raises(
            UserError, match=r'a\.jpg: no plausible mask .*; give a mask'
        ):
            make_mask(noise, 'a.jpg')
