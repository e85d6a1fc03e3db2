# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Drawing in body space on a picture: warp, cloth, skin.

Pictures are BGR uint8; points in body space are (n, 2) x, y (see ``figure``),
points in the picture are x, y in pixels.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from .pattern import Detail, Part
from .textures import TILE, Style

_SHIFT = 4  # fractional bits of OpenCV's anti-aliased drawing


@dataclass(frozen=True)
class Warp:
    """Body space -> picture: a smooth displacement, then an affine map.

    Attributes:
        matrix (np.ndarray): (2, 3) affine map to pixels.
        waves (np.ndarray): (m, 5) rows of wave vector (x, y, radians a unit),
            phase, and amplitude in x and y (units).
    """

    matrix: np.ndarray
    waves: np.ndarray

    @cached_property
    def scale(self) -> float:
        """Pixels a body unit."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    def _displacement(self, points: np.ndarray) -> np.ndarray:
        phase = points @ self.waves[:, :2].T + self.waves[:, 2]
        return np.sin(phase) @ self.waves[:, 3:]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Map (n, 2) points of body space to (n, 2) pixels."""
        moved = points + self._displacement(points)
        return moved @ self.matrix[:, :2].T + self.matrix[:, 2]

    def inverse(self, pixels: np.ndarray) -> np.ndarray:
        """Map (n, 2) pixels to (n, 2) points of body space, to 0.01 units."""
        inverted = np.linalg.inv(self.matrix[:, :2])
        moved = (pixels - self.matrix[:, 2]) @ inverted.T
        points = moved
        for _ in range(2):  # the displacement is a contraction
            points = moved - self._displacement(points)
        return points


class Canvas:
    """A picture, and which layer each of its pixels shows.

    Attributes:
        image (np.ndarray): (h, w, 3) BGR uint8.
        owner (np.ndarray): (h, w) uint8, the id of the topmost layer.
        warp (Warp): From body space to this picture.
    """

    def __init__(self, image: np.ndarray, warp: Warp) -> None:
        self.image = image
        self.owner = np.zeros(image.shape[:2], np.uint8)
        self.warp = warp

    def mask(
        self, pixels: np.ndarray
    ) -> tuple[tuple[slice, slice], np.ndarray] | None:
        """Rasterise a polygon.

        Args:
            pixels (np.ndarray): (n, 2) closed polygon in pixels.

        Returns:
            tuple: Rows and columns of the picture that it touches and their
            (h, w) uint8 coverage 0-255; None if it is outside.
        """
        height, width = self.owner.shape
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

    def _blend(
        self, where: tuple[slice, slice], mask: np.ndarray, colour: np.ndarray
    ) -> None:
        """Lay (h, w, 3) float32 colour over a part of the picture."""
        under = self.image[where]
        mixed = colour - under
        mixed *= cv2.merge((mask,) * 3).astype(np.float32) / 255
        mixed += under
        mixed += 0.5
        self.image[where] = np.clip(mixed, 0, 255, out=mixed)

    def paint(self, mask: np.ndarray, colour: np.ndarray) -> None:
        """Lay float32 colour, (3,) or (h, w, 3), over the whole picture.

        Args:
            mask (np.ndarray): (h, w) uint8 coverage 0-255.
            colour (np.ndarray): BGR 0-255.
        """
        self._blend((slice(None), slice(None)), mask, colour)

    def solid(
        self,
        points: np.ndarray,
        colour: tuple[float, ...],
        owner: int = 0,
        volume: float = 0.25,
        rim: bool = True,
    ) -> None:
        """Fill a polygon of body space with a shaded colour."""
        found = self.mask(self.warp(points))
        if found is None:
            return
        where, mask = found
        shade = self._volume(mask, 0.3, volume, rim)
        shaded = cv2.merge([shade * np.float32(value) for value in colour])
        self._blend(where, mask, shaded)
        self.owner[where][mask > 127] = owner

    def _volume(
        self,
        mask: np.ndarray,
        depth: float,
        strength: float,
        rim: bool = True,
    ) -> np.ndarray:
        """Darken towards the edges, as a round body does; a thin dark rim."""
        inside = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        _, inside = cv2.threshold(inside, 127, 255, cv2.THRESH_BINARY)
        distance = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
        near = 1 - np.minimum(distance / (depth * self.warp.scale), 1)
        shade = 1 - strength * near * near
        if rim:
            shade[distance < 0.012 * self.warp.scale + 0.8] *= 0.72
        return shade

    def cloth(
        self, part: Part, style: Style, owner: int, light: 'Light'
    ) -> tuple[tuple[slice, slice], np.ndarray] | None:
        """Draw a piece of a garment.

        Args:
            part (Part): What to draw.
            style (Style): Its colours and pattern.
            owner (int): Id of this layer, 1-255.
            light (Light): Folds and light of this picture.

        Returns:
            tuple: As ``mask``.
        """
        found = self.mask(self.warp(part.outline))
        if found is None:
            return None
        where, mask = found
        uv, xy = self._texture_coordinates(where, mask.shape, part)
        size = max(4, min(TILE, round(style.period * self.warp.scale)))
        tile = cv2.resize(
            style.tile, (size, size), interpolation=cv2.INTER_AREA
        )
        at = uv * np.float32(size / style.period)
        colour = cv2.remap(
            tile,
            at[:, :, 0],
            at[:, :, 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        ).astype(np.float32)
        shade = self._volume(mask, 0.34, light.volume)
        shade *= light.folds(uv, xy)
        shade *= 1 + style.fade * (xy[:, :, 1] - 1.5) / 2
        if part.piece == 'inside':
            shade *= 0.55
        self._blend(where, mask, colour * cv2.merge((shade,) * 3))
        self.owner[where][mask > 127] = owner
        return found

    def _texture_coordinates(
        self, where: tuple[slice, slice], shape: tuple[int, ...], part: Part
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates in the part's frame and in body space, (h, w, 2).

        They are smooth, so every eighth pixel is computed.
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

    def detail(
        self, detail: Detail, style: Style, layers: tuple[int, int]
    ) -> None:
        """Draw a seam, band, panel, print or button.

        Args:
            detail (Detail): What to draw.
            style (Style): Of the garment it belongs to.
            layers (tuple[int, int]): First and last layer of the garment;
                nothing is drawn beyond them.
        """
        pixels = self.warp(detail.points)
        width = max(detail.width * self.warp.scale, 1.0)
        margin = (-width - 2, width + 2)
        frame = np.concatenate([pixels + margin[0], pixels + margin[1]])
        found = self.mask(rectangle(frame))
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
        owner = self.owner[where]
        mask[(owner < layers[0]) | (owner > layers[1])] = 0
        if detail.kind in ('panel', 'button'):
            shade = self._volume(mask, 0.2, 0.2)
            colour = shade[:, :, None] * colour
        self._blend(where, mask, colour)


def rectangle(points: np.ndarray) -> np.ndarray:
    """Corners of the box around points."""
    (x1, y1), (x2, y2) = points.min(0), points.max(0)
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])


