# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmfashion_ext.synthetic.drawing.textures import (
    FABRICS,
    PATTERNS,
    TILE,
    hsv_to_bgr,
    random_style,
)


def test_colours():
    assert hsv_to_bgr(0, 1, 1).tolist() == [0, 0, 255]
    assert hsv_to_bgr(1 / 3, 1, 1).tolist() == [0, 255, 0]
    assert hsv_to_bgr(5 / 3, 1, 1).tolist() == [255, 0, 0]  # hue wraps
    assert hsv_to_bgr(0.4, 0, 0.5).tolist() == [127, 127, 127]


def test_fabrics_cover_the_categories():
    assert set(FABRICS) == set(range(1, 14))
    for fabric in FABRICS.values():
        assert set(fabric.patterns) <= set(PATTERNS)


@pytest.mark.parametrize('category', [1, 8, 9])
def test_most_styles_are_of_the_usual_fabric(category):
    rng = np.random.default_rng(category)
    styles = [random_style(rng, category) for _ in range(100)]
    usual = [style.pattern in FABRICS[category].patterns for style in styles]
    assert 0.6 < np.mean(usual) < 0.98
    for style in styles:
        assert 0.35 <= style.period <= 1.1
        assert abs(style.fade) <= 0.25
        for colour in (style.base, style.second, style.trim):
            assert len(colour) == 3
            assert all(0 <= value <= 255 for value in colour)


@pytest.mark.parametrize('pattern', sorted(set(PATTERNS)))
def test_tile(pattern):
    style = random_style(np.random.default_rng(3), 2)
    style = replace(style, base=(200, 180, 160), second=(20, 30, 40))
    style = replace(style, pattern=pattern, turned=False)
    tile = style.tile
    assert tile.shape == (TILE, TILE, 3)
    assert tile.dtype == np.uint8
    assert (tile == replace(style).tile).all()  # from the seed alone
    if pattern == 'plain':
        assert (tile == style.base).all()
        return
    assert tile.reshape(-1, 3).std(0).max() > 2
    turned = replace(style, turned=True).tile
    assert (turned == tile.transpose(1, 0, 2)).all()


@pytest.mark.parametrize('pattern', ['dots', 'floral', 'camouflage'])
def test_pattern_has_no_seam(pattern):
    """Where the tile meets itself it changes no more than elsewhere."""
    style = random_style(np.random.default_rng(3), 2)
    style = replace(style, base=(200, 180, 160), second=(20, 30, 40))
    tile = replace(style, pattern=pattern, trim=(90, 90, 90)).tile
    tile = cv2.GaussianBlur(np.tile(tile, (3, 3, 1)), (0, 0), 2).astype(float)
    for axis in (0, 1):
        steps = np.abs(np.diff(tile, axis=axis)).mean((1 - axis, 2))
        assert steps[TILE - 1] < 2 * steps.mean() + 1
