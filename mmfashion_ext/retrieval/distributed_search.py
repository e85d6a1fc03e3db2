# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Exact top-k search of a gallery that is spread over processes."""

import zlib

import torch
import torch.distributed as dist
from torch import Tensor

from .exact_topk import MAX_MEMORY
from .pair_similarity import PairSimilarity
from .scoring import RetrievalError, TopK, sort_topk


def distributed_search(
    similarity: PairSimilarity,
    queries: Tensor,
    shard: Tensor,
    k: int,
    max_memory: int = MAX_MEMORY,
    group: dist.ProcessGroup | None = None,
) -> TopK:
    """Search a gallery whose rows are spread over processes.

    All ranks must call it, with the same queries. The gallery consists of the
    rows of rank 0, followed by those of rank 1 and so on.

    Args:
        similarity (PairSimilarity): The same on all ranks.
        queries (Tensor): (Q, D), the same on all ranks.
        shard (Tensor): (G_rank, D), this rank's rows; may be empty.
        k (int): How many items to find.
        max_memory (int): Bytes of working memory of each process.
        group (ProcessGroup, optional): Defaults to all processes; without a
            process group the shard is the whole gallery.

    Returns:
        TopK: (Q, min(k, sum of G_rank)), the same on all ranks and the same
        as one process finds. Indices count through all shards.

    Raises:
        RetrievalError: On all ranks if one of them cannot search, or if the
            queries differ.
    """
    if not dist.is_initialized():
        return similarity.search(queries, shard, k, max_memory)
    message, checksum, best, cause = '', 0, None, None
    # after an error too, this rank joins the exchange: the others wait there
    try:
        checksum = _checksum(similarity, queries, k)
        best = similarity.search(queries, shard, k, max_memory)
        best = TopK(*(part.cpu() for part in best))
    except Exception as error:
        message, cause = f'{type(error).__name__}: {error}', error
    results = [None] * dist.get_world_size(group)
    dist.all_gather_object(
        results, (message, len(shard), checksum, best), group
    )
    messages, sizes, checksums, parts = zip(*results, strict=True)
    for rank, text in enumerate(messages):
        if text:
            raise RetrievalError(f'rank {rank}: {text}') from cause
    if len(set(checksums)) > 1:
        raise RetrievalError(
            'the ranks search with different queries, weights or k; give '
            'every rank the same and only the gallery in parts'
        )
    starts = [sum(sizes[:rank]) for rank in range(len(sizes))]
    indices = [
        part.indices + start for part, start in zip(parts, starts, strict=True)
    ]
    merged = sort_topk(
        torch.cat([part.scores for part in parts], dim=1),
        torch.cat(indices, dim=1),
        min(k, sum(sizes)),
    )
    return TopK(*(part.to(queries.device) for part in merged))


def _checksum(similarity: PairSimilarity, queries: Tensor, k: int) -> int:
    value = zlib.crc32(f'{k} {similarity.bias!r} {queries.shape}'.encode())
    for tensor in (similarity.weight, queries.detach().float()):
        value = zlib.crc32(tensor.cpu().contiguous().numpy(), value)
    return value