def _distinct(colour: tuple[int, ...], style: Style) -> np.ndarray:
    """A colour that can be told from the cloth it lies on."""
    chosen = np.array(colour, np.float32)
    if np.abs(chosen - style.base).max() < 40:
        chosen = chosen * 0.7 if chosen.mean() > 90 else chosen + 60
    return chosen


@dataclass(frozen=True)
class Light:
    """How light falls on the cloth of a picture.

    Attributes:
        volume (float): How dark the rims are, 0-1.
        slope (float): Change of light from left to right, a unit.
        waves (np.ndarray): (m, 4) folds: wave vector (x, y, radians a unit),
            phase and strength.
    """

    volume: float
    slope: float
    waves: np.ndarray

    def folds(self, uv: np.ndarray, xy: np.ndarray) -> np.ndarray:
        """Brightness, about 1, (h, w) float32."""
        u, v = uv[:, :, 0], uv[:, :, 1]
        shade = 1 + np.float32(self.slope) * xy[:, :, 0]
        for kx, ky, phase, strength in self.waves.astype(np.float32):
            shade += strength * np.sin(kx * u + ky * v + phase)
        return shade


def random_light(rng: np.random.Generator, strength: float) -> Light:
    """Draw the light of a picture; ``strength`` of folds and slope, 0-1."""
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


def random_warp(
    rng: np.random.Generator, matrix: np.ndarray, strength: float
) -> Warp:
    """Draw a smooth deformation around an affine map.

    Args:
        rng (np.random.Generator): Source of chance.
        matrix (np.ndarray): (2, 3) affine map from body space to pixels.
        strength (float): Size of the largest displacement, body units.
    """
    count = 4
    waves = np.concatenate(
        [
            rng.uniform(-1.6, 1.6, (count, 2)),
            rng.uniform(0, 2 * np.pi, (count, 1)),
            rng.uniform(-0.35, 0.35, (count, 2)) * strength,
        ],
        axis=1,
    )
    return Warp(matrix, waves)
