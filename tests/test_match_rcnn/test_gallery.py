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
    describe_gallery,
    query_gallery,
    remove_from_gallery,
    update_gallery,
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

    for _ in range(2):  # what is removed meanwhile is read again
        with pytest.raises(KeyboardInterrupt):
            build_gallery(
                [shop], Stopping(), out, save_every=1, progress=False
            )
        if not out.exists():
            assert remove_from_gallery(out, [shop]) == (3, 2)
    assert len(GalleryIndex.load(out)) == 0
    again = FakeEncoder()
    report = build_gallery([shop], again, out, progress=False)
    assert report.known == 3  # one of them without clothes
    assert again.seen == 2
    whole = tmp_path / 'whole.index'
    build_gallery([shop], FakeEncoder(), whole, progress=False)
    found, expected = GalleryIndex.load(out), GalleryIndex.load(whole)
    assert found.items == expected.items
    assert found.images.keys() == expected.images.keys()
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


@pytest.mark.fault(27)
def test_too_little_memory_for_a_single_new_image(shop, tmp_path):
    """The index is written, with what it knew."""

    class Full(FakeEncoder):
        def encode(self, images, skipped=None):
            raise RuntimeError('CUDA out of memory.\nTried to allocate')

    out = tmp_path / 'shop.index'
    build_gallery([shop / 'red.png'], FakeEncoder(), out, progress=False)
    images = [shop / 'red.png', shop / 'green.png']
    report = build_gallery(images, Full(), out, progress=False)
    (entry,) = report.skipped
    assert entry['input'] == str(shop / 'green.png')
    assert entry['reason'] == (
        'RuntimeError: CUDA out of memory. Tried to allocate'
    )
    assert (report.known, report.images) == (1, 0)


def paint(path, name, size=(40, 30)):
    image = np.full((*size, 3), COLOURS[name], np.uint8)
    cv2.imwrite(str(path), image)


@pytest.fixture
def built(shop, tmp_path):
    """The index of the shop, without the files that are not images."""
    (shop / 'broken.jpg').unlink()
    (shop / 'empty.jpg').unlink()
    out = tmp_path / 'shop.index'
    build_gallery([shop], FakeEncoder(), out, progress=False)
    return out


def counts(report):
    names = ['images', 'garments', 'known', 'changed', 'removed', 'empty']
    return {k: n for k in names if (n := getattr(report, k))}


@pytest.mark.fault(18)
@pytest.mark.parametrize('way', ['build', 'update'])
def test_what_changed_is_read_again_and_what_is_gone_leaves(shop, built, way):
    paint(shop / 'red.png', 'green', size=(50, 30))
    paint(shop / 'dark_red.png', 'black', size=(50, 30))
    (shop / 'more' / 'blue.png').unlink()
    (shop / 'green.png').touch()  # the time alone: read, found equal
    encoder = FakeEncoder()
    if way == 'build':
        report = build_gallery([shop], encoder, built, progress=False)
    else:
        report = update_gallery(built, encoder, progress=False)
    assert encoder.seen == 2
    assert counts(report) == {
        'images': 2,
        'garments': 1,
        'known': 2,
        'changed': 2,
        'removed': 1,
        'empty': 1,
    }
    index = GalleryIndex.load(built)
    assert sorted(stems(index.items)) == ['green', 'red']
    assert sorted(Path(p).stem for p in index.images) == [
        'black',
        'dark_red',
        'green',
        'red',
    ]
    (garment,) = query_gallery(shop / 'green.png', index, encoder)
    assert [m['similarity'] for m in garment['matches']] == [0.8808] * 2


@pytest.mark.fault(18)
def test_images_without_clothes_are_not_detected_anew(shop, built):
    encoder = FakeEncoder()
    report = build_gallery([shop], encoder, built, progress=False)
    assert (encoder.seen, report.known) == (0, 5)
    encoder.score_thr = 0.1  # now they may have some
    report = build_gallery([shop], encoder, built, progress=False)
    assert (encoder.seen, report.empty) == (1, 1)


@pytest.mark.fault(18)
def test_images_that_are_gone_or_of_other_folders(shop, built, tmp_path):
    """A build looks after the folders that it is given, no others."""
    (shop / 'more' / 'blue.png').unlink()
    other = tmp_path / 'other'
    other.mkdir()
    paint(other / 'a.png', 'red')
    report = build_gallery([other], FakeEncoder(), built, progress=False)
    assert counts(report) == {'images': 1, 'garments': 1}
    index = GalleryIndex.load(built)
    assert sorted(stems(index.items))[:3] == ['a', 'blue', 'dark_red']
    # gone, so it does not rank, unless the index was moved without it
    source = np.full((40, 30, 3), COLOURS['blue'], np.uint8)
    (garment,) = query_gallery(source, index, FakeEncoder(), topk=2)
    assert 'blue' not in stems(garment['matches'])
    assert len(garment['matches']) == 2
    (garment,) = query_gallery(
        source, index, FakeEncoder(), topk=2, keep_missing=True
    )
    assert stems(garment['matches'])[0] == 'blue'


