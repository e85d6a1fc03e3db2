# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A store follows the index of its gallery, and is searched in its place."""

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.scoring import RetrievalError
from mmfashion_ext.retrieval.stores.exact import ExactStore
from mmfashion_ext.retrieval.stores.sync import (
    StoredGallery,
    open_store,
    store_location,
    sync_store,
    vector_names,
)


@pytest.fixture
def index(similarity, draw):
    index = GalleryIndex(similarity, 'a:1')
    index.add(draw(10), [{'image': f'{i}.jpg'} for i in range(10)])
    return index


@pytest.fixture
def store(tmp_path, similarity):
    return ExactStore(tmp_path / 's.vectors', similarity)


def test_what_changed_is_changed_alone(index, store, draw):
    assert sync_store(index, store) == (10, 0)
    assert sync_store(index, store) == (0, 0)
    index.remove([2, 9])
    index.add(draw(1, 5), [{'image': '2.jpg'}])  # read again
    assert sync_store(index, store) == (1, 2)
    assert sorted(store.ids().tolist()) == sorted(vector_names(index))


def test_it_is_searched_in_the_place_of_the_index(index, store, draw):
    sync_store(index, store)
    gallery = StoredGallery(index, store)
    found, expected = (g.search(draw(4, 1), 3) for g in (gallery, index))
    assert torch.equal(found.indices, expected.indices)
    assert torch.equal(found.scores, expected.scores)
    assert gallery.items is index.items


@pytest.mark.fault(2)
def test_a_store_that_is_behind_is_named(index, store, draw):
    """Otherwise a garment that was sold is found for ever."""
    sync_store(index, store)
    index.remove([0])
    with pytest.raises(RetrievalError, match=r'10 vectors, the index 9.*--st'):
        StoredGallery(index, store)
    index.add(draw(1, 7), [{'image': 'new.jpg'}])
    gallery = StoredGallery(index, store)
    with pytest.raises(RetrievalError, match='which the index lacks'):
        gallery.search(draw(4, 1), 10)


def test_stores_by_name(tmp_path, similarity):
    for kind in ('exact', 'faiss'):
        store = open_store(kind, tmp_path / kind, similarity)
        assert store.kind == kind
        assert store.search(torch.zeros(1, 12), 3).indices.shape == (1, 0)
    assert store_location('a/shop.index', 'milvus').name == (
        'shop.index.milvus.db'
    )
    for call in (
        lambda: open_store('x', 'y', similarity),
        lambda: store_location('y', 'x'),
    ):
        with pytest.raises(UserError, match="store 'x': expected one of"):
            call()
