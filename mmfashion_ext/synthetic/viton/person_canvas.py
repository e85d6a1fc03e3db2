# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Canvas for a person: image, parse map, DensePose parts and cloth flow."""

import cv2
import numpy as np

from ...formats.viton.constants import UPPER_CLOTHES
from ..drawing.canvas import Canvas, Light, bounding_rectangle
from ..drawing.person import Colour
from ..drawing.warp import Warp
from .garment import FlatCloth
from .mesh import rasterise
from .worn_top import Mesh

_SHIFT = 4  # fractional bits of OpenCV's drawing


class PersonCanvas(Canvas):
    """Canvas with a parse map (``layers``), DensePose parts and cloth flow.

    Attributes:
        densepose (np.ndarray): (h, w) uint8, parts of DensePose, also under
            clothes.
        flow (np.ndarray): (h, w, 2) float32 x, y in px of the flat image, of
            the topmost cloth, which something else may hide; NaN without
            cloth.
    """

    def __init__(self, image: np.ndarray, warp: Warp) -> None:
        super().__init__(image, warp)
        self.densepose = np.zeros_like(self.layers)
        self.flow = np.full((*self.layers.shape, 2), np.nan, np.float32)

    def mark_part(self, points: np.ndarray, part: int) -> None:
        """Mark a polygon as a part of the body.

        Args:
            points (np.ndarray): (n, 2) x, y in body units.
            part (int): Part of DensePose, 1..24.
        """
        fixed = np.round(self.warp(points) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(self.densepose, [fixed], part, cv2.LINE_8, _SHIFT)

    def fill_skin(
        self, outlines: list[np.ndarray], colour: Colour, label: int
    ) -> None:
        """Fill the union of polygons with skin.

        Args:
            outlines (list[np.ndarray]): (n, 2) x, y each, body units.
            colour (tuple[float, ...]): Of the skin, BGR 0-255.
            label (int): Label of the parse map.
        """
        pixels = [self.warp(outline) for outline in outlines]
        found = self.polygon_mask(bounding_rectangle(np.concatenate(pixels)))
        if found is None:
            return
        where, mask = found
        mask[:] = 0
        for polygon in pixels:
            fixed = polygon - (where[1].start, where[0].start)
            fixed = np.round(fixed * 2**_SHIFT).astype(np.int32)
            cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        shade = self._edge_shade(mask, 0.3, 0.2, rim=False)
        skin = cv2.merge([shade * np.float32(value) for value in colour])
        self._blend_patch(where, mask, skin)
        self.layers[where][mask > 127] = label

    def draw_cloth(
        self,
        meshes: list[Mesh],
        flat: FlatCloth,
        part: int,
        light: Light,
    ) -> None:
        """Draw a part of the top by warping the flat image.

        Args:
            meshes (list[Mesh]): Meshes of the part, (R, C, 2) vertices each,
                later ones in front.
            flat (FlatCloth): The flat image.
            part (int): BODY, LEFT or RIGHT.
            light (Light): Folds and light of this image.
        """
        worn = [
            self.warp(points.reshape(-1, 2)).reshape(points.shape)
            for _, points in meshes
        ]
        corners = np.concatenate([points.reshape(-1, 2) for points in worn])
        found = self.polygon_mask(bounding_rectangle(corners))
        if found is None:
            return
        where, mask = found
        mask[:] = 0
        flow = np.full((*mask.shape, 2), -9, np.float32)
        for (laid, _), points in zip(meshes, worn, strict=True):
            values = flat.warp(laid.reshape(-1, 2)).reshape(laid.shape)
            points = points - (where[1].start, where[0].start)
            at = rasterise(points, values, mask.shape)
            at[np.isnan(at)] = -9  # outside the flat image
            cover = cv2.remap(
                flat.part_masks[part], at, None, cv2.INTER_LINEAR
            )
            front = cover >= np.maximum(mask, 1)
            flow[front] = at[front]
            np.maximum(mask, cover, out=mask)
        colour = cv2.remap(flat.image, flow, None, cv2.INTER_LINEAR)
        shade = self._edge_shade(mask, 0.3, light.edge_darkness)
        at = (flow - flat.warp.matrix[:, 2].astype(np.float32)) / np.float32(
            flat.warp.scale
        )
        shade *= light.brightness(at, at)
        self._blend_patch(where, mask, colour * cv2.merge((shade,) * 3))
        on = mask > 127
        self.layers[where][on] = UPPER_CLOTHES
        self.flow[where][on] = flow[on]
