# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np

from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES
from mmfashion_ext.lite.drawing import category_color, draw_items

IMAGE = np.full((60, 80, 3), 200, np.uint8)


def items(label=8):
    number = CATEGORIES[label].num_landmarks if label is not None else 3
    points = np.stack([np.linspace(45, 60, number)] * 2, 1).astype(np.float32)
    mask = np.zeros((1, 60, 80), bool)
    mask[0, 40:50, 40:50] = True
    return {
        'bboxes': np.float32([[35, 20, 70, 55]]),
        'scores': np.float32([0.9]),
        'labels': None if label is None else np.array([label]),
        'categories': None if label is None else ['skirt'],
        'masks': mask,
        'keypoints': [points],
        'keypoint_scores': [np.linspace(0, 1, number)],
    }


def test_draws_on_a_copy():
    drawn = draw_items(IMAGE, items(), np.array([0]), 0.5)
    assert (IMAGE == 200).all()
    color = category_color(8)
    assert tuple(drawn[55, 50].tolist()) == color  # the lower edge
    blend = (0.55 * 200 + 0.45 * np.array(color)).astype(np.uint8)
    assert drawn[41, 41].tolist() == blend.tolist()
    assert (drawn[:, :30] == 200).all()
    assert (draw_items(IMAGE, items(), np.zeros(0, int), 0.5) == 200).all()


def test_hides_unlikely_landmarks_and_boxes():
    every = draw_items(IMAGE, items(), np.array([0]), 0.0)
    none = draw_items(IMAGE, items(), np.array([0]), 1.5)
    assert (every != none).any()
    plain = items(None)
    del plain['masks']
    drawn = draw_items(IMAGE, plain, np.array([0]), 1.5, draw_boxes=False)
    assert (drawn == 200).all()
    boxed = draw_items(IMAGE, plain, np.array([0]), 1.5)
    assert tuple(boxed[55, 50].tolist()) == category_color(None)


def test_colours_of_categories_differ():
    assert len({category_color(label) for label in range(13)}) == 13
