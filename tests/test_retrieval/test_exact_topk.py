# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The exact search: ties, rounding, blocks and memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.retrieval import exact_topk
from mmfashion_ext.retrieval.inner_product import (
    InnerProductSpace,
    topk_inner_product,
)
from mmfashion_ext.retrieval.pair_similarity import (
    PairSimilarity,
    TopK,
    _PairSpace,
)

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a GPU'
)


class TestTies:
    @pytest.mark.parametrize('max_memory', [1, 10**6, 2**28])
    def test_copies_of_an_item_are_sorted_by_index(
        self, max_memory, random_case, pair_scores
    ):
        """Products of equal vectors differ by where they stand in a block."""
        similarity, queries, gallery = random_case(7, 9, 40, dim=256)
        shuffled = torch.randperm(
            2000, generator=torch.Generator().manual_seed(0)
        )
        gallery = gallery.repeat(50, 1)[shuffled]
        found = similarity.search(queries, gallery, 20, max_memory)
        best = pair_scores(similarity, queries, gallery).argmax(1)
        for row, item in zip(found.indices, best, strict=True):
            copies = (gallery == gallery[item]).all(1).nonzero()[:, 0]
            assert len(copies) == 50
            assert row.tolist() == copies[:20].tolist()

    def test_more_near_ties_than_float32_products_can_tell(
        self, pair_scores, assert_sorted
    ):
        """Scores that differ by less than what a product rounds."""
        rng = np.random.default_rng(0)
        gallery = torch.from_numpy(rng.normal(size=(700, 64))).float()
        gallery[200:, :] = gallery[0]
        gallery[200:, 5] += torch.from_numpy(rng.permutation(500)) * 2e-6
        queries = gallery[:1] + 8.0
        similarity = PairSimilarity(-torch.ones(64), 0.0)
        expected = pair_scores(similarity, queries, gallery)
        best = np.argsort(-np.float32(expected), kind='stable')[:, :20]
        product = (
            similarity.augment_queries(queries)
            @ similarity.augment_gallery(gallery).T
        )
        assert product.topk(20)[1].tolist() != best.tolist()
        for max_memory in (1, 2**28):
            found = similarity.search(queries, gallery, 20, max_memory)
            assert_sorted(found, expected, 20)


class TestRounding:
    @settings(deadline=None)
    @given(
        seed=st.integers(0, 2**32),
        dim=st.sampled_from([1, 2, 31, 256, 1000]),
        scale=st.sampled_from([1e-12, 1e-3, 1.0, 1e4]),
        offset=st.sampled_from([0.0, 1.0, 1e3]),
    )
    def test_error_of_products_is_bounded(
        self, seed, dim, scale, offset, random_case
    ):
        """The exactness of the search rests on this bound."""
        similarity, queries, gallery = random_case(seed, 7, 50, dim, offset)
        queries, gallery = queries * scale, gallery * scale
        center = gallery.mean(0)
        for space in (_PairSpace(similarity, center), InnerProductSpace(dim)):
            left, query_sizes = space.query_factors(queries)
            right, gallery_sizes = space.gallery_factors(gallery)
            exact = space.exact(queries, gallery.expand(7, 50, dim))
            bound = space.error(query_sizes, gallery_sizes.max())
            error = (left @ right.T - exact).abs().max(1)[0]
            assert (error <= bound).all()

    def test_ordinary_features_need_no_second_scan(
        self, monkeypatch, random_case
    ):
        """Otherwise the search would be right, but slow."""
        calls = []
        monkeypatch.setattr(
            exact_topk._Search, '_rescan', lambda *a: calls.append(a)
        )
        similarity, queries, gallery = random_case(8, 100, 5000)
        similarity.search(queries, gallery, 20)
        topk_inner_product(queries, gallery, 20)
        assert not calls

    def test_fast_training_precision_changes_nothing(
        self, random_case, assert_same
    ):
        similarity, queries, gallery = random_case(10, 20, 2000)
        expected = similarity.search(queries, gallery, 20)
        previous = torch.get_float32_matmul_precision()
        try:
            torch.set_float32_matmul_precision('medium')
            with torch.autocast('cpu', dtype=torch.bfloat16):
                found = similarity.search(queries, gallery, 20)
            assert torch.get_float32_matmul_precision() == 'medium'
        finally:
            torch.set_float32_matmul_precision(previous)
        assert_same(found, expected)

    @needs_cuda
    @pytest.mark.parametrize('place', ['cpu', 'cuda'])
    def test_gpu_finds_the_same(self, place, random_case, assert_same):
        similarity, queries, gallery = random_case(12, 200, 20000)
        expected = similarity.search(queries, gallery, 20)
        torch.backends.cuda.matmul.allow_tf32 = True
        try:
            for max_memory in (10**6, 2**28):
                found = similarity.search(
                    queries.cuda(), gallery.to(place), 20, max_memory
                )
                assert found.indices.is_cuda
                assert_same(TopK(*(x.cpu() for x in found)), expected)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = False


