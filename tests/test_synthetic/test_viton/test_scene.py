# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import time
from dataclasses import replace

import cv2
import numpy as np

from mmfashion_ext.formats.viton.constants import UPPER_CLOTHES
from mmfashion_ext.synthetic.viton.garment import draw_flat_cloth, random_top
from mmfashion_ext.synthetic.viton.scene import (
    downsample,
    draw_scene,
    drawing_size,
    random_scene,
)


def test_one_person_in_two_tops():
    """Only what the top covers changes; the rest stays to the pixel."""
    rng = np.random.default_rng(4)
    scene = replace(random_scene(rng), noisy=False)
    samples = []
    for _ in range(2):
        top = random_top(rng)
        flat = draw_flat_cloth(top, drawing_size(96))
        samples.append(draw_scene(scene, top, flat))
    first, second = samples
    assert (first.densepose == second.densepose).all()
    assert (first.joints == second.joints).all()
    covered = (first.parse_map == UPPER_CLOTHES) | (
        second.parse_map == UPPER_CLOTHES
    )
    near = cv2.dilate(covered.astype(np.uint8), np.ones((9, 9))) > 0
    head = np.isin(first.parse_map, (1, 12)) & ~near
    assert head.sum() > 50
    assert (first.image[head] == second.image[head]).all()
    assert (first.image[covered] != second.image[covered]).mean() > 0.5


def test_centres_of_image_and_drawing_agree():
    drawing = np.zeros((40, 30), np.uint8)
    drawing[20, 10] = 255
    image = downsample(drawing)
    assert image.shape == (20, 15)
    assert np.argwhere(image).tolist() == [[10, 5]]


def test_fast_enough():
    """About ten persons a second; time that others need is not counted."""
    rng = np.random.default_rng(0)
    start = time.process_time()
    for _ in range(3):
        top = random_top(rng)
        draw_scene(
            random_scene(rng), top, draw_flat_cloth(top, drawing_size(256))
        )
    assert time.process_time() - start < 1.5  # five times the usual
