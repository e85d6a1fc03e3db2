# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""faiss store: its file, and an approximate index of faiss."""

import pytest
import torch

from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.retrieval.scoring import RetrievalError
from mmfashion_ext.retrieval.stores.faiss import FaissStore


@pytest.mark.fault(2)
def test_damaged_and_foreign_files_are_refused(tmp_path, similarity, draw):
    path = tmp_path / 's.faiss'
    FaissStore(path, similarity).add(draw(3), range(3))
    with pytest.raises(RetrievalError, match=r'expected 5 \+ 2'):
        FaissStore(path, PairSimilarity(torch.ones(5), 0.0))
    path.write_bytes(b'not an index')
    with pytest.raises(RetrievalError, match='build it again'):
        FaissStore(path, similarity)


def test_hnsw_finds_most_and_removes_nothing(tmp_path, draw):
    """The scores of what it finds are exact, as those of every store."""
    similarity = PairSimilarity.cosine(12)
    store = FaissStore(tmp_path / 's.faiss', similarity, 'HNSW16')
    gallery, queries = (
        torch.nn.functional.normalize(draw(*args)) for args in ((300,), (9, 1))
    )
    store.add(gallery, range(300))
    found = store.search(queries, 5)
    exact = similarity.search(queries, gallery, 5)
    assert (found.indices == exact.indices).float().mean() > 0.8
    best = similarity.pairwise(queries[:1], gallery[found.indices[0]])
    torch.testing.assert_close(found.scores[:1], best)
    with pytest.raises(RetrievalError, match=r"from an index 'HNSW16'"):
        store.remove([3])
    assert len(store) == 300
