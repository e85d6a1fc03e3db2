# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos.framing import Frame, choose_frame
from mmfashion_ext.synthetic.tryon_photos.worn_region import find_worn_regions


def test_masks_points_and_photo_move_alike(labels):
    frame = Frame(60.0, 100.0, 1.5, (240, 180))
    for one in (frame, replace(frame, mirrored=True)):
        mask = np.zeros((480, 320), bool)
        mask[150:170, 120:150] = True
        cropped = one.crop_mask(mask)
        y, x = np.nonzero(cropped)
        corner = one.move(np.array([[119.5, 149.5], [149.5, 169.5]]))
        low, high = corner.min(0), corner.max(0)
        assert (x.min() - 0.5, y.min() - 0.5) == pytest.approx(low, abs=0.51)
        assert (x.max() + 0.5, y.max() + 0.5) == pytest.approx(high, abs=0.51)
        photo = np.repeat(mask[..., None] * np.uint8(255), 3, 2)
        both = (one.crop(photo)[..., 0] > 127) ^ cropped
        assert both.sum() < 0.02 * cropped.sum()


def test_a_larger_photograph_gives_the_same_crop(photo):
    """The original is used at its own resolution."""
    photo = cv2.GaussianBlur(photo, (0, 0), 3)
    large = cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    frame = Frame(40.3, 90.7, 1.2, (200, 150), mirrored=True)
    small, fine = frame.crop(photo), frame.crop(large, 2.0)
    assert np.abs(small.astype(int) - fine).mean() < 1.5


@pytest.mark.parametrize('kind', ['upper', 'trousers'])
@pytest.mark.parametrize('seed', [None, 0, 1, 2, 3])
def test_frames_hold_the_garment(labels, kind, seed):
    region = find_worn_regions(labels)[kind]
    rng = None if seed is None else np.random.default_rng(seed)
    frame = choose_frame(region, (256, 192), rng)
    y, x = np.nonzero(region.mask)
    moved = frame.move(np.stack([x, y], 1))
    assert (moved >= -0.5).all()
    assert (moved < [191.5, 255.5]).all()
    share = region.mask.sum() * frame.scale**2 / (256 * 192)
    assert share > 0.05


def test_tops_are_cropped_closer_than_the_whole_body(labels):
    regions = find_worn_regions(labels)
    top = choose_frame(regions['upper'], (256, 192))
    body = choose_frame(regions['trousers'], (256, 192))
    assert top.scale > 1.3 * body.scale
    assert not top.mirrored


def test_frames_are_those_of_the_seed(labels):
    region = find_worn_regions(labels)['upper']
    first, again, other = (
        choose_frame(region, (256, 192), np.random.default_rng(seed))
        for seed in (5, 5, 6)
    )
    assert first == again != other
