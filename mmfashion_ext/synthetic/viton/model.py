# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A canvas for a model: picture, labels, body parts and the flow of a top."""

import cv2
import numpy as np

from ...formats.viton.constants import UPPER_CLOTHES
from ..drawing.canvas import Canvas, Light, Warp, rectangle
from ..drawing.person import Colour
from .garment import Flat
from .mesh import rasterise
from .worn import Mesh

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
        skin = cv2.merge([shade * np.float32(value) for value in colour])
        self._blend(where, mask, skin)
        self.owner[where][mask > 127] = label

    def wear(
        self,
        meshes: list[Mesh],
        flat: Flat,
        piece: int,
        light: Light,
    ) -> None:
        """Draw a piece of the top.

        Args:
            meshes (list[Mesh]): Of the piece, later ones in front.
            flat (Flat): The flat picture.
            piece (int): BODY, LEFT or RIGHT.
            light (Light): Folds and light of this picture.
        """
        worn = [
            self.warp(points.reshape(-1, 2)).reshape(points.shape)
            for _, points in meshes
        ]
        corners = np.concatenate([points.reshape(-1, 2) for points in worn])
        found = self.mask(rectangle(corners))
        if found is None:
            return
        where, mask = found
        mask[:] = 0
        flow = np.full((*mask.shape, 2), -9, np.float32)
        for (laid, _), points in zip(meshes, worn, strict=True):
            values = flat.warp(laid.reshape(-1, 2)).reshape(laid.shape)
            points = points - (where[1].start, where[0].start)
            at = rasterise(points, values, mask.shape)
            at[np.isnan(at)] = -9  # outside the flat picture
            cover = cv2.remap(flat.pieces[piece], at, None, cv2.INTER_LINEAR)
            front = cover >= np.maximum(mask, 1)
            flow[front] = at[front]
            np.maximum(mask, cover, out=mask)
        colour = cv2.remap(flat.image, flow, None, cv2.INTER_LINEAR)
        shade = self._volume(mask, 0.3, light.volume)
        at = (flow - flat.warp.matrix[:, 2].astype(np.float32)) / np.float32(
            flat.warp.scale
        )
        shade *= light.folds(at, at)
        self._blend(where, mask, colour * cv2.merge((shade,) * 3))
        on = mask > 127
        self.owner[where][on] = UPPER_CLOTHES
        self.flow[where][on] = flow[on]
