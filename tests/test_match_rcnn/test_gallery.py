# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Building, resuming, extending and asking a gallery; the model is a fake."""

import cv2
import numpy as np
import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import gallery
from mmfashion_ext.match_rcnn.gallery import (
    build_gallery,
    draw_matches,
    find_pictures,
    query_gallery,
)
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity


class FakeEncoder:
    """The mean colour of a picture is its one garment; black has none."""

    similarity = PairSimilarity(torch.tensor([-1.0, -1.0, -1.0]), 2.0)
    fingerprint = 'fake:1'
    origin = {'config': 'fake.py'}
    score_thr = 0.3

    def __init__(self):
        self.seen = 0

    def __call__(self, images):
        self.seen += len(images)
        return [self.describe(image) for image in images]

    def describe(self, image):
        colour = torch.tensor(image.mean(axis=(0, 1)) / 255).float()
        if colour.sum() == 0:
            return torch.zeros(0, 3), []
        height, width = image.shape[:2]
        item = {'bbox': [2, 2, width - 2, height - 2], 'score': 0.9}
        return colour[None], [{**item, 'category': 'vest'}]


COLOURS = {
    'red': (0, 0, 255),
    'green': (0, 255, 0),
    'dark_red': (0, 0, 200),
    'black': (0, 0, 0),
    'blue': (255, 0, 0),
}


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / 'shop'
    (folder / 'more').mkdir(parents=True)
    for number, (name, colour) in enumerate(COLOURS.items()):
        image = np.full((40, 30 + number, 3), colour, np.uint8)
        where = folder / 'more' if name == 'blue' else folder
        cv2.imwrite(str(where / f'{name}.png'), image)
    (folder / 'broken.jpg').write_bytes(b'no picture')
    (folder / 'empty.jpg').touch()
    (folder / 'notes.txt').write_text('left alone')
    return folder


def stems(items):
    return [item['image'].rpartition('/')[2].split('.')[0] for item in items]


def test_builds_and_names_what_cannot_be_read(shop, tmp_path):
    out = tmp_path / 'shop.index'
    report = build_gallery([shop], FakeEncoder(), out, 2, progress=False)
    assert (report.images, report.garments, report.known) == (5, 4, 0)
    unreadable = sorted(path.name for path in report.unreadable)
    assert unreadable == ['broken.jpg', 'empty.jpg']
    index = GalleryIndex.load(out, 'fake:1')
    assert sorted(stems(index.items)) == ['blue', 'dark_red', 'green', 'red']
    assert not out.with_name('shop.index.partial').exists()


def test_matches_come_in_order_of_similarity(shop, tmp_path):
    out, encoder = tmp_path / 'shop.index', FakeEncoder()
    build_gallery([shop], encoder, out, progress=False)
    index = GalleryIndex.load(out)
    picture = shop / 'red.png'
    (garment,) = query_gallery(picture, index, encoder, topk=3)
    assert stems(garment['matches'])[:2] == ['red', 'dark_red']
    best, second, third = (m['similarity'] for m in garment['matches'])
    # sigmoid of 2 for equal colours, one channel differs by 55 / 255
    assert best == pytest.approx(0.8808, abs=1e-4)
    expected = 1 / (1 + np.exp((55 / 255) ** 2 - 2))
    assert second == pytest.approx(expected, abs=1e-4)
    assert third == pytest.approx(0.5, abs=1e-4)


def test_an_interrupted_build_goes_on(shop, tmp_path):
    out = tmp_path / 'shop.index'
    stopped = FakeEncoder()

    def stop(images, describe=FakeEncoder.__call__):
        if stopped.seen == 3:
            raise KeyboardInterrupt
        return describe(stopped, images)

    encoder = FakeEncoder()
    encoder.__class__ = type(
        'Stopping',
        (FakeEncoder,),
        {'__call__': lambda _, images: stop(images)},
    )
    with pytest.raises(KeyboardInterrupt):
        build_gallery([shop], encoder, out, 1, save_every=1, progress=False)
    assert not out.exists()
    again = FakeEncoder()
    report = build_gallery([shop], again, out, 1, progress=False)
    assert report.known == 2  # one of the three pictures has no garment
    assert again.seen == 3
    whole = tmp_path / 'whole.index'
    build_gallery([shop], FakeEncoder(), whole, progress=False)
    found, expected = GalleryIndex.load(out), GalleryIndex.load(whole)
    assert found.items == expected.items
    assert torch.equal(found.features, expected.features)
    assert not out.with_name('shop.index.partial').exists()


def test_more_pictures_extend_an_index(shop, tmp_path):
    out = tmp_path / 'shop.index'
    build_gallery([shop / 'more'], FakeEncoder(), out, progress=False)
    encoder = FakeEncoder()
    report = build_gallery([shop], encoder, out, progress=False)
    assert (report.known, report.garments) == (1, 3)
    assert encoder.seen == 4
    assert len(GalleryIndex.load(out).items) == 4


def test_an_index_of_another_checkpoint_is_refused(shop, tmp_path):
    out = tmp_path / 'shop.index'
    build_gallery([shop / 'more'], FakeEncoder(), out, progress=False)
    before = out.read_bytes()
    other = FakeEncoder()
    other.fingerprint = 'fake:2'
    with pytest.raises(UserError, match='fake:1'):
        build_gallery([shop], other, out, progress=False)
    assert out.read_bytes() == before


def test_sheet_shows_each_garment_with_its_matches(shop, tmp_path):
    out, encoder = tmp_path / 'shop.index', FakeEncoder()
    build_gallery([shop], encoder, out, progress=False)
    index = GalleryIndex.load(out)
    (shop / 'green.png').unlink()  # moved since: the sheet says so
    garments = query_gallery(shop / 'red.png', index, encoder)
    sheet = tmp_path / 'sheet.png'
    draw_matches(shop / 'red.png', garments, sheet, cell=(60, 100))
    image = cv2.imread(str(sheet))
    assert image.shape == (100, 5 * 60, 3)
    centres = [tuple(image[35, 60 * column + 25]) for column in range(5)]
    by_name = dict(
        zip(['asked', *stems(garments[0]['matches'])], centres, strict=True)
    )
    assert by_name.pop('green') == (255, 255, 255)
    for name, colour in by_name.items():
        expected = COLOURS['red' if name == 'asked' else name]
        assert np.abs(np.subtract(colour, expected, dtype=int)).max() <= 2


def test_nothing_to_show_is_said(shop, tmp_path):
    index = GalleryIndex(FakeEncoder.similarity, 'fake:1')
    with pytest.raises(UserError, match=r'black\.png: no clothes found'):
        query_gallery(shop / 'black.png', index, FakeEncoder())
    with pytest.raises(UserError, match='no picture that can be read'):
        query_gallery(shop / 'broken.jpg', index, FakeEncoder())
    with pytest.raises(UserError, match='empty'):
        query_gallery(shop / 'red.png', index, FakeEncoder())
    with pytest.raises(UserError, match='does not exist'):
        find_pictures([tmp_path / 'gone'])
    (tmp_path / 'none').mkdir()
    with pytest.raises(UserError, match='no pictures'):
        find_pictures([tmp_path / 'none'])


def test_pictures_come_once_and_in_order(shop):
    found = find_pictures([shop / 'red.png', shop, shop / 'red.png'])
    names = [path.name for path in found]
    assert names[0] == 'red.png'
    assert len(names) == len(set(names)) == 7
    assert 'notes.txt' not in names
    assert all(path.is_absolute() for path in found)
    assert gallery.read_picture(shop / 'notes.txt') is None
