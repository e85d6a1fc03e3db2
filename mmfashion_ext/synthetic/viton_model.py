# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A canvas for a model: picture, labels, body parts and the flow of a top."""

import cv2
import numpy as np

from ..common.viton import UPPER_CLOTHES
from .drawing import Canvas, Light, Warp, rectangle
from .person import Colour
from .viton_garment import Flat
from .viton_mesh import rasterise

_SHIFT = 4  # fractional bits of OpenCV's drawing


class Model(Canvas):
    """A canvas that knows labels (``owner``), body parts and flow.

    Attributes:
        parts (np.ndarray): (h, w) uint8, DensePose's parts, under clothes
            too.
        flow (np.ndarray): (h, w, 2) float32 x, y on the flat picture in px,
            of the topmost cloth, which may be under something else.
    """

    def __init__(self, image: np.ndarray, warp: Warp) -> None:
        super().__init__(image, warp)
        self.parts = np.zeros_like(self.owner)
        self.flow = np.full((*self.owner.shape, 2), np.nan, np.float32)

    def part(self, points: np.ndarray, part: int) -> None:
        """Mark a polygon as a part of the body."""
        fixed = np.round(self.warp(points) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(self.parts, [fixed], part, cv2.LINE_8, _SHIFT)

    def bare(
        self, outlines: list[np.ndarray], colour: Colour, label: int
    ) -> None:
        """Fill the union of polygons with skin."""
        pixels = [self.warp(outline) for outline in outlines]
        found = self.mask(rectangle(np.concatenate(pixels)))
        if found is None:
            return
        where, mask = found
        mask[:] = 0
        for polygon in pixels:
            fixed = polygon - (where[1].start, where[0].start)
            fixed = np.round(fixed * 2**_SHIFT).astype(np.int32)
            cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        shade = self._volume(mask, 0.3, 0.2, rim=False)
        skin = np.array(colour, np.float32)
        self._blend(where, mask, shade[:, :, None] * skin)
        self.owner[where][mask > 127] = label

    def wear(
        self,
        mesh: tuple[np.ndarray, np.ndarray],
        flat: Flat,
        piece: int,
        light: Light,
    ) -> None:
        """Draw a piece of the top.

        Args:
            mesh (tuple): Vertices (R, C, 2) on the flat top and where they
                are worn, body space.
            flat (Flat): The flat picture.
            piece (int): BODY, LEFT or RIGHT.
            light (Light): Folds and light of this picture.
        """
        laid, worn = mesh
        shape = laid.shape
        vertices = self.warp(worn.reshape(-1, 2)).reshape(shape)
        values = flat.warp(laid.reshape(-1, 2)).reshape(shape)
        found = rasterise(vertices, values, self.owner.shape)
        if found is None:
            return
        where, flow = found
        x, y = (np.nan_to_num(flow[:, :, i], nan=-9) for i in (0, 1))
        mask = cv2.remap(flat.pieces[piece], x, y, cv2.INTER_LINEAR)
        colour = cv2.remap(
            flat.image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        shade = self._volume(mask, 0.3, light.volume)
        at = (flow - flat.warp.matrix[:, 2]) / flat.warp.scale
        at = np.nan_to_num(at.astype(np.float32))
        shade *= light.folds(at, at)
        self._blend(where, mask, colour * shade[:, :, None])
        on = mask > 127
        self.owner[where][on] = UPPER_CLOTHES
        self.flow[where][on] = flow[on]
