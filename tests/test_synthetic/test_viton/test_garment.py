# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from dataclasses import replace

import numpy as np
import pytest

from mmfashion_ext.synthetic.viton.garment import (
    BODY,
    LEFT,
    RIGHT,
    draw_flat_cloth,
    random_top,
)

SIZE = 128, 96


def tops(count=60):
    rng = np.random.default_rng(0)
    return [random_top(rng) for _ in range(count)]


def of_category(category):
    return next(top for top in tops() if top.category == category)


def test_random_tops():
    found = tops()
    assert {top.category for top in found} == {1, 2, 5, 6}
    words = [bool(top.word) for top in found]
    assert 0.2 < np.mean(words) < 0.6
    for top in found:
        assert top.has_sleeves == (top.category in (1, 2))
        assert top.flat_sleeve.upper == top.flat_sleeve.lower == top.spread


@pytest.mark.parametrize('category', [1, 2, 5, 6])
def test_flat_cloth(category):
    flat = draw_flat_cloth(of_category(category), SIZE)
    assert flat.image.shape == (*SIZE, 3)
    assert flat.part_masks.shape == (3, *SIZE)
    assert flat.mask.shape == SIZE
    assert flat.image.dtype == flat.mask.dtype == np.uint8
    assert (flat.part_masks <= flat.mask).all()
    rows, columns = np.nonzero(flat.mask > 127)
    for first, last, size in (
        (rows.min(), rows.max(), SIZE[0]),
        (columns.min(), columns.max(), SIZE[1]),
    ):
        assert first > 0
        assert last < size - 1
        assert abs(first + last - (size - 1)) <= 2  # in the middle
    white = flat.on_white[flat.mask == 0]
    assert (white == 255).all()
    sleeves = [(flat.part_masks[k] > 127).sum() for k in (LEFT, RIGHT)]
    assert (min(sleeves) > 0) == (category in (1, 2))
    if category in (1, 2):
        x = [
            np.nonzero((flat.part_masks[k] > 127).any(0))[0].mean()
            for k in (LEFT, BODY, RIGHT)
        ]
        assert x[0] < x[1] < x[2]


def test_word_is_printed_on_the_body_only():
    top = of_category(1)
    plain = draw_flat_cloth(replace(top, word=''), SIZE)
    printed = draw_flat_cloth(replace(top, word='NOVA'), SIZE)
    changed = (plain.image != printed.image).any(2)
    assert 20 < changed.sum() < 0.4 * (plain.mask > 127).sum()
    assert (plain.part_masks[BODY][changed] > 0).all()
    assert (plain.mask == printed.mask).all()


def test_same_top_same_image():
    top = of_category(2)
    first, again = (draw_flat_cloth(top, SIZE).image for _ in range(2))
    assert (first == again).all()
