# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Candidate sets: labels of items whose category is known only in part.

"A top" is one of four categories of DeepFashion2. As a label it is a number
above the background's: ``C + 1 + sum(2 ** c for c in candidates)``, C
categories, so that one column of integers holds known categories (0..C-1),
the background (C) and candidate sets.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from ..errors import UserError


def encode_candidates(candidates: Iterable[int], num_classes: int) -> int:
    """Return the label of a candidate set.

    Args:
        candidates (Iterable[int]): Categories 0..C-1 that an item may have.
        num_classes (int): C.

    Returns:
        int: The category itself if there is one only, else a label above C.

    Raises:
        UserError: There is none, or one is outside 0..C-1.
    """
    found = sorted(set(candidates))
    if not found or found[0] < 0 or found[-1] >= num_classes:
        raise UserError(
            f'a candidate set holds categories 0..{num_classes - 1}, at '
            f'least one, got {found}'
        )
    if len(found) == 1:
        return found[0]
    return num_classes + 1 + sum(2**category for category in found)


def decode_candidates(labels: Tensor, num_classes: int) -> Tensor:
    """Return which classes labels allow.

    Args:
        labels (Tensor): (N,) int64: categories 0..C-1, the background C, and
            candidate sets above.
        num_classes (int): C.

    Returns:
        Tensor: (N, C + 1) bool; the last column is the background.
    """
    classes = torch.arange(num_classes + 1, device=labels.device)
    bits = (labels - num_classes - 1).clamp(min=0)[:, None] >> classes
    in_set = (bits & 1).bool()
    in_set[:, -1] = False
    return torch.where(
        (labels > num_classes)[:, None], in_set, labels[:, None] == classes
    )
