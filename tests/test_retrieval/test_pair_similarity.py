# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pair similarity against the plain formula, the network and sorting."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmfashion_ext.retrieval.pair_similarity import (
    PairSimilarity,
    RetrievalError,
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
    @given(case=exact_cases(max_items=8))
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
    def test_equals_the_network(self, offset, random_case):
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

    def test_center_is_what_makes_an_offset_harmless(
        self, random_case, pair_scores
    ):
        similarity, queries, gallery = random_case(1, 40, 500, offset=100.0)
        product = (
            similarity.augment_queries(queries)
            @ similarity.augment_gallery(gallery).T
        )
        expected = pair_scores(similarity, queries, gallery)
        assert np.abs(product.numpy() - expected).max() > 1e-3

    @pytest.mark.parametrize('offset', [0.0, 100.0])
    def test_top_20_is_that_of_the_network(self, offset, random_case):
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

    def test_softmax_ranks_the_same(self, random_case):
        network, similarity = random_network(4)
        _, queries, gallery = random_case(5, 20, 300)
        logits = network.fc((queries[:, None] - gallery) ** 2).double()
        similar = logits.softmax(-1)[..., 0]
        found = similarity.search(queries, gallery, 5)
        np.testing.assert_array_equal(found.indices, similar.topk(5)[1])


class TestSearch:
    @settings(max_examples=200, deadline=None)
    @given(
        case=exact_cases(),
        k=st.integers(1, 170),
        max_memory=st.sampled_from([1, 3000, 40000, 2**28]),
    )
    def test_equals_sorting_with_many_ties(
        self, case, k, max_memory, pair_scores, assert_sorted
    ):
        similarity, queries, gallery = case
        found = similarity.search(queries, gallery, k, max_memory)
        expected = pair_scores(similarity, queries, gallery)
        assert_sorted(found, expected, k)

    @pytest.mark.parametrize('max_memory', [1, 10**5, 10**6, 2**28])
    @pytest.mark.parametrize('k', [1, 20, 1500])
    def test_equals_sorting_of_floats(
        self, k, max_memory, random_case, pair_scores, assert_sorted
    ):
        similarity, queries, gallery = random_case(6, 9, 777, dim=32)
        found = similarity.search(queries, gallery, k, max_memory)
        expected = pair_scores(similarity, queries, gallery)
        assert_sorted(found, expected, k)

    def test_mixed_dtypes(self, random_case, pair_scores, assert_sorted):
        similarity, queries, gallery = random_case(9, 5, 300, dim=16)
        half = gallery.half()
        found = similarity.search(queries.double(), half, 7)
        scores = pair_scores(similarity, queries, half.float())
        assert_sorted(found, scores, 7)

    def test_features_with_gradient(self, random_case):
        similarity, queries, gallery = random_case(9, 5, 300, dim=16)
        found = similarity.search(
            queries.requires_grad_(), gallery.requires_grad_(), 7
        )
        assert not found.scores.requires_grad

    def test_rank_orders_candidates(self, random_case, assert_same):
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


class TestBadInput:
    @pytest.fixture
    def refused(self, random_case):
        """A function: a search with other arguments must be refused."""
        similarity, queries, gallery = random_case(13, 5, 70, dim=4)

        def refused(match, **changes):
            given = {'queries': queries, 'gallery': gallery, 'k': 2}
            with pytest.raises(RetrievalError, match=match):
                similarity.search(**(given | changes))

        return refused

    def test_shapes(self, refused):
        wrong = torch.ones(5, 3)
        refused(r'query .*\(N, 4\), got \(5, 3\)', queries=wrong)
        refused(r'gallery .*\(N, 4\)', gallery=torch.ones(4))

    def test_whole_numbers(self, refused):
        refused(
            'floating point, got torch.int64',
            queries=torch.ones(2, 4, dtype=torch.long),
        )

    @pytest.mark.parametrize('value', [torch.nan, torch.inf, 1e30])
    def test_not_finite(self, refused, value):
        features = torch.ones(5, 4)
        features[3, 1] = value
        refused('query features of row 3', queries=features)
        refused('gallery features of row 3', gallery=features)

    def test_k(self, refused):
        refused('k must be at least 1, got 0', k=0)

    def test_weights(self):
        with pytest.raises(RetrievalError, match='not finite'):
            PairSimilarity(torch.tensor([1.0, torch.nan]), 0.0)
        with pytest.raises(RetrievalError, match='not finite'):
            PairSimilarity(torch.ones(2), float('inf'))
        with pytest.raises(RetrievalError, match=r'\(D,\), got \(1, 2\)'):
            PairSimilarity(torch.ones(1, 2), 0.0)
        with pytest.raises(RetrievalError, match=r'got \(3, 4\)'):
            PairSimilarity.from_linear(torch.ones(3, 4), torch.ones(2))

    def test_empty(self, random_case):
        similarity, queries, gallery = random_case(13, 5, 70, dim=4)
        found = similarity.search(queries, gallery[:0], 3)
        assert found.scores.shape == found.indices.shape == (5, 0)
        found = similarity.search(queries[:0], gallery, 3)
        assert found.scores.shape == found.indices.shape == (0, 3)
