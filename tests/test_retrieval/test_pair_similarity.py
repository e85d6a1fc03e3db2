# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Exact retrieval against the plain formula, the network and plain sorting.

Run as a script it is one of the processes of the distributed test.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.retrieval import exact_topk
from mmfashion_ext.retrieval.pair_similarity import (
    PairSimilarity,
    RetrievalError,
    TopK,
    _InnerProduct,
    _PairSpace,
    distributed_search,
    topk_inner_product,
)

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a GPU'
)


class PairNetwork(nn.Module):
    """The end of the match network as the paper describes it."""

    def __init__(self, dim):
        super().__init__()
        self.fc = nn.Linear(dim, 2)

    def forward(self, queries, gallery):
        differences = (queries[:, None] - gallery) ** 2
        similar, different = self.fc(differences).unbind(-1)
        return similar - different


def sorted_pairs(scores, k):
    """The textbook: round to float32, stable sort of all pairs, take k."""
    scores = np.asarray(scores, dtype=np.float32)
    indices = np.argsort(-scores, axis=1, kind='stable')[:, :k]
    return np.take_along_axis(scores, indices, axis=1), indices


def assert_same(found, expected):
    assert found.scores.dtype == torch.float32
    assert found.indices.dtype == torch.int64
    np.testing.assert_array_equal(found.indices.numpy(), expected[1])
    np.testing.assert_array_equal(found.scores.numpy(), expected[0])


def pair_scores(similarity, queries, gallery):
    return similarity.pairwise(queries.double(), gallery.double()).numpy()


def random_case(seed, num_queries, num_items, dim=256, offset=0.0):
    generator = torch.Generator().manual_seed(seed)
    queries, gallery, weight = (
        torch.randn(*shape, generator=generator)
        for shape in ((num_queries, dim), (num_items, dim), (dim,))
    )
    # trained weights are mostly negative: the same look alike
    similarity = PairSimilarity(weight * 0.1 - 0.05, 0.7)
    return similarity, queries + offset, gallery + offset


def random_network(seed, dim=256):
    torch.manual_seed(seed)
    network = PairNetwork(dim)
    similarity = PairSimilarity.from_linear(network.fc.weight, network.fc.bias)
    return network, similarity


# Multiples of 1/4: every sum is exact in float32, and equal scores are many.
exact_numbers = st.integers(-4, 4).map(lambda n: n / 4)


@st.composite
def exact_cases(draw, max_items=150):
    dim = draw(st.integers(1, 4))
    num_queries = draw(st.integers(0, 5))
    num_items = draw(st.integers(0, max_items))
    seed = draw(st.integers(0, 2**32 - 1))
    spread = draw(st.integers(0, 4))
    rng = np.random.default_rng(seed)
    queries, gallery = (
        torch.from_numpy(rng.integers(-spread, spread + 1, (n, dim)) / 4)
        for n in (num_queries, num_items)
    )
    weight = draw(st.lists(exact_numbers, min_size=dim, max_size=dim))
    similarity = PairSimilarity(torch.tensor(weight), draw(exact_numbers))
    return similarity, queries.float(), gallery.float()


