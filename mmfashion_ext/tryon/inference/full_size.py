# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Photographs of any size: fit them into the network's frame, and go back.

An image is resized into the frame without changing its shape, and its border
is repeated beside it. What the network returns is read where the photograph
lies in the frame, resized to the photograph, and composed there: the garment
is sampled from its own pixels, and what does not change keeps its pixels.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..flow import sample
from ..generator import Composition


class Frame(NamedTuple):
    """Where an image lies in a frame of the network.

    Attributes:
        size (tuple[int, int]): (h, w) of the image, px.
        frame (tuple[int, int]): (h, w) of the frame, px.
        inside (tuple[int, int]): (h, w) of the image in the frame, px.
        corner (tuple[int, int]): (y, x) of its first pixel in the frame.
    """

    size: tuple[int, int]
    frame: tuple[int, int]
    inside: tuple[int, int]
    corner: tuple[int, int]

    @classmethod
    def of(cls, size: tuple[int, int], frame: tuple[int, int]) -> 'Frame':
        """Centre an image of a size (h, w) in a frame (h, w), px."""
        scale = min(frame[0] / size[0], frame[1] / size[1])
        h = min(frame[0], max(1, round(size[0] * scale)))
        w = min(frame[1], max(1, round(size[1] * scale)))
        corner = (frame[0] - h) // 2, (frame[1] - w) // 2
        return cls(size, frame, (h, w), corner)

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Resize an image into the frame, its border repeated beside it.

        Args:
            image (np.ndarray): (h, w, 3) or (h, w) uint8, of ``size``.

        Returns:
            np.ndarray: The same, of ``frame``.
        """
        (h, w), (top, left) = self.inside, self.corner
        if image.shape[:2] != (h, w):
            bilinear = Image.Resampling.BILINEAR
            image = np.array(Image.fromarray(image).resize((w, h), bilinear))
        bottom, right = self.frame[0] - h - top, self.frame[1] - w - left
        if not any((top, bottom, left, right)):
            return image
        return cv2.copyMakeBorder(
            image, top, bottom, left, right, cv2.BORDER_REPLICATE
        )

    def back(self, image: Tensor) -> Tensor:
        """Resize what a frame shows of an image to the image's size.

        Args:
            image (Tensor): (1, C, H, W) of the frame.

        Returns:
            Tensor: (1, C, h, w), bilinear.
        """
        (h, w), (top, left) = self.inside, self.corner
        inside = image[:, :, top : top + h, left : left + w]
        if self.size == self.inside:
            return inside
        return functional.interpolate(
            inside, self.size, mode='bilinear', align_corners=False
        )

    def positions(self, grid: Tensor) -> Tensor:
        """Convert positions in the frame to those in the image.

        Args:
            grid (Tensor): (1, 2, h, w), x first, -1 to 1 over the frame.

        Returns:
            Tensor: (1, 2, h, w), -1 to 1 over the image of ``size``.
        """

        def column(pair: tuple[float, float]) -> Tensor:
            return grid.new_tensor(pair[::-1]).view(1, 2, 1, 1)

        def half(pair: tuple[int, int]) -> Tensor:
            return (column(pair) - 1).clamp(min=1) / 2

        pixels = (grid + 1) * half(self.frame) - column(self.corner)
        scale = column(self.size) / column(self.inside)
        pixels = (pixels + 0.5) * scale - 0.5
        return pixels / half(self.size) - 1


#: Space beside a garment in the frame, of its longer side; as in VITON.
_MARGIN = 0.04


def garment_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Return rows and columns of a garment, with a margin, in its photograph.

    Networks have learnt from photographs that the garment fills.

    Args:
        mask (np.ndarray): (h, w) uint8, on from 128.

    Returns:
        tuple[slice, slice]: Of the whole image, if the mask is empty.
    """
    on = mask >= 128
    if not on.any():
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    ends = [np.flatnonzero(on.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    margin = round(_MARGIN * max(int(last - first) for first, last in ends))
    rows, columns = (
        slice(max(int(first) - margin, 0), int(last) + 1 + margin)
        for first, last in ends
    )
    return rows, columns


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
    positions = cloth_frame.positions(person_frame.back(grid.float()))
    warped = sample(cloth, positions)
    mask = sample(cloth_mask, positions, 'zeros')
    weight = person_frame.back(composition.logits[:, :1]).sigmoid() * mask
    rendered = person_frame.back(composition.rendered)
    changed = person_frame.back(composition.changed)
    new = warped * weight + rendered * (1 - weight)
    try_on = new * changed + photograph * (1 - changed)
    return FullSize(try_on[0], warped[0], mask[0])
