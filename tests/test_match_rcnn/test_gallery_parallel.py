# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A gallery in parts, with a fake model and without processes."""

import pickle

import cv2
import numpy as np
import pytest
import torch

from mmfashion_ext.cli.gallery_actions import EncoderOptions
from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import gallery_parallel
from mmfashion_ext.match_rcnn.gallery import EncodedImage, build_gallery
from mmfashion_ext.match_rcnn.gallery_parallel import build_gallery_parallel
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.utils.images import read_image


class FakeEncoder:
    """The mean colour of an image is its one garment."""

    similarity = PairSimilarity(torch.tensor([-1.0, -1.0, -1.0]), 2.0)
    origin = {'config': 'fake.py'}
    score_thr = 0.3
    fingerprint = 'fake:1'
    seen: list[str] = []
    fail_after = 10**9

    def encode(self, images, skipped=None):
        for path in images:
            if len(self.seen) >= self.fail_after:
                raise KeyboardInterrupt
            self.seen.append(path.name)
            colour = read_image(path).mean(axis=(0, 1)) / 255
            item = {'bbox': [0, 0, 9, 9], 'category': 'vest', 'score': 0.9}
            features = torch.tensor(colour).float()[None]
            yield EncodedImage(str(path), features, [item])


@pytest.fixture
def encoder(monkeypatch):
    """A class of encoders that counts; parts are built one by one here."""
    monkeypatch.setattr(
        gallery_parallel, 'run_parallel', lambda f, tasks, jobs: map(f, tasks)
    )
    monkeypatch.setattr(torch, 'set_num_threads', lambda number: None)
    return type('Counting', (FakeEncoder,), {'seen': []})


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / 'shop'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(9):
        image = np.full((20, 20, 3), rng.integers(0, 255, 3), np.uint8)
        cv2.imwrite(str(folder / f'{i}.png'), image)
    return folder


def build(shop, out, encoder, jobs, **options):
    return build_gallery_parallel(
        [shop], encoder, out, jobs, score_thr=0.3, progress=False, **options
    )


def content(path):
    index = GalleryIndex.load(path, 'fake:1')
    return {
        (item['image'], *row)
        for item, row in zip(index.items, index.features.tolist(), strict=True)
    }, set(index.images)


def test_the_index_is_that_of_one_process(shop, tmp_path, encoder):
    report = build(shop, tmp_path / 'a.index', encoder, 3)
    assert (report.images, report.garments, report.known) == (9, 9, 0)
    build_gallery([shop], encoder(), tmp_path / 'b.index', progress=False)
    assert content(tmp_path / 'a.index') == content(tmp_path / 'b.index')
    assert not list(tmp_path.glob('*part*'))


def test_an_interrupted_build_goes_on(shop, tmp_path, encoder):
    """With another number of processes; no image is read twice."""
    out = tmp_path / 'a.index'
    encoder.fail_after = 6
    with pytest.raises(KeyboardInterrupt):
        build(shop, out, encoder, 2, save_every=1)
    assert not out.exists()
    assert list(tmp_path.glob('a.index.part-*'))
    encoder.fail_after = 10**9
    report = build(shop, out, encoder, 3)
    assert sorted(encoder.seen) == [f'{i}.png' for i in range(9)]
    assert (report.images, report.known) == (3, 6)
    assert len(GalleryIndex.load(out)) == 9


def test_what_changed_is_read_and_what_is_gone_leaves(shop, tmp_path, encoder):
    out = tmp_path / 'a.index'
    build(shop, out, encoder, 2)
    (shop / '0.png').unlink()
    cv2.imwrite(str(shop / '1.png'), np.zeros((30, 30, 3), np.uint8))
    cv2.imwrite(str(shop / 'new.png'), np.zeros((30, 30, 3), np.uint8))
    encoder.seen.clear()
    report = build(shop, out, encoder, 4)
    assert sorted(encoder.seen) == ['1.png', 'new.png']
    assert (report.changed, report.removed, report.known) == (1, 1, 7)
    items, images = content(out)
    assert len(items) == len(images) == 9
    assert build(shop, out, encoder, 2).images == 0


@pytest.mark.fault(2)
def test_parts_of_another_checkpoint_are_refused(shop, tmp_path, encoder):
    out = tmp_path / 'a.index'
    build(shop, out, encoder, 2)
    before = content(out)
    encoder.seen.clear()
    other = type('Other', (encoder,), {'fingerprint': 'fake:2'})
    cv2.imwrite(str(shop / 'new.png'), np.zeros((30, 30, 3), np.uint8))
    with pytest.raises(UserError, match='another checkpoint'):
        build(shop, out, other, 2)
    assert encoder.seen == []
    assert content(out) == before
    with pytest.raises(UserError, match='jobs must be at least 1'):
        build(shop, out, encoder, 0)


def test_what_builds_an_encoder_reaches_other_processes():
    """The command line's options are pickled to them."""
    options = EncoderOptions('model', None, 'cpu', jobs=2)
    again = pickle.loads(pickle.dumps(options.build))
    assert again.__self__ == options
