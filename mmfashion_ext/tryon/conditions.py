# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Condition inputs of the parser-based tutor: masks and one-hot maps.

All functions read ``parse`` (B, 1, H, W), labels 0 ... 13 with 7 already
merged into 4 (:class:`TryOnDataPreprocessor`), and ``densepose`` (B, 1, H, W),
part ids 0 ... 24, both long; they return masks as float (B, 1, H, W), 0 or 1.
"""

from collections.abc import Collection

import torch
from torch import Tensor
from torch.nn import functional

from ..formats.viton.constants import (
    ARM_PARTS,
    ARMS,
    FACE,
    HAND_PARTS,
    NUM_PARTS,
    OTHER_CLOTHES,
    UPPER_CLOTHES,
)

#: Channels of :func:`parser_condition`: face, other clothes, parts, joints.
CONDITION_CHANNELS = 1 + 1 + NUM_PARTS + 18


def _mask_of(labels: Tensor, ids: Collection[int]) -> Tensor:
    """Return 1 where the label is one of ``ids``, else 0."""
    return torch.isin(labels, labels.new_tensor(sorted(ids))).float()


def person_cloth_mask(parse: Tensor) -> Tensor:
    """Return the mask of the worn upper garment, (B, 1, H, W)."""
    return (parse == UPPER_CLOTHES).float()


def face_mask(parse: Tensor) -> Tensor:
    """Return the mask of face and hair, (B, 1, H, W)."""
    return _mask_of(parse, FACE)


def other_clothes_mask(parse: Tensor) -> Tensor:
    """Return the mask of shoes, trousers and legs, (B, 1, H, W)."""
    return _mask_of(parse, OTHER_CLOTHES)


def hand_mask(parse: Tensor, densepose: Tensor) -> Tensor:
    """Return the mask of bare hands, (B, 1, H, W).

    These are arms of the parse map whose DensePose part is a hand.
    """
    return _mask_of(parse, ARMS) * _mask_of(densepose, HAND_PARTS)


def dense_arm_mask(densepose: Tensor) -> Tensor:
    """Return the mask of the arms, covered or not, (B, 1, H, W)."""
    return _mask_of(densepose, ARM_PARTS)


def parser_condition(
    parse: Tensor, densepose: Tensor, pose_map: Tensor
) -> Tensor:
    """Build the tutor's condition: body and pose, but not the worn garment.

    Args:
        parse (Tensor): (B, 1, H, W) long, labels 0 ... 13.
        densepose (Tensor): (B, 1, H, W) long, parts 0 ... 24.
        pose_map (Tensor): (B, 18, H, W), +1 or -1.

    Returns:
        Tensor: (B, 45, H, W): face, other clothes, 25 DensePose parts one-hot,
        18 joints.
    """
    parts = functional.one_hot(densepose[:, 0], NUM_PARTS)
    return torch.cat(
        [
            face_mask(parse),
            other_clothes_mask(parse),
            parts.permute(0, 3, 1, 2).float(),
            pose_map,
        ],
        dim=1,
    )


def preserved_region(
    person: Tensor, parse: Tensor, densepose: Tensor
) -> Tensor:
    """Cut out what the tutor may copy: face, hair, other clothes and hands.

    Args:
        person (Tensor): (B, 3, H, W), RGB in [-1, 1].
        parse (Tensor): (B, 1, H, W) long, labels 0 ... 13.
        densepose (Tensor): (B, 1, H, W) long, parts 0 ... 24.

    Returns:
        Tensor: (B, 3, H, W), RGB in [-1, 1], 0 elsewhere.
    """
    preserved = face_mask(parse) + other_clothes_mask(parse)
    return person * (preserved + hand_mask(parse, densepose))
