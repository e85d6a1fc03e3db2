# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Exact store: its file, which others may damage."""

import pytest
import torch

from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.retrieval.scoring import RetrievalError
from mmfashion_ext.retrieval.stores.exact import ExactStore


@pytest.mark.fault(2)
def test_damaged_and_foreign_files_are_refused(tmp_path, similarity, draw):
    path = tmp_path / 's.vectors'
    ExactStore(path, similarity).add(draw(3), range(3))
    with pytest.raises(RetrievalError, match=r'\(N, 5\).*another model'):
        ExactStore(path, PairSimilarity(torch.ones(5), 0.0))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RetrievalError, match='build it again'):
        ExactStore(path, similarity)
