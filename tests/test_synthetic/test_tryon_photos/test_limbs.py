# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np

from mmfashion_ext.synthetic.tryon_photos.flat_garment import FlatGarment
from mmfashion_ext.synthetic.tryon_photos.limbs import find_limbs

from .conftest import MIDDLE

IDENTITY = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def test_sleeves_are_found(garment):
    left, right = find_limbs(garment)
    assert left.pivot[0] < MIDDLE[0] < right.pivot[0]
    assert left.weights[95, 20] > 0.9  # the left sleeve turns
    assert left.weights[180, 60] < 0.1  # the hem below it does not
    assert right.weights[95, 20] == 0


def test_legs_are_found_and_skirts_have_none():
    outline = [(60, 20), (131, 20), (150, 240), (110, 240), (96, 100)]
    outline += [(81, 240), (41, 240)]
    dense = []
    for a, b in zip(outline, outline[1:] + outline[:1], strict=True):
        steps = np.linspace(0, 1, 60, endpoint=False)[:, None]
        dense.append(np.array(a) + steps * (np.array(b) - a))
    points = np.concatenate(dense).astype(np.float32)
    legs = find_limbs(FlatGarment('a', 'trousers', points, IDENTITY))
    assert len(legs) == 2
    assert legs[0].weights[230, 60] > 0.9 > 0.1 > legs[0].weights[230, 140]
    assert legs[0].weights[25, 60] < 0.1
    assert find_limbs(FlatGarment('a', 'skirt', points, IDENTITY)) == []