class TestMemory:
    @pytest.mark.parametrize('max_memory', [2**20, 2**24, 2**28])
    @pytest.mark.parametrize('width', [3, 258, 4098])
    @pytest.mark.parametrize('pool', [9, 28, 1000])
    def test_blocks_fit(self, max_memory, width, pool):
        rows, cols = exact_topk.block_sizes(
            max_memory, 10**6, 10**7, width, pool
        )
        assert cols % exact_topk.CHUNK == 0
        needed = 4 * cols * width + 4 * rows * (cols + width)
        if (rows, cols) != (1, exact_topk.CHUNK):
            assert needed <= max_memory

    def test_blocks_are_no_larger_than_the_problem(self):
        assert exact_topk.block_sizes(2**28, 3, 100, 258, 28) == (3, 128)
        assert exact_topk.block_sizes(1, 3, 100, 258, 28) == (1, 64)

    @pytest.mark.skipif(
        not Path('/proc/self/clear_refs').exists(), reason='needs Linux'
    )
    def test_peak_of_a_search(self, run_python):
        """All scores at once would be 457 MiB, the limit is 32."""
        code = """if True:
            import re, torch
            from pathlib import Path
            from mmfashion_ext.retrieval.pair_similarity import PairSimilarity

            def memory(field):
                text = Path('/proc/self/status').read_text()
                return int(re.search(field + r':\\s+(\\d+)', text)[1]) / 1024

            torch.set_num_threads(1)
            queries, gallery = torch.randn(3000, 64), torch.randn(40000, 64)
            similarity = PairSimilarity(-torch.ones(64), 0.0)
            similarity.search(queries[:600], gallery[:100], 20)  # libraries
            Path('/proc/self/clear_refs').write_text('5')  # reset the peak
            start = memory('VmRSS')
            similarity.search(queries, gallery, 20, max_memory=32 * 2**20)
            print(memory('VmHWM') - start)
        """
        used = float(run_python('-c', code).stdout)
        # 8 MiB for the result, the candidates and the allocator
        assert 8 < used < 32 + 8


class TestExactScores:
    @pytest.mark.parametrize('max_memory', [1, 1000, 2**20])
    def test_scores_of_chosen_pairs(
        self, max_memory, random_case, pair_scores
    ):
        similarity, queries, gallery = random_case(16, 5, 40, dim=8)
        indices = torch.randint(40, (5, 7))
        scores = exact_topk.exact_scores(
            _PairSpace(similarity, None), queries, gallery, indices, max_memory
        )
        expected = np.take_along_axis(
            pair_scores(similarity, queries, gallery), indices.numpy(), axis=1
        )
        np.testing.assert_array_equal(scores, np.float32(expected))

    def test_no_pairs(self, random_case):
        similarity, queries, gallery = random_case(16, 5, 40, dim=8)
        space = _PairSpace(similarity, None)
        empty = torch.empty(5, 0, dtype=torch.long)
        scores = exact_topk.exact_scores(space, queries, gallery, empty)
        assert scores.shape == (5, 0)
