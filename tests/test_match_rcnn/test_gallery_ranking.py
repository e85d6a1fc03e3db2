# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Ranking by one similarity or two, and what of an index is believed."""

import json

import pytest
import torch

from mmfashion_ext.match_rcnn.gallery_ranking import (
    Reranking,
    join_similarities,
    rank_items,
)
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.retrieval.rerank import search_reranked
from mmfashion_ext.retrieval.scoring import RetrievalError

FIRST = PairSimilarity.cosine(3)
SECOND = PairSimilarity(torch.tensor([-2.0, 0.5]), 1.0)


def draw(num, seed):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(num, 5, generator=generator)
    unit = torch.nn.functional.normalize(vectors[:, :3])
    return torch.cat((unit, vectors[:, 3:]), dim=1)


def make(similarity, **origin):
    index = GalleryIndex(similarity, 'a:1', origin)
    index.add(draw(30, 0), [{'image': f'{i}.jpg'} for i in range(30)])
    return index


def test_joined_vectors_are_ranked_as_two():
    joined, second = join_similarities(FIRST, SECOND, 6)
    index, queries = make(joined, rerank=second.to_text()), draw(4, 1)
    found = rank_items(index, queries, 3)
    gallery = index.features
    expected = search_reranked(
        FIRST,
        SECOND,
        (queries[:, :3], queries[:, 3:]),
        (gallery[:, :3], gallery[:, 3:]),
        *(6, 6),
    )
    assert torch.equal(found.indices, expected)
    scores = SECOND.pairwise(queries[:, 3:], gallery[:, 3:]).sigmoid()
    torch.testing.assert_close(found.scores, scores.gather(1, expected))
    assert rank_items(index, queries, 30).indices.shape == (4, 30)


def test_what_scores_are_shown_as():
    """A cosine is not the logit of a probability."""
    queries = draw(4, 1)
    similarity, _ = join_similarities(FIRST, SECOND, 6)
    raw = make(similarity).search(queries, 30)
    logits = rank_items(make(similarity), queries, 30)
    torch.testing.assert_close(logits.scores, raw.scores.sigmoid())
    cosines = rank_items(make(similarity, score='cosine'), queries, 30)
    assert torch.equal(cosines.scores, raw.scores.clamp(0, 1))
    assert cosines.scores.min() == 0


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    'content',
    [
        'not JSON',
        '[' * 100000,
        {'k': 5, 'bias': 1.0},
        {'k': 0, 'bias': 1.0, 'weight': [0.0] * 5},
        {'k': 5, 'bias': 'x', 'weight': [0.0] * 5},
        {'k': 5, 'bias': 1.0, 'weight': [0.0] * 4},
        {'k': 5, 'bias': 1.0, 'weight': ['x'] * 5},
        {'k': 5, 'bias': 1.0, 'weight': [float('nan')] * 5},
    ],
)
def test_a_wrong_origin_is_one_line(content):
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(RetrievalError):
        Reranking.from_text(text, 5)
