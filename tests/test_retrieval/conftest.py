# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Cases of retrieval and what their results must be, as functions."""

import numpy as np
import pytest
import torch

from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity


@pytest.fixture(scope='session')
def random_case():
    """A function: similarity, queries (Q, D) and gallery (G, D)."""

    def random_case(seed, num_queries, num_items, dim=256, offset=0.0):
        generator = torch.Generator().manual_seed(seed)
        queries, gallery, weight = (
            torch.randn(*shape, generator=generator)
            for shape in ((num_queries, dim), (num_items, dim), (dim,))
        )
        # trained weights are mostly negative: equal items look alike
        similarity = PairSimilarity(weight * 0.1 - 0.05, 0.7)
        return similarity, queries + offset, gallery + offset

    return random_case


@pytest.fixture(scope='session')
def pair_scores():
    """A function: scores (Q, G) of all pairs in float64."""

    def pair_scores(similarity, queries, gallery):
        return similarity.pairwise(queries.double(), gallery.double()).numpy()

    return pair_scores


@pytest.fixture(scope='session')
def assert_sorted():
    """A function: a search must find what sorting all scores (Q, G) does."""

    def assert_sorted(found, scores, k):
        # the textbook: round to float32, stable sort of all pairs, first k
        scores = np.asarray(scores, dtype=np.float32)
        indices = np.argsort(-scores, axis=1, kind='stable')[:, :k]
        assert found.scores.dtype == torch.float32
        assert found.indices.dtype == torch.int64
        np.testing.assert_array_equal(found.indices.numpy(), indices)
        np.testing.assert_array_equal(
            found.scores.numpy(), np.take_along_axis(scores, indices, axis=1)
        )

    return assert_sorted


@pytest.fixture(scope='session')
def assert_same():
    """A function: two searches must have found the same."""

    def assert_same(found, expected):
        assert torch.equal(found.indices, expected.indices)
        assert torch.equal(found.scores, expected.scores)

    return assert_same


#: Fingerprint of the galleries that ``make_index`` makes.
MODEL = 'match-rcnn:0123456789abcdef'


def _make_items(num, start=0):
    return [
        {
            'image': f'läden/{i}.jpg',
            'bbox': [i, 2.5, 30, 40.25],
            'category': 'vest',
            'score': i / 7,
        }
        for i in range(start, start + num)
    ]


def _make_features(num, dim=16, seed=0):
    styles = torch.randn(40, dim, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    style = torch.randint(40, (num,), generator=generator)
    return styles[style] + 0.4 * torch.randn(num, dim, generator=generator)


@pytest.fixture(scope='session')
def make_items():
    """A function: dicts as a gallery holds them."""
    return _make_items


@pytest.fixture(scope='session')
def make_features():
    """A function: features of clothes of 40 styles, so that some are alike."""
    return _make_features


@pytest.fixture(scope='session')
def make_index():
    """A function: a gallery index; ``positive`` weights are not a distance."""

    def make_index(num=50, dim=16, positive=0.0):
        generator = torch.Generator().manual_seed(5)
        weight = positive - torch.rand(dim, generator=generator)
        index = GalleryIndex(PairSimilarity(weight, 0.1), MODEL)
        index.add(_make_features(num, dim), _make_items(num))
        return index

    return make_index
