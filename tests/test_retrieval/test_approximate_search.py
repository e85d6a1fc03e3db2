# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Approximate search with faiss: recall, exact scores, errors."""

import importlib.util
import sys

import pytest
import torch

from mmfashion_ext.retrieval.gallery_index import measure_recall
from mmfashion_ext.retrieval.scoring import RetrievalError

KINDS = ('ivf', 'hnsw')

needs_faiss = pytest.mark.skipif(
    importlib.util.find_spec('faiss') is None, reason='needs faiss'
)


@needs_faiss
class TestApproximate:
    @pytest.mark.parametrize('kind', KINDS)
    @pytest.mark.parametrize('positive', [0.0, 0.3])
    @pytest.mark.parametrize('offset', [0.0, 100.0])
    def test_finds_most_and_scores_exactly(
        self, kind, positive, offset, make_items, make_features, make_index
    ):
        index = make_index(0, positive=positive)
        index.add(make_features(3000) + offset, make_items(3000))
        queries = make_features(60, seed=1) + offset
        index.build_approximate(kind)
        assert measure_recall(index, queries, 10) > 0.8
        exact = index.search(queries, 3000)
        found = index.search(queries, 10, approximate=True)
        at = exact.scores.gather(1, exact.indices.argsort(1))
        assert torch.equal(at.gather(1, found.indices), found.scores)
        assert (found.scores.diff(dim=1) <= 0).all()

    @pytest.mark.parametrize('kind', KINDS)
    def test_effort_buys_recall(self, kind, make_features, make_index):
        index = make_index(3000)
        queries = make_features(100, seed=1)
        index.build_approximate(kind, effort=1, links=4)
        low = measure_recall(index, queries, 10)
        index.approximate.effort = 3000
        assert measure_recall(index, queries, 10) > max(low, 0.99)

    def test_all_cells_are_exact(self, make_features, make_index, assert_same):
        index = make_index(700)
        index.build_approximate('ivf', cells=9, effort=9)
        queries = make_features(30, seed=2)
        assert_same(
            index.search(queries, 20, approximate=True),
            index.search(queries, 20),
        )
        assert measure_recall(index, queries) == 1

    @pytest.mark.parametrize('kind', KINDS)
    def test_items_added_later_are_found(
        self, kind, make_items, make_features, make_index
    ):
        index = make_index(2000)
        index.build_approximate(kind)
        more = make_features(300, seed=8) * 1.3
        index.add(more, make_items(300, start=2000))
        index.add(more[:0], [])
        found = index.search(more, 1, approximate=True).indices[:, 0]
        right = found == torch.arange(2000, 2300)
        assert right.float().mean() > 0.95

    @pytest.mark.parametrize('kind', KINDS)
    def test_one_item(self, kind, make_features, make_index):
        index = make_index(1)
        index.build_approximate(kind)
        found = index.search(make_features(2), 5, approximate=True)
        assert found.indices.tolist() == [[0], [0]]

    def test_fewer_found_than_wanted(self, make_features, make_index):
        index = make_index(400)
        index.build_approximate('ivf', cells=100, effort=1)
        found = index.search(make_features(5), 200, approximate=True)
        missing = found.indices == -1
        assert missing[:, -1].all()
        assert not missing[:, 0].any()
        assert (found.scores[missing] == -torch.inf).all()
        assert found.scores[~missing].isfinite().all()
        assert 0 < measure_recall(index, make_features(5), 200) < 1

    def test_inner_product_index_ranks_the_same(
        self, make_features, make_index
    ):
        """faiss' own exact index over the augmented vectors."""
        import faiss

        index = make_index(900, dim=64, positive=0.3)
        queries = make_features(40, dim=64, seed=1)
        flat = faiss.IndexFlatIP(66)
        flat.add(index.similarity.augment_gallery(index.features).numpy())
        augmented = index.similarity.augment_queries(queries)
        scores, indices = flat.search(augmented.numpy(), 20)
        exact = index.search(queries, 20)
        gaps = index.search(queries, 21).scores.diff(dim=1).abs()
        clear = (gaps > 1e-4).all(dim=1)  # what float32 can tell apart
        assert clear.float().mean() > 0.8
        assert torch.equal(
            torch.from_numpy(indices)[clear], exact.indices[clear]
        )
        torch.testing.assert_close(
            torch.from_numpy(scores), exact.scores, rtol=0, atol=1e-4
        )

    def test_errors(self, make_features, make_index):
        index = make_index()
        queries = make_features(2)
        with pytest.raises(RetrievalError, match='call build_approximate'):
            index.search(queries, 3, approximate=True)
        for options, match in (
            ({'kind': 'lsh'}, "'ivf' or 'hnsw', got 'lsh'"),
            ({'cells': 51}, 'cells must be 1 to 50'),
            ({'effort': 0}, 'effort must be at least 1, got 0'),
        ):
            with pytest.raises(RetrievalError, match=match):
                index.build_approximate(**options)
            assert index.approximate is None
        index.build_approximate()
        with pytest.raises(RetrievalError, match='k must be at least 1'):
            index.search(queries, 0, approximate=True)
        with pytest.raises(RetrievalError, match=r'query .* got \(2, 3\)'):
            index.search(queries[:, :3], 3, approximate=True)
        with pytest.raises(RetrievalError, match='at least one query'):
            measure_recall(index, queries[:0])

    def test_in_a_process_of_its_own(self, run_python):
        """No host, faiss when used; both it and torch bring an OpenMP
        library: neither a crash nor a deadlock with several threads.
        """
        code = """if True:
            import sys
            from mmfashion_ext.retrieval.gallery_index import (
                GalleryIndex, measure_recall)

            print(sorted(sys.modules.keys() & {
                'faiss', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'mmpretrain'}))

            import torch
            from mmfashion_ext.retrieval.pair_similarity import PairSimilarity

            torch.set_num_threads(2)
            torch.manual_seed(0)
            index = GalleryIndex(PairSimilarity(-torch.ones(32), 0.0), 'x')
            features = torch.randn(4000, 32)
            index.add(features, [{}] * 4000)
            for kind in ('ivf', 'hnsw') * 2:
                index.build_approximate(kind, effort=200)
                print(measure_recall(index, features[:200]) > 0.9)
                torch.randn(300, 300) @ torch.randn(300, 300)
        """
        printed = run_python('-c', code).stdout.split()
        assert printed == ['[]', *['True'] * 4]


def test_without_faiss(monkeypatch, make_features, make_index):
    monkeypatch.setitem(sys.modules, 'faiss', None)
    index = make_index()
    with pytest.raises(ImportError) as caught:
        index.build_approximate()
    assert "pip install 'mmfashion_ext[retrieval]'" in str(caught.value)
    assert '\n' not in str(caught.value)
    assert index.search(make_features(2), 3).indices.shape == (2, 3)
