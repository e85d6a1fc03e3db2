# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""How alike the features of two maps are, at small displacements."""

import torch
from torch import Tensor
from torch.nn import functional


def correlation(first: Tensor, second: Tensor, radius: int = 3) -> Tensor:
    """Mean product over channels at every displacement.

    out[b, k, y, x] = mean_c first[b, c, y, x] * second[b, c, y + dy, x + dx],
    k = (2 radius + 1)(dy + radius) + (dx + radius); 0 outside ``second``.
    """
    h, w = first.shape[-2:]
    side = 2 * radius + 1
    padded = functional.pad(second, (radius,) * 4)
    maps = [
        (first * padded[..., y : y + h, x : x + w]).mean(dim=1)
        for y in range(side)
        for x in range(side)
    ]
    return torch.stack(maps, dim=1)