class TestIdentity:
    @settings(deadline=None)
    @given(exact_cases(max_items=8))
    def test_product_is_the_formula(self, case):
        similarity, queries, gallery = case
        left = similarity.augment_queries(queries)
        right = similarity.augment_gallery(gallery)
        assert left.shape == (len(queries), queries.shape[1] + 2)
        assert right.shape == (len(gallery), gallery.shape[1] + 2)
        expected = torch.zeros(len(queries), len(gallery))
        for i, a in enumerate(queries):
            for j, b in enumerate(gallery):
                terms = similarity.weight * (a - b) ** 2
                expected[i, j] = terms.sum() + similarity.bias
        torch.testing.assert_close(left @ right.T, expected, rtol=0, atol=0)
        torch.testing.assert_close(
            similarity.pairwise(queries, gallery), expected, rtol=0, atol=0
        )

    @pytest.mark.parametrize('offset', [0.0, 100.0])
    def test_equals_the_network(self, offset):
        network, similarity = random_network(0)
        _, queries, gallery = random_case(1, 40, 500, offset=offset)
        center = gallery.mean(0)
        product = (
            similarity.augment_queries(queries, center)
            @ similarity.augment_gallery(gallery, center).T
        )
        with torch.no_grad():
            expected = network.double()(queries.double(), gallery.double())
            plain = network.float()(queries, gallery)
        for logits in (product, plain, similarity.pairwise(queries, gallery)):
            torch.testing.assert_close(
                logits.double(), expected, rtol=0, atol=1e-4
            )

    def test_center_is_what_makes_an_offset_harmless(self):
        similarity, queries, gallery = random_case(1, 40, 500, offset=100.0)
        product = (
            similarity.augment_queries(queries)
            @ similarity.augment_gallery(gallery).T
        )
        expected = pair_scores(similarity, queries, gallery)
        assert np.abs(product.numpy() - expected).max() > 1e-3

    @pytest.mark.parametrize('offset', [0.0, 100.0])
    def test_top_20_is_that_of_the_network(self, offset):
        network, similarity = random_network(2)
        _, queries, gallery = random_case(3, 40, 2000, offset=offset)
        found = similarity.search(queries, gallery, 20)
        with torch.no_grad():
            logits = network.double()(queries.double(), gallery.double())
            plain = network.float()(queries, gallery)
        values, indices = logits.topk(20)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.scores, values, rtol=0, atol=1e-4)
        # in float32 the network itself may swap what is this close
        np.testing.assert_allclose(
            plain.gather(1, found.indices), plain.topk(20)[0], atol=1e-4
        )

    def test_softmax_ranks_the_same(self):
        network, similarity = random_network(4)
        _, queries, gallery = random_case(5, 20, 300)
        logits = network.fc((queries[:, None] - gallery) ** 2).double()
        similar = logits.softmax(-1)[..., 0]
        found = similarity.search(queries, gallery, 5)
        np.testing.assert_array_equal(found.indices, similar.topk(5)[1])


