# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Canvas that draws cloth, details and skin given in body space.

Images are (h, w, 3) BGR uint8. Points in body space are (n, 2) x, y in body
units (see :mod:`.figure`); points in the image are (n, 2) x, y in px.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .pattern import Detail, Part
from .textures import Style
from .warp import Warp

_SHIFT = 4  # fractional bits of OpenCV's anti-aliased drawing


class Canvas:
    """Image to draw on, with the id of the layer that each pixel shows.

    Attributes:
        image (np.ndarray): (h, w, 3) BGR uint8.
        layers (np.ndarray): (h, w) uint8, id of the topmost layer; 0 where
            nothing with an id was drawn.
        warp (Warp): From body space to this image.
    """

    def __init__(self, image: np.ndarray, warp: Warp) -> None:
        self.image = image
        self.layers = np.zeros(image.shape[:2], np.uint8)
        self.warp = warp

    def polygon_mask(
        self, pixels: np.ndarray
    ) -> tuple[tuple[slice, slice], np.ndarray] | None:
        """Rasterise a polygon with anti-aliased edges.

        Args:
            pixels (np.ndarray): (n, 2) x, y of a closed polygon, px.

        Returns:
            tuple or None: Rows and columns of the image that the polygon
            touches, and their (h, w) uint8 coverage 0-255. None if all of it
            is outside the image.
        """
        height, width = self.layers.shape
        low = np.maximum(np.floor(pixels.min(0)).astype(int) - 1, 0)
        high = np.ceil(pixels.max(0)).astype(int) + 2
        x1, y1 = np.minimum(high, (width, height))
        x0, y0 = low
        if x1 <= x0 or y1 <= y0:
            return None
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        fixed = np.round((pixels - (x0, y0)) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        return (slice(y0, y1), slice(x0, x1)), mask

    def _blend_patch(
        self, where: tuple[slice, slice], mask: np.ndarray, colour: np.ndarray
    ) -> None:
        """Blend (h, w, 3) float32 colour into a part of the image."""
        under = self.image[where]
        mixed = colour - under
        mixed *= cv2.merge((mask,) * 3).astype(np.float32) / 255
        mixed += under
        mixed += 0.5
        self.image[where] = np.clip(mixed, 0, 255, out=mixed)

    def blend(self, mask: np.ndarray, colour: np.ndarray) -> None:
        """Blend a colour into the whole image.

        Args:
            mask (np.ndarray): (h, w) uint8 coverage 0-255.
            colour (np.ndarray): (3,) or (h, w, 3) float32 BGR 0-255.
        """
        self._blend_patch((slice(None), slice(None)), mask, colour)

    def fill_polygon(
        self,
        points: np.ndarray,
        colour: tuple[float, ...],
        layer: int = 0,
        edge_darkness: float = 0.25,
        rim: bool = True,
    ) -> None:
        """Fill a polygon of body space with a colour, shaded at its edges.

        Args:
            points (np.ndarray): (n, 2) x, y in body units.
            colour (tuple[float, ...]): BGR 0-255.
            layer (int): Id of the layer, 0-255. Defaults to 0.
            edge_darkness (float): How much darker the edges are, 0-1.
                Defaults to 0.25.
            rim (bool): Draw a thin dark rim. Defaults to True.
        """
        found = self.polygon_mask(self.warp(points))
        if found is None:
            return
        where, mask = found
        shade = self._edge_shade(mask, 0.3, edge_darkness, rim)
        shaded = cv2.merge([shade * np.float32(value) for value in colour])
        self._blend_patch(where, mask, shaded)
        self.layers[where][mask > 127] = layer

    def _edge_shade(
        self,
        mask: np.ndarray,
        depth: float,
        strength: float,
        rim: bool = True,
    ) -> np.ndarray:
        """Return the shade of a round body: darker at the edges.

        Args:
            mask (np.ndarray): (h, w) uint8 coverage 0-255.
            depth (float): Width of the darker border, body units.
            strength (float): How much darker the edges are, 0-1.
            rim (bool): Add a thin dark rim. Defaults to True.

        Returns:
            np.ndarray: (h, w) float32 brightness, at most 1.
        """
        inside = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        _, inside = cv2.threshold(inside, 127, 255, cv2.THRESH_BINARY)
        distance = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
        near = 1 - np.minimum(distance / (depth * self.warp.scale), 1)
        shade = 1 - strength * near * near
        if rim:
            shade[distance < 0.012 * self.warp.scale + 0.8] *= 0.72
        return shade

    def draw_part(
        self, part: Part, style: Style, layer: int, light: 'Light'
    ) -> tuple[tuple[slice, slice], np.ndarray] | None:
        """Draw a part of a garment: textured cloth with folds.

        Args:
            part (Part): Outline and texture frame.
            style (Style): Colours and pattern.
            layer (int): Id of the layer, 1-255.
            light (Light): Folds and light of this image.

        Returns:
            tuple or None: Rows and columns, and (h, w) uint8 coverage 0-255,
            as returned by :meth:`polygon_mask`.
        """
        found = self.polygon_mask(self.warp(part.outline))
        if found is None:
            return None
        where, mask = found
        uv, xy = self._texture_coordinates(where, mask.shape, part)
        tile = style.tile
        size = max(4, min(len(tile), round(style.period * self.warp.scale)))
        tile = cv2.resize(tile, (size, size), interpolation=cv2.INTER_AREA)
        at = uv * np.float32(size / style.period)
        colour = cv2.remap(
            tile,
            at[:, :, 0],
            at[:, :, 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        ).astype(np.float32)
        shade = self._edge_shade(mask, 0.34, light.edge_darkness, style.rim)
        shade *= light.brightness(uv, xy)
        shade *= 1 + style.fade * (xy[:, :, 1] - 1.5) / 2
        if part.kind == 'inside':
            shade *= 0.55
        self._blend_patch(where, mask, colour * cv2.merge((shade,) * 3))
        self.layers[where][mask > 127] = layer
        return found

    def _texture_coordinates(
        self, where: tuple[slice, slice], shape: tuple[int, ...], part: Part
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels' coordinates in two frames.

        They are smooth, so only every eighth pixel is computed.

        Returns:
            tuple[np.ndarray, np.ndarray]: (h, w, 2) float32 each, body units:
            in the texture frame of the part, and in body space.
        """
        step = 8
        rows, columns = (-(-n // step) + 2 for n in shape)
        y = where[0].start + (np.arange(rows) - 0.5) * step - 0.5
        x = where[1].start + (np.arange(columns) - 0.5) * step - 0.5
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        xy = self.warp.inverse(grid)
        cos, sin = np.cos(part.angle), np.sin(part.angle)
        uv = (xy - part.origin) @ np.array([[cos, -sin], [sin, cos]])
        both = np.concatenate([uv, xy], axis=1).astype(np.float32)
        both = cv2.resize(
            both.reshape(rows, columns, 4),
            (columns * step, rows * step),
            interpolation=cv2.INTER_LINEAR,
        )[step : step + shape[0], step : step + shape[1]]
        return both[:, :, :2], both[:, :, 2:]

    def draw_detail(
        self, detail: Detail, style: Style, layers: tuple[int, int]
    ) -> None:
        """Draw a seam, band, panel, print or button.

        Args:
            detail (Detail): Points (n, 2) in body units, and kind.
            style (Style): Style of the garment that it belongs to.
            layers (tuple[int, int]): Ids of the first and last layer of the
                garment; nothing is drawn over other layers.
        """
        pixels = self.warp(detail.points)
        width = max(detail.width * self.warp.scale, 1.0)
        margin = (-width - 2, width + 2)
        frame = np.concatenate([pixels + margin[0], pixels + margin[1]])
        found = self.polygon_mask(bounding_rectangle(frame))
        if found is None:
            return
        where, mask = found
        mask[:] = 0
        fixed = pixels - (where[1].start, where[0].start)
        fixed = np.round(fixed * 2**_SHIFT).astype(np.int32)
        colour = np.array(style.base, np.float32) * 0.55
        if detail.kind in ('panel', 'print'):
            cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
            colour = _distinct(
                style.trim if detail.kind == 'panel' else style.second, style
            )
        elif detail.kind == 'button':
            centre = int(fixed[0, 0]), int(fixed[0, 1])
            radius = round(width * 2**_SHIFT)
            cv2.circle(mask, centre, radius, 255, -1, cv2.LINE_AA, _SHIFT)
            colour = _distinct(style.trim, style)
        else:
            band = detail.kind == 'band'
            thick = max(1, round(width if band else width * 0.5))
            cv2.polylines(
                mask, [fixed], False, 255, thick, cv2.LINE_AA, _SHIFT
            )
            if band:
                colour = np.array(style.trim, np.float32)
        present = self.layers[where]
        mask[(present < layers[0]) | (present > layers[1])] = 0
        if detail.kind in ('panel', 'button'):
            shade = self._edge_shade(mask, 0.2, 0.2)
            colour = shade[:, :, None] * colour
        self._blend_patch(where, mask, colour)


def bounding_rectangle(points: np.ndarray) -> np.ndarray:
    """Return the corners of the box around points.

    Args:
        points (np.ndarray): (n, 2) x, y.

    Returns:
        np.ndarray: (4, 2) x, y, from the top left clockwise.
    """
    (x1, y1), (x2, y2) = points.min(0), points.max(0)
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])


def _distinct(colour: tuple[int, ...], style: Style) -> np.ndarray:
    """Return a (3,) BGR colour that differs from the cloth under it."""
    chosen = np.array(colour, np.float32)
    if np.abs(chosen - style.base).max() < 40:
        chosen = chosen * 0.7 if chosen.mean() > 90 else chosen + 60
    return chosen


@dataclass(frozen=True)
class Light:
    """Light and folds on the cloth of an image.

    Attributes:
        edge_darkness (float): How much darker the edges of a part are, 0-1.
        slope (float): Change of brightness from left to right, per body unit.
        waves (np.ndarray): (m, 4) folds: wave vector (x and y, radians per
            body unit), phase (radians) and strength (0-1).
    """

    edge_darkness: float
    slope: float
    waves: np.ndarray

    def brightness(self, uv: np.ndarray, xy: np.ndarray) -> np.ndarray:
        """Return the brightness of cloth.

        Args:
            uv (np.ndarray): (h, w, 2) float32 in the part's texture frame,
                body units; the folds run along it.
            xy (np.ndarray): (h, w, 2) float32 in body space, body units.

        Returns:
            np.ndarray: (h, w) float32, about 1.
        """
        u, v = uv[:, :, 0], uv[:, :, 1]
        shade = 1 + np.float32(self.slope) * xy[:, :, 0]
        columns = self.waves.astype(np.float32).T
        for kx, ky, phase, strength in zip(*columns, strict=True):
            shade += strength * np.sin(kx * u + ky * v + phase)
        return shade


def random_light(rng: np.random.Generator, strength: float) -> Light:
    """Sample the light of an image.

    Args:
        rng (np.random.Generator): Source of randomness.
        strength (float): Strength of folds and slope, 0-1.

    Returns:
        Light: With four folds, (4, 4) waves.
    """
    count = 4
    waves = np.stack(
        [
            rng.uniform(4, 14, count),
            rng.uniform(-4, 4, count),
            rng.uniform(0, 2 * np.pi, count),
            rng.uniform(0.02, 0.075, count) * strength,
        ],
        axis=1,
    )
    return Light(
        rng.uniform(0.2, 0.4), rng.uniform(-0.12, 0.12) * strength, waves
    )
