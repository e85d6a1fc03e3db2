# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos.mirror_symmetry import (
    find_mirror_axis,
)


def turned(mask, angle):
    h, w = mask.shape
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1)
    return cv2.warpAffine(mask.astype(np.uint8), matrix, (w, h)) > 0


@pytest.fixture
def mask():
    image = np.zeros((160, 120), np.uint8)
    cv2.fillPoly(
        image, [np.array([[40, 30], [80, 30], [95, 130], [25, 130]])], 1
    )
    return image > 0


@pytest.mark.parametrize('angle', [-17, 0, 9])
def test_finds_angle_and_axis(mask, angle):
    found = find_mirror_axis(turned(mask, angle))
    assert found.iou > 0.95
    assert found.angle == pytest.approx(-angle, abs=1.5)
    if angle == 0:
        assert found.axis == pytest.approx(60, abs=1.5)


def test_a_shape_without_a_mirror_axis(mask):
    mask[30:80, 60:] = False
    assert find_mirror_axis(mask).iou < 0.8