class TestTopK:
    @settings(max_examples=200, deadline=None)
    @given(
        exact_cases(),
        st.integers(1, 170),
        st.sampled_from([1, 3000, 40000, 2**28]),
    )
    def test_equals_sorting_with_many_ties(self, case, k, max_memory):
        similarity, queries, gallery = case
        found = similarity.search(queries, gallery, k, max_memory)
        expected = pair_scores(similarity, queries, gallery)
        assert_same(found, sorted_pairs(expected, k))
        found = topk_inner_product(queries, gallery, k, max_memory)
        expected = (queries.double() @ gallery.double().T).numpy()
        assert_same(found, sorted_pairs(expected, k))

    @pytest.mark.parametrize('max_memory', [1, 10**5, 10**6, 2**28])
    @pytest.mark.parametrize('k', [1, 20, 1500])
    def test_equals_sorting_of_floats(self, k, max_memory):
        similarity, queries, gallery = random_case(6, 9, 777, dim=32)
        found = similarity.search(queries, gallery, k, max_memory)
        expected = pair_scores(similarity, queries, gallery)
        assert_same(found, sorted_pairs(expected, k))
        found = topk_inner_product(queries, gallery, k, max_memory)
        expected = (queries.double() @ gallery.double().T).numpy()
        assert_same(found, sorted_pairs(expected, k))

    @pytest.mark.parametrize('max_memory', [1, 10**6, 2**28])
    def test_copies_of_an_item_are_ordered_by_index(self, max_memory):
        """Products of equal vectors differ by where they stand in a block."""
        similarity, queries, gallery = random_case(7, 9, 40, dim=256)
        order = torch.randperm(
            2000, generator=torch.Generator().manual_seed(0)
        )
        gallery = gallery.repeat(50, 1)[order]
        found = similarity.search(queries, gallery, 20, max_memory)
        best = pair_scores(similarity, queries, gallery).argmax(1)
        for row, item in zip(found.indices, best, strict=True):
            copies = (gallery == gallery[item]).all(1).nonzero()[:, 0]
            assert len(copies) == 50
            assert row.tolist() == copies[:20].tolist()

    def test_more_near_ties_than_float32_products_can_tell(self):
        """Scores that differ by less than what a product rounds."""
        rng = np.random.default_rng(0)
        gallery = torch.from_numpy(rng.normal(size=(700, 64))).float()
        gallery[200:, :] = gallery[0]
        gallery[200:, 5] += torch.from_numpy(rng.permutation(500)) * 2e-6
        queries = gallery[:1] + 8.0
        similarity = PairSimilarity(-torch.ones(64), 0.0)
        expected = sorted_pairs(pair_scores(similarity, queries, gallery), 20)
        product = (
            similarity.augment_queries(queries)
            @ similarity.augment_gallery(gallery).T
        )
        assert product.topk(20)[1].tolist() != expected[1].tolist()
        for max_memory in (1, 2**28):
            found = similarity.search(queries, gallery, 20, max_memory)
            assert_same(found, expected)

    @settings(deadline=None)
    @given(
        st.integers(0, 2**32),
        st.sampled_from([1, 2, 31, 256, 1000]),
        st.sampled_from([1e-12, 1e-3, 1.0, 1e4]),
        st.sampled_from([0.0, 1.0, 1e3]),
    )
    def test_error_of_products_is_bounded(self, seed, dim, scale, offset):
        """What the exactness of the search rests on."""
        similarity, queries, gallery = random_case(seed, 7, 50, dim, offset)
        queries, gallery = queries * scale, gallery * scale
        center = gallery.mean(0)
        for space in (_PairSpace(similarity, center), _InnerProduct(dim)):
            left, query_sizes = space.query_factors(queries)
            right, gallery_sizes = space.gallery_factors(gallery)
            exact = space.exact(queries, gallery.expand(7, 50, dim))
            bound = space.error(query_sizes, gallery_sizes.max())
            error = (left @ right.T - exact).abs().max(1)[0]
            assert (error <= bound).all()

    def test_ordinary_features_need_no_second_scan(self, monkeypatch):
        """Otherwise the search would be right, but slow."""
        calls = []
        monkeypatch.setattr(
            exact_topk._Search, '_rescan', lambda *a: calls.append(a)
        )
        similarity, queries, gallery = random_case(8, 100, 5000)
        similarity.search(queries, gallery, 20)
        topk_inner_product(queries, gallery, 20)
        assert not calls

    def test_mixed_dtypes(self):
        similarity, queries, gallery = random_case(9, 5, 300, dim=16)
        half = gallery.half()
        found = similarity.search(queries.double(), half, 7)
        scores = pair_scores(similarity, queries, half.float())
        assert_same(found, sorted_pairs(scores, 7))

    def test_features_with_gradient(self):
        similarity, queries, gallery = random_case(9, 5, 300, dim=16)
        found = similarity.search(
            queries.requires_grad_(), gallery.requires_grad_(), 7
        )
        assert not found.scores.requires_grad

    def test_fast_training_precision_changes_nothing(self):
        similarity, queries, gallery = random_case(10, 20, 2000)
        expected = similarity.search(queries, gallery, 20)
        before = torch.get_float32_matmul_precision()
        try:
            torch.set_float32_matmul_precision('medium')
            with torch.autocast('cpu', dtype=torch.bfloat16):
                found = similarity.search(queries, gallery, 20)
            assert torch.get_float32_matmul_precision() == 'medium'
        finally:
            torch.set_float32_matmul_precision(before)
        assert_same(found, expected)

    def test_rank_orders_candidates(self):
        similarity, queries, gallery = random_case(11, 6, 90, dim=8)
        expected = similarity.search(queries, gallery, 4)
        rows = [torch.randperm(90) for _ in queries]
        candidates = torch.stack(rows)
        found = similarity.rank(queries, gallery, candidates, 4)
        assert_same(found, expected)
        candidates[:, 1:] = -1
        found = similarity.rank(queries, gallery, candidates, 3)
        assert found.indices[:, 0].tolist() == candidates[:, 0].tolist()
        assert (found.indices[:, 1:] == -1).all()
        assert (found.scores[:, 1:] == -torch.inf).all()

    @needs_cuda
    @pytest.mark.parametrize('place', ['cpu', 'cuda'])
    def test_gpu_finds_the_same(self, place):
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
            before = memory('VmRSS')
            similarity.search(queries, gallery, 20, max_memory=32 * 2**20)
            print(memory('VmHWM') - before)
        """
        used = float(run_python('-c', code).stdout)
        # 8 MiB for the result, the candidates and the allocator
        assert 8 < used < 32 + 8


class TestBadInput:
    similarity, queries, gallery = random_case(13, 5, 70, dim=4)

    def refused(self, match, **changes):
        given = {'queries': self.queries, 'gallery': self.gallery, 'k': 2}
        with pytest.raises(RetrievalError, match=match):
            self.similarity.search(**(given | changes))

    def test_shapes(self):
        wrong = self.queries[:, :3]
        self.refused(r'query .*\(N, 4\), got \(5, 3\)', queries=wrong)
        self.refused(r'gallery .*\(N, 4\)', gallery=self.gallery[0])
        with pytest.raises(RetrievalError, match=r'gallery .*\(N, 3\)'):
            topk_inner_product(wrong, self.gallery, 2)

    def test_whole_numbers(self):
        self.refused(
            'floating point, got torch.int64',
            queries=torch.ones(2, 4, dtype=torch.long),
        )

    @pytest.mark.parametrize('value', [torch.nan, torch.inf, 1e30])
    def test_not_finite(self, value):
        for name in ('query', 'gallery'):
            plural = {'query': 'queries'}.get(name, name)
            features = getattr(self, plural).clone()
            features[3, 1] = value
            self.refused(f'{name} features of row 3', **{plural: features})
            both = {'queries': self.queries, 'gallery': self.gallery}
            with pytest.raises(RetrievalError, match=f'{name} .* row 3'):
                topk_inner_product(**both | {plural: features}, k=2)

    def test_k(self):
        self.refused('k must be at least 1, got 0', k=0)

    def test_weights(self):
        with pytest.raises(RetrievalError, match='not finite'):
            PairSimilarity(torch.tensor([1.0, torch.nan]), 0.0)
        with pytest.raises(RetrievalError, match='not finite'):
            PairSimilarity(torch.ones(2), float('inf'))
        with pytest.raises(RetrievalError, match=r'\(D,\), got \(1, 2\)'):
            PairSimilarity(torch.ones(1, 2), 0.0)
        with pytest.raises(RetrievalError, match=r'got \(3, 4\)'):
            PairSimilarity.from_linear(torch.ones(3, 4), torch.ones(2))

    def test_is_a_users_error(self):
        assert issubclass(RetrievalError, UserError)

    def test_empty(self):
        found = self.similarity.search(self.queries, self.gallery[:0], 3)
        assert found.scores.shape == found.indices.shape == (5, 0)
        found = self.similarity.search(self.queries[:0], self.gallery, 3)
        assert found.scores.shape == found.indices.shape == (0, 3)


def distributed_case(name):
    """What both ranks search, and where the gallery is cut."""
    similarity, queries, gallery = random_case(14, 7, 500, dim=16)
    gallery[300:] = gallery[:200]  # ties across the shards
    return (
        similarity,
        queries,
        gallery,
        {
            'ragged': (170, 20),
            'empty first': (0, 20),
            'empty last': (500, 20),
            'k above a shard': (490, 60),
            'k above all': (250, 999),
        }[name],
    )


CASES = (
    'ragged',
    'empty first',
    'empty last',
    'k above a shard',
    'k above all',
)


def distributed_process(store, rank, world_size):
    rank = int(rank)
    dist.init_process_group(
        *('gloo', f'file://{store}'), rank=rank, world_size=int(world_size)
    )
    for name in CASES:
        similarity, queries, gallery, (cut, k) = distributed_case(name)
        shard = (gallery[:cut], gallery[cut:])[rank]
        found = distributed_search(similarity, queries, shard, k)
        assert_same(found, similarity.search(queries, gallery, k))
    shards = [gallery[:100].clone(), gallery[100:].clone()]
    for different in (queries + rank, queries[: 5 + rank]):
        with pytest.raises(RetrievalError, match='different queries'):
            distributed_search(similarity, different, shards[rank], 5)
    with pytest.raises(RetrievalError, match=r'different .*weights or k'):
        distributed_search(similarity, queries, shards[rank], 5 + rank)
    shards[1][7, 2] = torch.nan
    with pytest.raises(RetrievalError, match=r'rank 1: .*gallery .* row 7'):
        distributed_search(similarity, queries, shards[rank], 5)
    empty = distributed_search(similarity, queries, gallery[:0], 5)
    assert empty.indices.shape == (len(queries), 0)
    dist.destroy_process_group()


class TestDistributed:
    def test_two_processes(self, run_ranks):
        run_ranks(__file__)

    def test_without_a_process_group(self):
        similarity, queries, gallery = random_case(15, 4, 50, dim=8)
        found = distributed_search(similarity, queries, gallery, 3)
        assert_same(found, similarity.search(queries, gallery, 3))


if __name__ == '__main__':
    torch.set_num_threads(1)
    distributed_process(*sys.argv[1:])
