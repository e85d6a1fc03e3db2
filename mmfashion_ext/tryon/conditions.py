# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What the tutor reads out of parse map, pose and DensePose.

All functions take ``parse`` (B, 1, H, W), labels 0 ... 13 with 7 already
merged into 4 (:class:`TryOnDataPreprocessor`), and ``densepose`` (B, 1, H, W),
part ids 0 ... 24, both long; masks come back as float (B, 1, H, W), 0 or 1.
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


def _among(labels: Tensor, wanted: Collection[int]) -> Tensor:
    return torch.isin(labels, labels.new_tensor(sorted(wanted))).float()


def person_cloth_mask(parse: Tensor) -> Tensor:
    """Where the person wears the upper garment."""
    return (parse == UPPER_CLOTHES).float()


def face_mask(parse: Tensor) -> Tensor:
    """Face and hair."""
    return _among(parse, FACE)


def other_clothes_mask(parse: Tensor) -> Tensor:
    """Shoes, trousers and legs: what stays as it is below the garment."""
    return _among(parse, OTHER_CLOTHES)


def hand_mask(parse: Tensor, densepose: Tensor) -> Tensor:
    """The bare hands: arms of the parse map that DensePose calls a hand."""
    return _among(parse, ARMS) * _among(densepose, HAND_PARTS)


def dense_arm_mask(densepose: Tensor) -> Tensor:
    """The arms below whatever sleeve."""
    return _among(densepose, ARM_PARTS)


def parser_condition(
    parse: Tensor, densepose: Tensor, pose_map: Tensor
) -> Tensor:
    """The tutor's condition: body and pose, but not the garment worn.

    Args:
        parse (Tensor): (B, 1, H, W).
        densepose (Tensor): (B, 1, H, W).
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
    """What of the photograph the tutor may copy: face, legs and hands.

    Args:
        person (Tensor): (B, 3, H, W), RGB in [-1, 1].
        parse (Tensor): (B, 1, H, W).
        densepose (Tensor): (B, 1, H, W).

    Returns:
        Tensor: (B, 3, H, W), 0 elsewhere.
    """
    kept = face_mask(parse) + other_clothes_mask(parse)
    return person * (kept + hand_mask(parse, densepose))
