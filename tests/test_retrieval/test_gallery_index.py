# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import math

import pytest
import torch

from mmfashion_ext.retrieval.gallery_index import (
    GalleryIndex,
    measure_recall,
    recall,
)
from mmfashion_ext.retrieval.scoring import RetrievalError, TopK

MODEL = 'match-rcnn:0123456789abcdef'


class TestSearch:
    def test_is_that_of_the_similarity(
        self, make_features, make_index, assert_same
    ):
        index = make_index()
        queries = make_features(7, seed=1)
        found = index.search(queries, 5, max_memory=10**5)
        expected = index.similarity.search(queries, index.features, 5)
        assert_same(found, expected)
        assert index.search(queries, 999).indices.shape == (7, 50)

    def test_an_item_finds_itself(self, make_index):
        index = make_index()
        found = index.search(index.features, 1)
        assert found.indices[:, 0].tolist() == list(range(50))
        assert found.scores.unique().tolist() == pytest.approx([0.1])

    def test_empty(self, make_features, make_index):
        index = make_index(0)
        for use in (
            lambda: index.search(make_features(2), 3),
            lambda: index.build_approximate(),
        ):
            with pytest.raises(RetrievalError, match='is empty: add items'):
                use()

    def test_other_features(self, make_features, make_index):
        with pytest.raises(RetrievalError, match=r'\(N, 16\), got \(2, 8\)'):
            make_index().search(make_features(2, dim=8), 3)


class TestAdd:
    def test_in_parts(self, make_index):
        whole, index = make_index(50), make_index(0)
        for start, end in ((0, 1), (1, 30), (30, 30), (30, 50)):
            index.add(whole.features[start:end], whole.items[start:end])
        assert len(index) == 50
        assert torch.equal(index.features, whole.features)
        assert index.items == whole.items

    def test_keeps_no_reference(self, make_items, make_features, make_index):
        index, features = make_index(0), make_features(3)
        index.add(features, make_items(3))
        before = features.clone()
        features += 1
        assert torch.equal(index.features, before)

    @pytest.mark.parametrize(
        ('features', 'items', 'match'),
        [
            (torch.ones(2, 8), [{}] * 2, r'got \(2, 8\)'),
            (torch.ones(16), [{}] * 2, r'got \(16,\)'),
            (torch.ones(2, 16), [{}] * 3, 'got 2 features and 3 items'),
            (torch.ones(2, 16).long(), [{}] * 2, 'must be floating'),
            (torch.ones(1, 16), ['a.jpg'], 'item 0 must be a dict, got str'),
            (torch.ones(1, 16), [{'a': {1}}], 'item 0 cannot be saved as JS'),
            (torch.ones(1, 16), [{'a': math.nan}], 'item 0 cannot be saved'),
        ],
    )
    def test_refuses_whole(self, features, items, match, make_index):
        index = make_index(4)
        with pytest.raises(RetrievalError, match=match):
            index.add(features, items)
        assert len(index) == len(index.features) == 4

    @pytest.mark.parametrize('value', [math.nan, -math.inf])
    def test_refuses_what_is_not_finite(
        self, value, make_items, make_features, make_index
    ):
        index, features = make_index(4), make_features(3)
        features[1, 5] = value
        with pytest.raises(RetrievalError, match=r'item 1, .*1.jpg.* are NaN'):
            index.add(features, make_items(3))
        assert len(index) == len(index.features) == 4


class TestFile:
    def test_round_trip_and_extension(
        self, tmp_path, make_items, make_features, make_index, assert_same
    ):
        path = tmp_path / 'new' / 'shop.index'
        index, queries = make_index(), make_features(7, seed=1)
        index.save(path)
        loaded = GalleryIndex.load(path, MODEL)
        assert loaded.items == index.items
        assert loaded.fingerprint == MODEL
        assert loaded.similarity.bias == index.similarity.bias
        assert_same(loaded.search(queries, 9), index.search(queries, 9))
        more = make_features(20, seed=3)
        for each in (index, loaded):
            each.add(more, make_items(20, start=50))
        loaded.save(path)  # over the file that it was read from
        again = GalleryIndex.load(path)
        assert again.items == index.items
        assert_same(again.search(queries, 9), index.search(queries, 9))

    def test_empty_index(self, tmp_path, make_index):
        make_index(0).save(tmp_path / 'x')
        index = GalleryIndex.load(tmp_path / 'x')
        assert (len(index), index.features.shape) == (0, (0, 16))

    def test_another_checkpoint(self, tmp_path, make_index):
        make_index(3).save(tmp_path / 'x')
        with pytest.raises(RetrievalError) as caught:
            GalleryIndex.load(tmp_path / 'x', 'match-rcnn:ffff')
        message = str(caught.value)
        assert 'built with another checkpoint' in message
        assert MODEL in message
        assert 'match-rcnn:ffff' in message
        assert '\n' not in message

    def test_no_such_file(self, tmp_path):
        with pytest.raises(
            FileNotFoundError, match=r'index not found: .*none'
        ):
            GalleryIndex.load(tmp_path / 'none')

    def test_overwriting_the_file_does_not_change_a_loaded_index(
        self, tmp_path, make_index
    ):
        index = make_index(3)
        index.save(tmp_path / 'x')
        loaded = GalleryIndex.load(tmp_path / 'x')
        (tmp_path / 'x').write_bytes(b'')
        assert torch.equal(loaded.features, index.features)
        assert torch.equal(loaded.similarity.weight, index.similarity.weight)

    def test_check_of_the_model(self, make_index):
        index = make_index(1)
        index.check_model(MODEL, 'x.index')
        with pytest.raises(RetrievalError, match=r'x\.index: was built with'):
            index.check_model('another', 'x.index')


def test_recall_counts_any_of_equal_items():
    exact = TopK(torch.tensor([[3.0, 2, 2], [1, 1, 0]]), torch.zeros(2, 3))
    found = TopK(torch.tensor([[3.0, 2, 1], [1, 0, -1]]), torch.ones(2, 3))
    assert recall(found, exact) == pytest.approx(4 / 6)


def test_approximate_search_has_to_be_built(make_index, make_features):
    index = make_index()
    assert index.approximate is None
    for use in (
        lambda: index.search(make_features(2), 3, approximate=True),
        lambda: measure_recall(index, make_features(2)),
    ):
        with pytest.raises(RetrievalError, match='call build_approximate'):
            use()
