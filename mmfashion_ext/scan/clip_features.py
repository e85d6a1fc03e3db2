# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clip features, and slices of them that fit into a memory budget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # mmfashion_ext.lite has arrays of NumPy in their place
    from torch import Tensor

#: Bytes that comparing clips may hold besides its inputs and result.
MEMORY = 64 * 2**20
#: Bytes of a float64.
DOUBLE = 8
# Bytes of one pooling step on a CPU: small enough for the cache, which makes
# it a few times faster.
_CACHE = 2**20


class ClipFeatures(NamedTuple):
    """Features of M clips of T frames.

    Attributes:
        embeddings (Tensor): (M, T, D) x, L2-normalised for each frame.
        keys (Tensor): (M, T, D) h, keys of the attention.
    """

    embeddings: Tensor
    keys: Tensor

    def double(self) -> ClipFeatures:
        """Return a copy in float64, (M, T, D) each."""
        return ClipFeatures(*(part.detach().double() for part in self))

    def clips(self, chosen: slice) -> ClipFeatures:
        """Return a view of some of the clips, (m, T, D) each."""
        return ClipFeatures(*(part[chosen] for part in self))

    def channels(self, chosen: Tensor) -> ClipFeatures:
        """Return a copy of some channels (d,) int64, (M, T, d) each."""
        return ClipFeatures(*(part[..., chosen] for part in self))


def parts(length: int, doubles: int, memory: int) -> Iterator[slice]:
    """Yield slices of as many items as fit into memory, at least one.

    Args:
        length (int): Number of items.
        doubles (int): Number of float64 values that each item needs.
        memory (int): Budget in bytes.

    Yields:
        slice: Consecutive items; together all of them.
    """
    step = max(memory // (max(doubles, 1) * DOUBLE), 1)
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def step_memory(memory: int, values: Tensor) -> int:
    """Return the bytes of one pooling step on the device of ``values``."""
    return min(memory, _CACHE) if values.device.type == 'cpu' else memory
