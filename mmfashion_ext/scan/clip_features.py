# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Features of clips, and how many clips to work on at a time."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

#: Bytes that comparing clips may hold besides its inputs and result.
MEMORY = 64 * 2**20
#: Bytes of a number that is computed with.
DOUBLE = 8
# Bytes of one step of pooling on a CPU: all its passes then find their data
# in the cache (a few times slower otherwise).
_CACHE = 2**20


class ClipFeatures(NamedTuple):
    """What the network says about M clips.

    Attributes:
        embeddings (Tensor): (M, T, D) x, L2-normalised for each frame.
        keys (Tensor): (M, T, D) h.
    """

    embeddings: Tensor
    keys: Tensor

    def double(self) -> 'ClipFeatures':
        """The same in float64."""
        return ClipFeatures(*(part.detach().double() for part in self))

    def clips(self, chosen: slice) -> 'ClipFeatures':
        """Some of the clips; no copy."""
        return ClipFeatures(*(part[chosen] for part in self))

    def channels(self, chosen: Tensor) -> 'ClipFeatures':
        """Some of the channels (indices); a copy."""
        return ClipFeatures(*(part[..., chosen] for part in self))


def parts(length: int, doubles: int, memory: int) -> Iterator[slice]:
    """Slices of items that fit into memory, one at least.

    Args:
        length (int): How many items.
        doubles (int): Numbers that each needs.
        memory (int): Bytes.
    """
    step = max(memory // (max(doubles, 1) * DOUBLE), 1)
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def step_memory(memory: int, values: Tensor) -> int:
    """Bytes of one step of pooling where ``values`` are."""
    return min(memory, _CACHE) if values.device.type == 'cpu' else memory
