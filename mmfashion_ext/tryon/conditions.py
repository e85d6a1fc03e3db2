# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Condition inputs of the parser-based tutor: masks and one-hot maps.

All functions read ``parse`` (B, 1, H, W), labels 0 ... 13 with 7 already
merged into 4 (:class:`TryOnDataPreprocessor`), and ``densepose`` (B, 1, H, W),
part ids 0 ... 24, both long; they return masks as float (B, 1, H, W), 0 or 1.
``classes`` (B,) long are indices of the garments' classes in
:data:`~mmfashion_ext.formats.viton.garment_classes.GARMENT_CLASSES`; None:
all are tops.
"""

from collections.abc import Collection

import torch
from torch import Tensor
from torch.nn import functional

from ..formats.viton.constants import FACE, NUM_LABELS, NUM_PARTS
from ..formats.viton.garment_classes import GARMENT_CLASSES, ROLES

#: Channels of :func:`parser_condition`: face, other clothes, parts, joints.
CONDITION_CHANNELS = 1 + 1 + NUM_PARTS + 18
_ROLES = [ROLES[name] for name in GARMENT_CLASSES]


def _mask_of(labels: Tensor, ids: Collection[int]) -> Tensor:
    """Return 1 where the label is one of ``ids``, else 0."""
    return torch.isin(labels, labels.new_tensor(sorted(ids))).float()


def _mask_by_class(
    labels: Tensor,
    ids: list[frozenset[int]],
    count: int,
    classes: Tensor | None,
) -> Tensor:
    """Return 1 where the label is one of those of the sample's class.

    Args:
        labels (Tensor): (B, 1, H, W) long, below ``count``.
        ids (list[frozenset[int]]): Of each class.
        count (int): Number of labels.
        classes (Tensor, optional): (B,) long.

    Returns:
        Tensor: (B, 1, H, W) float, 0 or 1.
    """
    if classes is None:
        return _mask_of(labels, ids[0])
    rows = [[float(n in chosen) for n in range(count)] for chosen in ids]
    table = torch.tensor(rows, device=labels.device)
    return table[classes.view(-1, 1, 1, 1), labels]


def person_cloth_mask(parse: Tensor, classes: Tensor | None = None) -> Tensor:
    """Return the mask of the worn garment of the class, (B, 1, H, W)."""
    ids = [roles.garment for roles in _ROLES]
    return _mask_by_class(parse, ids, NUM_LABELS, classes)


def face_mask(parse: Tensor) -> Tensor:
    """Return the mask of face and hair, (B, 1, H, W)."""
    return _mask_of(parse, FACE)


def other_clothes_mask(parse: Tensor, classes: Tensor | None = None) -> Tensor:
    """Return the mask of what is copied beside face and hair, (B, 1, H, W).

    Of tops these are shoes, trousers and legs.
    """
    ids = [roles.preserved for roles in _ROLES]
    return _mask_by_class(parse, ids, NUM_LABELS, classes)


def hand_mask(
    parse: Tensor, densepose: Tensor, classes: Tensor | None = None
) -> Tensor:
    """Return the mask of bare hands or feet, (B, 1, H, W).

    Of tops these are arms of the parse map whose DensePose part is a hand, of
    trousers and skirts legs whose part is a foot, of dresses both.
    """
    skin = [roles.skin for roles in _ROLES]
    ends = [roles.ends for roles in _ROLES]
    return _mask_by_class(parse, skin, NUM_LABELS, classes) * _mask_by_class(
        densepose, ends, NUM_PARTS, classes
    )


def dense_limb_mask(
    densepose: Tensor, classes: Tensor | None = None
) -> Tensor:
    """Return the mask of the arms, legs or both, covered or not.

    Of tops these are the arms. (B, 1, H, W).
    """
    ids = [roles.limbs for roles in _ROLES]
    return _mask_by_class(densepose, ids, NUM_PARTS, classes)


def parser_condition(
    parse: Tensor,
    densepose: Tensor,
    pose_map: Tensor,
    classes: Tensor | None = None,
) -> Tensor:
    """Build the tutor's condition: body and pose, but not the worn garment.

    Args:
        parse (Tensor): (B, 1, H, W) long, labels 0 ... 13.
        densepose (Tensor): (B, 1, H, W) long, parts 0 ... 24.
        pose_map (Tensor): (B, 18, H, W), +1 or -1.
        classes (Tensor, optional): (B,) long.

    Returns:
        Tensor: (B, 45, H, W): face, other clothes, 25 DensePose parts one-hot,
        18 joints.
    """
    parts = functional.one_hot(densepose[:, 0], NUM_PARTS)
    return torch.cat(
        [
            face_mask(parse),
            other_clothes_mask(parse, classes),
            parts.permute(0, 3, 1, 2).float(),
            pose_map,
        ],
        dim=1,
    )


def preserved_region(
    person: Tensor,
    parse: Tensor,
    densepose: Tensor,
    classes: Tensor | None = None,
) -> Tensor:
    """Cut out what the tutor may copy: face, hair, other clothes, hands, feet.

    Args:
        person (Tensor): (B, 3, H, W), RGB in [-1, 1].
        parse (Tensor): (B, 1, H, W) long, labels 0 ... 13.
        densepose (Tensor): (B, 1, H, W) long, parts 0 ... 24.
        classes (Tensor, optional): (B,) long.

    Returns:
        Tensor: (B, 3, H, W), RGB in [-1, 1], 0 elsewhere.
    """
    preserved = face_mask(parse) + other_clothes_mask(parse, classes)
    return person * (preserved + hand_mask(parse, densepose, classes))
