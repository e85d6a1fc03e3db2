# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos import FLAT_SIZE, RejectedError
from mmfashion_ext.synthetic.tryon_photos.flat_garment import (
    CLASSES,
    LIMITS,
    find_flat_garment,
    outline_of,
    scale_points,
)

from .conftest import draw_garment_photo, fill, tee_outline


def test_finds_and_sets_upright():
    """The garment fills the flat frame, its axis in the middle."""
    photo = draw_garment_photo(tee_outline())
    tilt = cv2.getRotationMatrix2D((107.5, 143.5), 12, 1)
    photo = cv2.warpAffine(
        photo, tilt, (216, 288), borderMode=cv2.BORDER_REPLICATE
    )
    garment = find_flat_garment(photo, 'upper', 'a.jpg')
    mask = garment.mask()
    iou = (mask & mask[:, ::-1]).sum() / (mask | mask[:, ::-1]).sum()
    assert iou > 0.93
    low, high = garment.outline.min(0), garment.outline.max(0)
    assert (low + high)[0] / 2 == pytest.approx(95.5, abs=2)
    assert max((high - low) / FLAT_SIZE) == pytest.approx(0.9, abs=0.03)
    # the map leads to the photograph: the cut-out shows the garment there
    flat = garment.cut_out(photo)
    assert flat[mask].mean() < 150 < flat[~mask].mean()
    large = garment.cut_out(photo, (384, 512))
    small = cv2.resize(large, FLAT_SIZE, interpolation=cv2.INTER_AREA)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((9, 9))) > 0
    assert np.abs(small.astype(int) - flat)[inner].mean() < 6


@pytest.mark.parametrize(
    ('kind', 'problem'), [('skirt', 'solidity'), ('trousers', 'height')]
)
def test_shapes_of_other_kinds_are_rejected(kind, problem):
    with pytest.raises(RejectedError, match=problem):
        find_flat_garment(draw_garment_photo(tee_outline()), kind)


def test_a_lost_side_is_rejected():
    outline = tee_outline()
    sleeve = (outline[:, 0] > 120) & (outline[:, 1] < 140)
    outline[sleeve, 0] = 120
    outline[outline[:, 1] > 190, 1] = 190
    photo = draw_garment_photo(outline)
    with pytest.raises(RejectedError, match='not symmetric'):
        find_flat_garment(photo, 'upper')


def test_nothing_is_rejected():
    with pytest.raises(RejectedError):
        find_flat_garment(np.full((200, 150, 3), 90, np.uint8), 'upper')


def test_outline_and_mask_agree(garment):
    mask = garment.mask()
    again = fill(outline_of(mask), FLAT_SIZE[::-1])
    assert (again & mask).sum() / (again | mask).sum() > 0.98
    double = garment.mask((384, 512))
    assert double.mean() == pytest.approx(mask.mean(), rel=0.02)


def test_points_keep_their_place():
    corners = np.array([[-0.5, -0.5], [191.5, 255.5]])
    scaled = scale_points(corners, FLAT_SIZE, (96, 128))
    assert scaled.tolist() == [[-0.5, -0.5], [95.5, 127.5]]


def test_every_kind_has_a_class_and_limits():
    assert CLASSES.keys() == LIMITS.keys()
    assert set(CLASSES.values()) == {'upper_body', 'lower_body', 'dresses'}
