# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Page "Find in shop" with a stand-in for the search."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.app.shop import HEADINGS, Shop, find_in_shop, query_photo
from mmfashion_ext.app.uploads import Photo
from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import gallery


@pytest.fixture
def search(monkeypatch, tmp_path):
    """Calls of the search; it finds a shop image, then one that is gone."""
    calls = []
    image = np.zeros((50, 40, 3), np.uint8)
    image[10:30, 10:20] = 200
    cv2.imwrite(str(tmp_path / 'skirt_1.png'), image)

    def query(photo, index, encoder, top, **options):
        calls.append((index, encoder, top, options))
        matches = [
            {
                'image': str(tmp_path / name),
                'bbox': [10, 10, 20, 30],
                'category': 'skirt',
                'similarity': similarity,
            }
            for name, similarity in (('skirt_1.png', 0.91), ('gone.png', 0.5))
        ]
        box = [2, 3, 22, 33]
        return [{'bbox': box, 'category': 'sling_dress', 'matches': matches}]

    monkeypatch.setattr(gallery, 'query_gallery', query)
    return calls


def test_rows_and_images(search, upload):
    found = find_in_shop(upload('me.png'), Shop('index', 'encoder'), 2)
    assert search == [
        ('index', 'encoder', 2, {'keep_missing': False, 'duplicate_iou': 0.7})
    ]
    assert found.rows == [
        ('1: sling dress', '1', '0.910', 'skirt', 'skirt_1.png'),
        ('1: sling dress', '2', '0.500', 'skirt', 'gone.png'),
    ]
    assert len(found.rows[0]) == len(HEADINGS)
    captions = [caption for _, caption in found.images]
    assert captions == [
        'Your garment 1: sling dress',
        'Match 1 of 1: sling dress: 0.910, skirt_1.png',
    ]
    crop = found.images[1][0]  # the box with a margin of 1 px
    assert crop.shape == (23, 13, 3)
    assert crop[1:-2, 1:-2].min() == 200


def test_a_box_at_the_border_stays_in_the_image(search, upload):
    found = find_in_shop(upload('a.png', size=(31, 21)), Shop(1, 2), 1)
    assert found.images[0][0].shape == (30, 21, 3)


def test_no_clothes_names_the_file():
    def query(*args, **options):
        raise UserError('image: no clothes found with a score (--score-thr)')

    photo = Photo(np.zeros((9, 9, 3), np.uint8), 'me.png')
    with pytest.raises(UserError, match=r'^me.png: no clothes were found'):
        query_photo(photo, Shop(1, 2), 1, query)


def test_other_errors_stay():
    def query(*args, **options):
        raise UserError('all 3 items of the index are gone')

    photo = Photo(np.zeros((9, 9, 3), np.uint8), 'me.png')
    with pytest.raises(UserError, match=r'^all 3 items'):
        query_photo(photo, Shop(1, 2), 1, query)
