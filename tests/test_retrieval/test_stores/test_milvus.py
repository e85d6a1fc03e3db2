# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Milvus store: places, collections, and what is missing."""

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.retrieval.scoring import RetrievalError
from mmfashion_ext.retrieval.stores import milvus as module
from mmfashion_ext.retrieval.stores.milvus import MilvusStore


def test_a_path_must_be_that_of_milvus_lite(tmp_path, similarity):
    with pytest.raises(UserError, match=r'ends in \.db .* or the URL'):
        MilvusStore(tmp_path / 'shop', similarity)


def test_what_is_missing_is_named(tmp_path, similarity, monkeypatch):
    monkeypatch.setattr(module, 'is_installed', lambda name: False)
    with pytest.raises(
        ImportError, match=r'pymilvus and milvus_lite.*milvus\]'
    ):
        MilvusStore(tmp_path / 's.db', similarity)
    with pytest.raises(ImportError, match=r'needs pymilvus: '):
        MilvusStore('http://localhost:19530', similarity)


def test_collections_of_one_folder(milvus, tmp_path, similarity, draw):
    path = tmp_path / 's.db'
    with MilvusStore(path, similarity, 'a') as store:
        store.add(draw(5), range(5))
    cosine = PairSimilarity.cosine(12)
    vectors = torch.nn.functional.normalize(draw(50))
    with MilvusStore(path, cosine, 'b', index='HNSW') as other:
        assert len(other) == 0
        other.add(vectors, range(50))
        assert other.search(vectors[7:8], 1).indices.tolist() == [[7]]
    narrow = PairSimilarity(torch.ones(5), 0.0)
    with pytest.raises(RetrievalError, match=r'14 numbers, expected 5 \+ 2'):
        MilvusStore(path, narrow, 'a')
    with MilvusStore(path, similarity, 'a') as store:
        assert len(store) == 5
