# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Query and ranked tracklets on one sheet."""

import numpy as np

from mmfashion_ext.scan.inputs import TrackletFeatures
from mmfashion_ext.scan.ranking_sheet import draw_ranking
from mmfashion_ext.utils.image_grid import CAPTION


def tracklet(name, colour, frames=3):
    frame = np.full((32, 16, 3), colour, np.uint8)
    return TrackletFeatures(name, None, [frame] * frames)


def test_query_first_then_the_best():
    query = tracklet('cam1/a', (255, 0, 0))  # blue, in BGR
    found = [
        (tracklet(f'b{i}', (0, 40 * i, 0)), 0.9 / (i + 1)) for i in range(6)
    ]
    sheet = draw_ranking(query, found)
    h, w = 192 + CAPTION + 10, 3 * 96 + 10
    assert sheet.shape == (2 * h, 5 * w, 3)
    assert sheet.dtype == np.uint8
    for number, colour in enumerate(
        [(255, 0, 0)] + [(0, 40 * i, 0) for i in range(6)]
    ):
        row, column = divmod(number, 5)
        block = sheet[row * h :][:192, column * w :][:, : 3 * 96]
        assert (block == colour).all()
        label = sheet[row * h + 192 :][:CAPTION, column * w :][:, : 3 * 96]
        assert (label < 128).any()


def test_tracklets_of_different_length_and_size():
    query = tracklet('a', (255, 0, 0), frames=1)
    wide = TrackletFeatures('', None, [np.zeros((1, 400, 3), np.uint8)])
    sheet = draw_ranking(query, [(tracklet('b', 0), 1.0)])
    assert sheet.shape[1] == 2 * (3 * 96 + 10)
    assert draw_ranking(wide, []).shape[0] == 192 + CAPTION + 10
