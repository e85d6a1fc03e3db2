# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Compose a try-on at the size of the photograph.

What the network returns is read where the photograph lies in the frame
(:mod:`.frame`), resized to the photograph, and composed there: the garment is
sampled from its own pixels, and what does not change keeps its pixels.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..flow import sample
from ..generator import Composition
from .frame import Frame


class FullSize(NamedTuple):
    """Try-on at the size of the photograph.

    Attributes:
        try_on (Tensor): (3, h, w), RGB in [-1, 1].
        warped_cloth (Tensor): (3, h, w), RGB in [-1, 1].
        warped_mask (Tensor): (1, h, w), 0-1.
    """

    try_on: Tensor
    warped_cloth: Tensor
    warped_mask: Tensor


@torch.no_grad()
def compose_full_size(
    composition: Composition,
    grid: Tensor,
    photograph: Tensor,
    cloth: Tensor,
    cloth_mask: Tensor,
    person_frame: Frame,
    cloth_frame: Frame,
) -> FullSize:
    """Compose a try-on at the size of the photograph.

    Args:
        composition (Composition): Of one person, (1, C, H, W), with
            ``changed`` and ``logits``.
        grid (Tensor): (1, 2, H, W), -1 to 1, the finest flow.
        photograph (Tensor): (1, 3, h, w), RGB in [-1, 1].
        cloth (Tensor): (1, 3, h', w'), RGB in [-1, 1], 0 outside its mask.
        cloth_mask (Tensor): (1, 1, h', w'), 0-1.
        person_frame (Frame): Where the photograph lies in the frame.
        cloth_frame (Frame): Where the cloth lies in its frame.

    Returns:
        FullSize: Where nothing changes, the photograph, exactly.
    """
    # only networks that keep the photograph come here
    assert composition.changed is not None
    assert composition.logits is not None
    (h, w), (top, left) = person_frame.inside, person_frame.corner
    flow, rendered, logits, changed = (
        part[:, :, top : top + h, left : left + w]
        for part in (
            grid.float(),
            composition.rendered,
            composition.logits[:, :1],
            composition.changed,
        )
    )
    scale, shift = (
        torch.from_numpy(values).to(grid.device)
        for values in cloth_frame.positions()
    )
    made = compose_parts(
        *(flow, rendered, logits, changed),
        *(photograph, cloth, cloth_mask),
        scale,
        shift,
    )
    return FullSize(*(image[0] for image in made))


def compose_parts(
    flow: Tensor,
    rendered: Tensor,
    cloth_logits: Tensor,
    changed: Tensor,
    photograph: Tensor,
    cloth: Tensor,
    cloth_mask: Tensor,
    scale: Tensor,
    shift: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compose from what the frame shows of the photograph.

    Args:
        flow (Tensor): (1, 2, H, W), x first, -1 to 1 over the cloth's frame.
        rendered (Tensor): (1, 3, H, W), RGB in [-1, 1].
        cloth_logits (Tensor): (1, 1, H, W), weight of the cloth, not
            activated.
        changed (Tensor): (1, 1, H, W), 0-1.
        photograph (Tensor): (1, 3, h, w), RGB in [-1, 1].
        cloth (Tensor): (1, 3, h', w'), RGB in [-1, 1], 0 outside its mask.
        cloth_mask (Tensor): (1, 1, h', w'), 0-1.
        scale (Tensor): (2,), see :meth:`.frame.Frame.positions`.
        shift (Tensor): (2,), see there.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Try-on and warped cloth (1, 3, h, w),
        RGB in [-1, 1], and its mask (1, 1, h, w), 0-1.
    """
    flow, rendered, cloth_logits, changed = (
        functional.interpolate(
            part, photograph.shape[2:], mode='bilinear', align_corners=False
        )
        for part in (flow, rendered, cloth_logits, changed)
    )
    positions = flow * scale.view(1, 2, 1, 1) + shift.view(1, 2, 1, 1)
    warped = sample(cloth, positions)
    mask = sample(cloth_mask, positions, 'zeros')
    weight = cloth_logits.sigmoid() * mask
    new = warped * weight + rendered * (1 - weight)
    try_on = new * changed + photograph * (1 - changed)
    return try_on, warped, mask
