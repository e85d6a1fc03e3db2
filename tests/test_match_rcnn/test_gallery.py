# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Building, resuming, extending and querying a gallery with a fake model."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn.gallery import (
    EncodedImage,
    build_gallery,
    find_gallery_images,
    query_gallery,
)
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.utils.images import read_image


class FakeEncoder:
    """The mean colour of an image is its one garment; black has none."""

    similarity = PairSimilarity(torch.tensor([-1.0, -1.0, -1.0]), 2.0)
    fingerprint = 'fake:1'
    origin = {'config': 'fake.py'}
    score_thr = 0.3

    def __init__(self):
        self.seen = 0

    def encode(self, images, skipped=None):
        for source in images if isinstance(images, list) else [images]:
            try:
                image = read_image(source)
            except UserError as error:
                skipped.append({'input': str(source), 'reason': str(error)})
                continue
            self.seen += 1
            yield EncodedImage(str(source), *self.describe(image))

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
    (folder / 'broken.jpg').write_bytes(b'not an image')
    (folder / 'empty.jpg').touch()
    (folder / 'notes.txt').write_text('left alone')
    return folder


def stems(items):
    return [item['image'].rpartition('/')[2].split('.')[0] for item in items]


def test_builds_and_names_what_cannot_be_read(shop, tmp_path):
    out = tmp_path / 'shop.index'
    report = build_gallery([shop], FakeEncoder(), out, progress=False)
    assert (report.images, report.garments, report.known) == (5, 4, 0)
    skipped = sorted(Path(entry['input']).name for entry in report.skipped)
    assert skipped == ['broken.jpg', 'empty.jpg']
    index = GalleryIndex.load(out, 'fake:1')
    assert sorted(stems(index.items)) == ['blue', 'dark_red', 'green', 'red']
    assert not out.with_name('shop.index.partial').exists()


def test_matches_come_in_order_of_similarity(shop, tmp_path):
    out, encoder = tmp_path / 'shop.index', FakeEncoder()
    build_gallery([shop], encoder, out, progress=False)
    index = GalleryIndex.load(out)
    (garment,) = query_gallery(shop / 'red.png', index, encoder, topk=3)
    assert stems(garment['matches'])[:2] == ['red', 'dark_red']
    best, second, third = (m['similarity'] for m in garment['matches'])
    # sigmoid of 2 for equal colours, one channel differs by 55 / 255
    assert best == pytest.approx(0.8808, abs=1e-4)
    expected = 1 / (1 + np.exp((55 / 255) ** 2 - 2))
    assert second == pytest.approx(expected, abs=1e-4)
    assert third == pytest.approx(0.5, abs=1e-4)


def test_an_interrupted_build_goes_on(shop, tmp_path):
    out = tmp_path / 'shop.index'

    class Stopping(FakeEncoder):
        def describe(self, image):
            if self.seen == 4:
                raise KeyboardInterrupt
            return super().describe(image)

    with pytest.raises(KeyboardInterrupt):
        build_gallery([shop], Stopping(), out, save_every=1, progress=False)
    assert not out.exists()
    again = FakeEncoder()
    report = build_gallery([shop], again, out, progress=False)
    assert report.known == 2  # one of the three images has no garment
    assert again.seen == 3
    whole = tmp_path / 'whole.index'
    build_gallery([shop], FakeEncoder(), whole, progress=False)
    found, expected = GalleryIndex.load(out), GalleryIndex.load(whole)
    assert found.items == expected.items
    assert torch.equal(found.features, expected.features)
    assert not out.with_name('shop.index.partial').exists()


def test_more_images_extend_an_index(shop, tmp_path):
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


def test_nothing_to_show_is_said(shop, tmp_path):
    index = GalleryIndex(FakeEncoder.similarity, 'fake:1')
    with pytest.raises(UserError, match=r'black\.png: no clothes found'):
        query_gallery(shop / 'black.png', index, FakeEncoder())
    with pytest.raises(UserError, match=r'broken\.jpg.*read as an image'):
        query_gallery(shop / 'broken.jpg', index, FakeEncoder())
    with pytest.raises(UserError, match='empty'):
        query_gallery(shop / 'red.png', index, FakeEncoder())
    with pytest.raises(UserError, match='does not exist'):
        find_gallery_images([tmp_path / 'gone'])
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='empty: no images in this folder'):
        find_gallery_images([tmp_path / 'empty'])
    with pytest.raises(UserError, match='no images: give'):
        find_gallery_images([])


def test_images_come_once_and_in_order(shop):
    found = find_gallery_images([shop / 'red.png', shop, shop / 'red.png'])
    names = [path.name for path in found]
    assert names[0] == 'red.png'
    assert len(names) == len(set(names)) == 7
    assert 'notes.txt' not in names
    assert all(path.is_absolute() for path in found)


def test_a_single_new_file_that_cannot_be_read_is_skipped_too(shop, tmp_path):
    class OneByOne(FakeEncoder):
        """Refuses a single unreadable input, as inferencers do."""

        def encode(self, images, skipped=None):
            yield from super().encode(images, errors := [])
            if len(images) == len(errors) == 1:
                raise UserError(errors[0]['reason'])
            skipped += errors

    out = tmp_path / 'shop.index'
    for _ in range(2):  # the second time nothing else is new
        report = build_gallery(
            [shop / 'red.png', shop / 'broken.jpg'],
            OneByOne(),
            out,
            progress=False,
        )
        (entry,) = report.skipped
        assert entry['input'] == str(shop / 'broken.jpg')
        assert 'broken.jpg' in entry['reason']
    assert (report.known, report.images) == (1, 0)
    report = build_gallery([shop / 'red.png'], OneByOne(), out, progress=False)
    assert (report.known, report.skipped) == (1, [])
