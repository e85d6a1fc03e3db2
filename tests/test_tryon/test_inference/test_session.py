# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The order of running, and what is read and computed more than once."""

import gc
import weakref

import numpy as np
import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.inference.inputs import resolve_pairs
from mmfashion_ext.tryon.inference.session import TryOnSession


@pytest.fixture
def make_session(infer):
    def make_session(**kwargs):
        return TryOnSession(
            infer.fast, infer.model.data_preprocessor, **kwargs
        )

    return make_session


def indices(pairs):
    return [(pair.person.index, pair.cloth.index) for pair in pairs]


def run_all(session, pairs):
    """Load and run one by one, in the order of the session."""
    return [
        output
        for pair in session.order(pairs)
        for output in session.run([session.load(pair)])
    ]


def test_order_is_by_blocks_of_garments(
    make_session, infer, shop, monkeypatch
):
    pairs = resolve_pairs(*shop.folders, grid=True).pairs
    session = make_session()
    assert indices(o.pair for o in run_all(session, pairs)) == indices(pairs)
    two = 2 * infer.fast.cloth_bytes((64, 40))
    monkeypatch.setattr(
        'mmfashion_ext.tryon.inference.pair_session.CACHE_BYTES', two
    )
    found = indices(o.pair for o in run_all(make_session(), pairs))
    assert found == [
        *((0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)),
        *((0, 2), (0, 3), (1, 2), (1, 3), (2, 2), (2, 3)),
    ]
    # a generator keeps its order
    found = indices(o.pair for o in run_all(make_session(), iter(pairs)))
    assert found == indices(pairs)


def test_images_are_read_once(make_session, shop, monkeypatch):
    reads = []
    session = make_session()
    read = session._read
    monkeypatch.setattr(
        session, '_read', lambda *item: reads.append(item) or read(*item)
    )
    pairs = resolve_pairs(*shop.folders, grid=True).pairs
    run_all(session, pairs)
    assert len(reads) == 3 + 4


def test_what_cannot_be_read_is_tried_once(make_session, shop, monkeypatch):
    shop.files(1, 0)[0].write_bytes(b'not an image')
    session = make_session()
    reads = []
    read = session._read
    monkeypatch.setattr(
        session, '_read', lambda *item: reads.append(item) or read(*item)
    )
    pairs = resolve_pairs(*shop.folders, grid=True).pairs
    bad = [pair for pair in pairs if pair.person.index == 1]
    for pair in bad:
        with pytest.raises(UserError, match=r'perso1\.bmp.*cannot be read as'):
            session.load(pair)
    assert len(reads) == 1
    pairs = resolve_pairs([None, 'a'], shop.files(0, 0)[1]).pairs
    with pytest.raises(UserError, match=r'expected an image .* got NoneType'):
        make_session().load(pairs[0])


def test_a_batch_of_different_sizes(make_session, shop):
    """Each with its like; the results are in order and of their size."""
    images, masks = [], []
    for h, w in ((64, 40), (96, 40), (96, 40), (64, 40)):
        images.append(np.full((h, w, 3), h, np.uint8))
        masks.append(np.full((h, w), 255, np.uint8))
    pairs = resolve_pairs(images, images, masks).pairs
    session = make_session(batch_size=4)
    outputs = session.run([session.load(pair) for pair in pairs])
    assert [output.pair.index for output in outputs] == [0, 1, 2, 3]
    for output, image in zip(outputs, images, strict=True):
        h, w = image.shape[:2]
        assert output.try_on.shape == output.cloth.shape == (3, h, w)
        assert output.warped_mask.shape == (1, h, w)
        assert torch.isfinite(output.try_on).all()


def test_images_are_resized_when_they_are_read(make_session, shop):
    """The cache holds small images, however large the files are."""
    session = make_session(size=(32, 64))
    (pair,) = resolve_pairs(*shop.files(0, 0)).pairs
    loaded = session.load(pair)
    assert loaded.size == (32, 64)
    cached = session._clothes.get(0, dict)
    assert cached['cloth'].shape == (32, 64, 3)
    assert cached['cloth_mask'].shape == (32, 64)


def test_an_error_of_the_network_clears_the_features(
    make_session, shop, monkeypatch
):
    session = make_session()
    first, second = resolve_pairs(
        shop.files(0, 0)[0],
        [shop.files(0, n)[1] for n in (0, 1)],
        [shop.files(0, n)[2] for n in (0, 1)],
    ).pairs
    session.run([session.load(first)])
    assert len(session._cloth_features) == len(session._person_features) == 1
    loaded = session.load(second)

    def dress(*args):
        raise RuntimeError('out of memory')

    with monkeypatch.context() as patch:
        patch.setattr(session.fast, 'dress', dress)
        with pytest.raises(RuntimeError):
            session.run([loaded])
    assert len(session._cloth_features) == len(session._person_features) == 0
    assert len(session.run([loaded])) == 1


@pytest.mark.fault(25)
def test_a_session_is_freed_with_its_last_reference(make_session, shop):
    session = make_session()
    (pair,) = resolve_pairs(*shop.files(0, 0)).pairs
    session.run([session.load(pair)])
    gone = weakref.ref(session)
    gc.disable()
    try:
        del session
        assert gone() is None
    finally:
        gc.enable()
