# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""One of the two processes of the test of the distributed search."""

import sys

import pytest
import torch
import torch.distributed as dist

from mmfashion_ext.retrieval.distributed_search import distributed_search
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.retrieval.scoring import RetrievalError


def case(name):
    """Similarity, queries, gallery; its row of the cut, k."""
    generator = torch.Generator().manual_seed(14)
    queries, gallery, weight = (
        torch.randn(*shape, generator=generator)
        for shape in ((7, 16), (500, 16), (16,))
    )
    similarity = PairSimilarity(weight * 0.1 - 0.05, 0.7)
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


def main(store, rank, world_size):
    rank = int(rank)
    dist.init_process_group(
        *('gloo', f'file://{store}'), rank=rank, world_size=int(world_size)
    )
    for name in CASES:
        similarity, queries, gallery, (cut, k) = case(name)
        shard = (gallery[:cut], gallery[cut:])[rank]
        found = distributed_search(similarity, queries, shard, k)
        expected = similarity.search(queries, gallery, k)
        assert torch.equal(found.indices, expected.indices)
        assert torch.equal(found.scores, expected.scores)
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


if __name__ == '__main__':
    torch.set_num_threads(1)
    main(*sys.argv[1:])
