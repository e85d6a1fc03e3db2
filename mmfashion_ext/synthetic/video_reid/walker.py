# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A walking person of a few pixels, from any side. Colours are BGR 0-255.

Body space: f forward, l to the walker's left, z up, from the point between
the feet; the walker is about 1 tall.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ..drawing.textures import Style
from .looks import Colour, Look

#: Pixels of the drawing a pixel of the picture, along each side.
OVERSAMPLING = 2
_SHIFT = 4  # fractional bits of OpenCV's drawing

_HIP, _SHOULDER, _HEAD = 0.51, 0.815, 0.925  # heights
_THIGH, _SHANK, _UPPER, _FORE = 0.245, 0.235, 0.165, 0.15  # lengths
#: Added to the nearness of legs, as the top hangs over them.
_BELOW = -0.12


@dataclass(frozen=True)
class View:
    """How a camera sees a walker.

    Attributes:
        yaw (float): 0: walks towards the camera; pi / 2: to the right.
        tilt (float): How far the camera looks down, radians.
        scale (float): Pixels a unit.
        foot (tuple[float, float]): x, y of the point between the feet, px.
    """

    yaw: float
    tilt: float
    scale: float
    foot: tuple[float, float]

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project (n, 3) points: (n, 2) pixels, (n,) nearness to the eye."""
        f, side, z = points.T
        sin, cos = np.sin(self.yaw), np.cos(self.yaw)
        near = f * cos - side * sin
        up = z * np.cos(self.tilt) - near * np.sin(self.tilt)
        x = self.foot[0] + self.scale * (f * sin + side * cos)
        return np.stack([x, self.foot[1] - self.scale * up], axis=1), near

    def half_width(self, width: float, depth: float) -> float:
        """Half of what is seen of an ellipse of these half axes, px."""
        sin, cos = np.sin(self.yaw), np.cos(self.yaw)
        return self.scale * float(np.hypot(width * cos, depth * sin))


def _capsule(
    start: np.ndarray, end: np.ndarray, r1: float, r2: float
) -> np.ndarray:
    """Outline (10, 2) of a limb with round ends."""
    along = end - start
    turn = np.arctan2(along[1], along[0])
    angles = turn + np.pi / 2 + np.linspace(0, np.pi, 5)
    arc = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([start + r1 * arc, end - r2 * arc])


class _Figure:
    """The parts of a walker, to be drawn from the farthest to the nearest."""

    def __init__(self, look: Look, phase: float, view: View) -> None:
        self.look, self.phase, self.view = look, phase, view
        self.parts: list[tuple[float, np.ndarray, Colour | Style, float]] = []
        self.bob = 0.012 * np.cos(2 * phase)

    def add(
        self,
        near: float,
        outline: np.ndarray,
        fill: Colour | Style,
        shade: float = 1.0,
    ) -> None:
        self.parts.append((near, outline, fill, shade))

    def limb(
        self,
        points: np.ndarray,
        radii: tuple[float, ...],
        fills: tuple[Colour | Style, ...],
        nearer: float = 0.0,
    ) -> None:
        """Add a chain of capsules; radii at the points, fills between."""
        pixels, near = self.view(points)
        radii = np.array(radii) * self.view.scale
        shade = 1 + 0.9 * float(np.clip(near.mean(), -0.15, 0.05))
        for i, fill in enumerate(fills):
            outline = _capsule(*pixels[i : i + 2], *radii[i : i + 2])
            depth = float(near[i : i + 2].mean()) + nearer
            self.add(depth, outline, fill, shade)

    def trunk(
        self,
        levels: list[tuple[float, float, float]],
        fill: Colour | Style,
        near: float,
        f: float = 0.0,
    ) -> None:
        """Add an upright shape: rows of z, half width, half depth."""
        rows = np.array([(f, 0, z + self.bob) for z, _, _ in levels])
        pixels, _ = self.view(rows)
        half = np.array([self.view.half_width(w, d) for _, w, d in levels])
        left, right = pixels.copy(), pixels.copy()
        left[:, 0] -= half
        right[:, 0] += half
        self.add(near, np.concatenate([left, right[::-1]]), fill)

    def legs(self) -> None:
        look, b = self.look, self.look.build
        below = look.skin if look.legs != 'trousers' else look.bottom
        for side in (1, -1):
            swing = self.phase + (0 if side > 0 else np.pi)
            thigh = look.swing * np.sin(swing)
            knee = 0.12 + 0.75 * max(0.0, np.cos(swing))
            shank = thigh - knee
            hip = np.array([0, side * 0.055 * b, _HIP + self.bob])
            joint = hip + _THIGH * np.array([np.sin(thigh), 0, -np.cos(thigh)])
            ankle = joint + _SHANK * np.array(
                [np.sin(shank), 0, -np.cos(shank)]
            )
            toe = ankle + np.array([0.085, side * 0.02, -0.025])
            above = below if look.legs == 'skirt' else look.bottom
            wide = 1.25 if look.legs == 'shorts' else 1.0
            self.limb(
                np.stack([hip, joint]),
                (0.068 * b, 0.05 * b * wide),
                (above,),
                _BELOW,
            )
            narrow = 0.8 if below == look.skin else 1.0
            self.limb(
                np.stack([joint, ankle]),
                (0.046 * b * narrow, 0.034 * narrow),
                (below,),
                _BELOW - 0.01,
            )
            shoe = np.stack([ankle, toe])
            self.limb(shoe, (0.03, 0.022), (look.shoes,), _BELOW)

    def arms(self) -> None:
        look, b = self.look, self.look.build
        for side in (1, -1):
            carries = look.bag in ('handbag', 'suitcase') and side == look.side
            swing = self.phase + (np.pi if side > 0 else 0)
            upper = 0.08 if carries else 0.45 * np.sin(swing)
            fore = upper + (0.05 if carries else 0.4)
            shoulder = np.array([0, side * 0.118 * b, _SHOULDER + self.bob])
            elbow = shoulder + _UPPER * np.array(
                [np.sin(upper), side * 0.15, -np.cos(upper)]
            )
            wrist = elbow + _FORE * np.array([np.sin(fore), 0, -np.cos(fore)])
            hand = wrist + 0.03 * np.array([np.sin(fore), 0, -np.cos(fore)])
            bare = look.sleeve < 0.8
            radii = (0.044 * b, 0.037 * b, 0.026 * b, 0.024)
            fills = (look.top, look.skin if bare else look.top, look.skin)
            points = np.stack([shoulder, elbow, wrist, hand])
            self.limb(points, radii, fills, 0.02)
            if carries:
                self._carried(hand)

    def _carried(self, hand: np.ndarray) -> None:
        look, (_, near) = self.look, self.view(hand[None])
        if look.bag == 'handbag':
            low, width, height, f = hand[2] - 0.15, 0.09, 0.12, hand[0]
        else:  # pulled behind
            low, width, height, f = 0.03, 0.08, 0.26, -0.22
            tip = np.array([f, hand[1], low + height])
            self.limb(
                np.stack([hand, tip]), (0.008, 0.008), ((60, 60, 60),), -0.01
            )
        self._box((f, hand[1], low), (width, 0.05, height), float(near[0]))

    def _box(
        self,
        at: tuple[float, float, float],
        half: tuple[float, float, float],
        near: float,
    ) -> None:
        """Add a bag: its lower middle, half length and width, height."""
        pixels, _ = self.view(np.array([at, (*at[:2], at[2] + half[2])]))
        sin, cos = abs(np.sin(self.view.yaw)), abs(np.cos(self.view.yaw))
        w = self.view.scale * (half[0] * sin + half[1] * cos)
        (x1, y1), (x2, y2) = pixels
        corners = [(x1 - w, y1), (x1 + w, y1), (x2 + w * 0.9, y2)]
        corners.append((x2 - w * 0.9, y2))
        self.add(near, np.array(corners), self.look.bag_colour)

    def body(self) -> None:
        look, b = self.look, self.look.build
        hem = _HIP - 0.02 - look.hem
        flare = 1 + look.hem
        self.trunk(
            [
                (_SHOULDER + 0.045, 0.045, 0.045),
                (_SHOULDER + 0.02, 0.115 * b, 0.06 * b),
                (_SHOULDER - 0.1, 0.122 * b, 0.082 * b),
                (_HIP + 0.1, 0.1 * b, 0.078 * b),
                (_HIP, 0.108 * b * flare, 0.082 * b * flare),
                (hem, 0.108 * b * flare, 0.084 * b * flare),
            ],
            look.top,
            0.0,
        )
        if look.legs == 'skirt':
            rows = [(_HIP + 0.08, 0.1 * b, 0.08 * b), (0.3, 0.15, 0.14)]
            self.trunk(rows, look.bottom, -0.01)
        if look.bag == 'backpack':
            self._worn(-0.11, 0.0, _HIP + 0.1, (0.055, 0.095 * b, 0.22))
        elif look.bag == 'shoulder':
            self._worn(0, look.side * 0.15 * b, _HIP - 0.06, (0.1, 0.04, 0.14))
            ends = np.array(
                [
                    (0.05, -look.side * 0.1 * b, _SHOULDER + 0.01),
                    (0.05, look.side * 0.14 * b, _HIP + 0.07),
                ]
            )
            strap = (look.bag_colour,)
            self.limb(ends, (0.014, 0.014), strap, 0.06)

    def _worn(
        self, f: float, side: float, z: float, half: tuple[float, float, float]
    ) -> None:
        _, near = self.view(np.array([(f, side, z)]))
        self._box((f, side, z), half, float(near[0]))

    def head(self) -> None:
        look, view = self.look, self.view
        centre = np.array([(0.015, 0, _HEAD + self.bob)])
        (pixel,), _ = view(centre)
        forward, _ = view(centre + np.array([0.03, 0, 0]))
        ahead = forward[0] - pixel
        neck = np.array([(0, 0, _SHOULDER + self.bob), centre[0]])
        self.limb(neck, (0.036, 0.036), (look.skin,), 0.01)
        size = np.array([0.048, 0.066]) * view.scale
        facing = np.cos(view.yaw)
        self.add(0.02, _ellipse(pixel, size), look.hair, 0.95)
        face = 1.0 - 0.25 * (1 - facing)  # the hair covers what is behind
        at = pixel + ahead * 0.5 + (0, 0.012 * view.scale)
        if facing > -0.35:
            self.add(0.021, _ellipse(at, size * (face, 0.82)), look.skin)
        if look.cap:
            peak = pixel + ahead * 1.2 - (0, 0.02 * view.scale)
            self.add(0.022, _ellipse(peak, size * (0.8, 0.18)), look.hair, 0.8)
        if look.long_hair:
            back = pixel - ahead * 0.6 + (0, 0.055 * view.scale)
            near = 0.03 if facing < 0.1 else 0.015
            self.add(near, _ellipse(back, size * (0.95, 1.15)), look.hair)


def _ellipse(centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    return centre + half * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def draw_walker(
    look: Look, phase: float, view: View, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a walker alone.

    Args:
        look (Look): The person.
        phase (float): Of two steps, radians.
        view (View): In pixels of the picture.
        size (tuple[int, int]): (w, h) of the picture in px.

    Returns:
        tuple[np.ndarray, np.ndarray]: (h, w, 3) float32 BGR 0-255, already
        multiplied by the coverage, and (h, w) float32 coverage 0-1.
    """
    many = OVERSAMPLING
    scale = view.scale * many * look.height
    foot = view.foot[0] * many, view.foot[1] * many
    view = View(view.yaw, view.tilt, scale, foot)
    figure = _Figure(look, phase, view)
    figure.legs()
    figure.body()
    figure.arms()
    figure.head()
    width, height = size[0] * many, size[1] * many
    image = np.zeros((height, width, 3), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    figure.parts.sort(key=lambda part: part[0])
    for _, outline, fill, shade in figure.parts:
        _paint(image, mask, outline, fill, shade, view)
    near = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    near = 1 - np.minimum(near * (1 / (0.045 * scale)), 1)
    shaded = image * (1 - 0.38 * near * near)[:, :, None]
    cover = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    shaded = cv2.resize(
        shaded.astype(np.float32), size, interpolation=cv2.INTER_AREA
    )
    return shaded, cover.astype(np.float32) / 255


def _paint(
    image: np.ndarray,
    mask: np.ndarray,
    outline: np.ndarray,
    fill: Colour | Style,
    shade: float,
    view: View,
) -> None:
    """Fill a polygon with a colour or with cloth."""
    fixed = np.round(outline * 2**_SHIFT).astype(np.int32)
    if not isinstance(fill, Style) or fill.pattern in ('plain', 'denim'):
        colour = fill.base if isinstance(fill, Style) else fill
        colour = tuple(min(255.0, shade * v) for v in colour)
        cv2.fillPoly(image, [fixed], colour, cv2.LINE_8, _SHIFT)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_8, _SHIFT)
        return
    height, width = mask.shape
    x1, y1 = np.maximum(np.floor(outline.min(0)).astype(int) - 1, 0)
    x2, y2 = np.minimum(
        np.ceil(outline.max(0)).astype(int) + 2, (width, height)
    )
    if x2 <= x1 or y2 <= y1:
        return
    inside = np.zeros((y2 - y1, x2 - x1), np.uint8)
    fixed -= np.array((x1, y1), np.int32) << _SHIFT
    cv2.fillPoly(inside, [fixed], 255, cv2.LINE_8, _SHIFT)
    # the pattern hangs on the walker, whatever part shows it
    period = max(3, round(fill.period * view.scale))
    tile = cv2.resize(
        fill.tile, (period, period), interpolation=cv2.INTER_AREA
    )
    columns = (np.arange(x1, x2) - round(view.foot[0])) % period
    rows = (np.arange(y1, y2) - round(view.foot[1])) % period
    cloth = cv2.convertScaleAbs(tile[rows[:, None], columns], alpha=shade)
    cv2.copyTo(cloth, inside, image[y1:y2, x1:x2])
    cv2.copyTo(inside, inside, mask[y1:y2, x1:x2])
