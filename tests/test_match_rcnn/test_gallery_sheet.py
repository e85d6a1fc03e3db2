# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The sheet of matches, on images of one colour each."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn.gallery_sheet import draw_matches
from mmfashion_ext.utils.image_grid import CAPTION

COLOURS = {'red': (0, 0, 255), 'green': (0, 255, 0), 'blue': (255, 0, 0)}
BOX = [2, 2, 28, 38]


@pytest.fixture
def shop(tmp_path):
    for name, colour in COLOURS.items():
        image = np.full((40, 30, 3), colour, np.uint8)
        cv2.imwrite(str(tmp_path / f'{name}.png'), image)
    return tmp_path


def garment(shop, *names):
    matches = [
        {'image': str(shop / f'{name}.png'), 'bbox': BOX, 'similarity': 0.5}
        for name in names
    ]
    return {'category': 'vest', 'score': 0.9, 'bbox': BOX, 'matches': matches}


def centre(image, row, column, cell=(60, 100)):
    x, y = column * cell[0] + 25, row * cell[1] + 35
    return tuple(int(v) for v in image[y, x])


@pytest.mark.fault(32)
def test_a_row_for_each_garment_with_its_matches(shop):
    sheet = shop / 'sheet.png'
    garments = [
        garment(shop, 'green', 'gone', 'blue'),
        garment(shop, 'blue'),
    ]
    draw_matches(shop / 'red.png', garments, sheet, cell=(60, 100))
    image = cv2.imread(str(sheet))
    assert image.shape == (CAPTION + 200, 4 * 60, 3)
    titles, image = image[:CAPTION], image[CAPTION:]
    for column in range(4):  # black on white above each column
        assert titles[:, 60 * column : 60 * column + 60].min() < 100
    white = (255, 255, 255)
    red, green, blue = (COLOURS[name] for name in ('red', 'green', 'blue'))
    for row, expected in enumerate(
        [(red, green, white, blue), (red, blue, white, white)]
    ):
        for column, colour in enumerate(expected):
            found = centre(image, row, column)
            assert np.abs(np.subtract(found, colour)).max() <= 2
    # moved since the index was built: the sheet says so, in red letters
    missing = image[:100, 120:180].astype(int)
    assert (missing[..., 2] - missing[..., 0] > 80).any()


def test_the_users_image_must_be_there(shop):
    with pytest.raises(UserError, match=r'gone\.png: no such file'):
        draw_matches(shop / 'gone.png', [garment(shop)], shop / 'sheet.png')


@pytest.mark.fault(2)
def test_nothing_is_fetched_that_an_index_names(shop, monkeypatch):
    """The image of a match is a file or gone, never a download."""
    monkeypatch.setattr('urllib.request.urlopen', lambda *_, **__: 1 / 0)
    match = garment(shop, 'blue')
    match['matches'][0]['image'] = 'http://example.invalid/a.png'
    draw_matches(shop / 'red.png', [match], shop / 'sheet.png')