@pytest.mark.fault(18)
def test_an_index_whose_images_are_all_gone(shop, built):
    index = GalleryIndex.load(built)
    image = read_image(shop / 'red.png')
    for path in [*shop.glob('*.png'), *shop.glob('more/*.png')]:
        path.unlink()
    with pytest.raises(
        UserError, match=r'all 4 items .* gone.*--keep-missing'
    ):
        query_gallery(image, index, FakeEncoder())
    assert query_gallery(image, index, FakeEncoder(), keep_missing=True)


@pytest.mark.fault(18)
def test_remove_and_info(shop, built, tmp_path):
    found = describe_gallery(built)
    assert (found['images'], found['garments']) == (5, 4)
    assert found['without_clothes'] == 1
    assert found['categories'] == {'vest': 4}
    assert found['folders'] == {str(shop): 4, str(shop / 'more'): 1}
    assert (found['gone'], found['changed']) == (0, 0)
    assert remove_from_gallery(built, [shop / 'more']) == (1, 1)
    assert remove_from_gallery(built, [shop / 'black.png']) == (1, 0)
    with pytest.raises(UserError, match='none of its 3 images is at'):
        remove_from_gallery(built, [shop / 'more'])
    paint(shop / 'red.png', 'blue', size=(60, 60))
    (shop / 'green.png').unlink()
    found = describe_gallery(built)
    assert (found['images'], found['gone'], found['changed']) == (3, 1, 1)
    for function in (remove_from_gallery, update_gallery):
        with pytest.raises(FileNotFoundError, match='index not found'):
            function(tmp_path / 'none', FakeEncoder() and [shop])


@pytest.mark.fault(18)
def test_two_builds_at_once_keep_the_images_of_both(shop, tmp_path):
    from threading import Barrier, Thread

    out, both = tmp_path / 'shop.index', Barrier(2)

    def build(path):
        both.wait()
        build_gallery([path], FakeEncoder(), out, progress=False)

    paths = [shop / 'red.png', shop / 'green.png']
    threads = [Thread(target=build, args=[path]) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stems(GalleryIndex.load(out).items)) == ['green', 'red']
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ['shop', 'shop.index']


@pytest.mark.fault(18)
def test_an_index_of_an_older_version_is_used(shop, built):
    """It has no records: its images count as unchanged."""
    index = GalleryIndex.load(built)
    index.images = {}
    index.save(built)
    encoder = FakeEncoder()
    report = build_gallery([shop], encoder, built, progress=False)
    assert (report.known, encoder.seen) == (4, 1)  # all but the empty one
    paint(shop / 'red.png', 'blue', size=(60, 60))
    report = build_gallery([shop], encoder, built, progress=False)
    assert report.changed == 1


@pytest.mark.fault(32)
def test_one_dress_is_indexed_and_searched_once(shop, tmp_path):
    class Unsure(FakeEncoder):
        """The same box as three categories."""

        def describe(self, image):
            features, items = super().describe(image)
            more = [
                {**item, 'score': item['score'] - 0.1 * i, 'category': str(i)}
                for item in items
                for i in range(3)
            ]
            return features.repeat(3, 1), more

    out = tmp_path / 'shop.index'
    report = build_gallery([shop], Unsure(), out, progress=False)
    assert report.garments == 4
    index = GalleryIndex.load(out)
    (garment,) = query_gallery(shop / 'red.png', index, Unsure())
    assert garment['category'] == '0'  # that of the best score
    options = {'duplicate_iou': None}
    found = query_gallery(shop / 'red.png', index, Unsure(), **options)
    assert len(found) == 3


@pytest.mark.fault(21)
def test_odd_files_are_skipped(shop, tmp_path):
    (shop / 'loop.jpg').symlink_to(shop / 'loop.jpg')
    (shop / 'around').symlink_to(shop)
    (shop / 'device.png').symlink_to('/dev/zero')
    out = tmp_path / 'shop.index'
    report = build_gallery(
        [shop, shop / 'loop.jpg'], FakeEncoder(), out, progress=False
    )
    assert report.images == 5
    names = sorted(Path(entry['input']).name for entry in report.skipped)
    assert names == ['broken.jpg', 'device.png', 'empty.jpg', 'loop.jpg']
