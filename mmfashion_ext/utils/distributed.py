# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Differentiable all-gather of rows whose number differs by process."""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor


class _AllGather(torch.autograd.Function):
    """(P, R, ...) of all P processes from the (R, ...) of each.

    PyTorch's own, in ``torch.distributed.nn``, is deprecated; its successor
    is not in the older releases.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = rows.new_empty((dist.get_world_size(), *rows.shape))
        dist.all_gather(list(parts.unbind()), rows)
        return parts

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient[dist.get_rank()]


def gather_rows(rows: Tensor) -> Tensor:
    """Collect the rows of all processes, as if one process had them all.

    If every process then computes the same loss from all rows, the backward
    pass adds up the gradients of all those equal losses and
    DistributedDataParallel divides by their number: each parameter gets the
    gradient that a single process with the whole batch would give it.

    Args:
        rows (Tensor): (R, ...) of this process; R may differ between
            processes and may be 0.

    Returns:
        Tensor: (R', ...) of all processes in the order of their ranks; the
        rows themselves if there is one process only.
    """
    if not dist.is_available() or not dist.is_initialized():
        return rows
    if dist.get_world_size() == 1:
        return rows
    count = torch.tensor([len(rows)], device=rows.device)
    counts = _AllGather.apply(count)[:, 0].tolist()
    # the collectives need equal shapes, none of them empty
    missing = max(1, *counts) - len(rows)
    padding = (0, 0) * (rows.dim() - 1) + (0, missing)
    parts = _AllGather.apply(F.pad(rows, padding).contiguous())
    return torch.cat(
        [part[:count] for part, count in zip(parts, counts, strict=True)]
    )
