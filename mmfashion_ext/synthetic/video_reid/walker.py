# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Drawing of a walking person, seen from any side. Colours are BGR 0-255.

Body space: f forward, l to the walker's left, z up, from the point between
the feet; the unit is the height of an average walker.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ..drawing.textures import Style
from .appearance import Appearance, Colour

#: Pixels of the drawing per pixel of the image, along each side.
OVERSAMPLING = 2
_SHIFT = 4  # fractional bits of OpenCV's drawing

_HIP, _SHOULDER, _HEAD = 0.51, 0.815, 0.925  # heights
_THIGH, _SHANK, _UPPER, _FORE = 0.245, 0.235, 0.165, 0.15  # lengths
#: Added to the nearness of legs, since the top hangs over them.
_LEG_NEARNESS = -0.12


@dataclass(frozen=True)
class CameraView:
    """Projection of a walker's body space to the image.

    Attributes:
        yaw (float): Walking direction, radians; 0: towards the camera, pi / 2:
            to the right.
        tilt (float): How far the camera looks down, radians.
        scale (float): Px per body unit.
        foot (tuple[float, float]): (x, y) of the point between the feet, px.
    """

    yaw: float
    tilt: float
    scale: float
    foot: tuple[float, float]

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project points to the image.

        Args:
            points (np.ndarray): (n, 3) f, l, z in body units.

        Returns:
            tuple[np.ndarray, np.ndarray]: (n, 2) x, y in px, and (n,)
            nearness to the camera, body units.
        """
        f, side, z = points.T
        sin, cos = np.sin(self.yaw), np.cos(self.yaw)
        near = f * cos - side * sin
        up = z * np.cos(self.tilt) - near * np.sin(self.tilt)
        x = self.foot[0] + self.scale * (f * sin + side * cos)
        return np.stack([x, self.foot[1] - self.scale * up], axis=1), near

    def half_width(self, width: float, depth: float) -> float:
        """Return half of the visible width of an upright ellipse.

        Args:
            width (float): Half axis along l, body units.
            depth (float): Half axis along f, body units.

        Returns:
            float: In px.
        """
        sin, cos = np.sin(self.yaw), np.cos(self.yaw)
        return self.scale * float(np.hypot(width * cos, depth * sin))


def _capsule(
    start: np.ndarray, end: np.ndarray, r1: float, r2: float
) -> np.ndarray:
    """Return the (10, 2) outline of a limb with round ends, px."""
    along = end - start
    turn = np.arctan2(along[1], along[0])
    angles = turn + np.pi / 2 + np.linspace(0, np.pi, 5)
    arc = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([start + r1 * arc, end - r2 * arc])


class _WalkerParts:
    """Polygons of a walker, to be drawn from the farthest to the nearest."""

    def __init__(
        self, appearance: Appearance, phase: float, view: CameraView
    ) -> None:
        self.appearance, self.phase, self.view = appearance, phase, view
        self.parts: list[tuple[float, np.ndarray, Colour | Style, float]] = []
        self.bob = 0.012 * np.cos(2 * phase)

    def add(
        self,
        near: float,
        outline: np.ndarray,
        fill: Colour | Style,
        shade: float = 1.0,
    ) -> None:
        """Add a polygon: nearness, (n, 2) outline in px, colour or cloth."""
        self.parts.append((near, outline, fill, shade))

    def limb(
        self,
        points: np.ndarray,
        radii: tuple[float, ...],
        fills: tuple[Colour | Style, ...],
        nearer: float = 0.0,
    ) -> None:
        """Add a chain of capsules: (n, 3) points, n radii, n - 1 fills."""
        pixels, near = self.view(points)
        scaled = np.array(radii) * self.view.scale
        shade = 1 + 0.9 * float(np.clip(near.mean(), -0.15, 0.05))
        for i, fill in enumerate(fills):
            outline = _capsule(*pixels[i : i + 2], *scaled[i : i + 2])
            depth = float(near[i : i + 2].mean()) + nearer
            self.add(depth, outline, fill, shade)

    def trunk(
        self,
        levels: list[tuple[float, float, float]],
        fill: Colour | Style,
        near: float,
        f: float = 0.0,
    ) -> None:
        """Add an upright shape from rows of z, half width, half depth."""
        rows = np.array([(f, 0, z + self.bob) for z, _, _ in levels])
        pixels, _ = self.view(rows)
        half = np.array([self.view.half_width(w, d) for _, w, d in levels])
        left, right = pixels.copy(), pixels.copy()
        left[:, 0] -= half
        right[:, 0] += half
        self.add(near, np.concatenate([left, right[::-1]]), fill)

    def legs(self) -> None:
        """Add legs and shoes in the phase of the step."""
        appearance, b = self.appearance, self.appearance.build
        below = (
            appearance.skin
            if appearance.legs != 'trousers'
            else appearance.bottom
        )
        for side in (1, -1):
            swing = self.phase + (0 if side > 0 else np.pi)
            thigh = appearance.swing * np.sin(swing)
            knee = 0.12 + 0.75 * max(0.0, np.cos(swing))
            shank = thigh - knee
            hip = np.array([0, side * 0.055 * b, _HIP + self.bob])
            joint = hip + _THIGH * np.array([np.sin(thigh), 0, -np.cos(thigh)])
            ankle = joint + _SHANK * np.array(
                [np.sin(shank), 0, -np.cos(shank)]
            )
            toe = ankle + np.array([0.085, side * 0.02, -0.025])
            above = below if appearance.legs == 'skirt' else appearance.bottom
            wide = 1.25 if appearance.legs == 'shorts' else 1.0
            self.limb(
                np.stack([hip, joint]),
                (0.068 * b, 0.05 * b * wide),
                (above,),
                _LEG_NEARNESS,
            )
            narrow = 0.8 if below == appearance.skin else 1.0
            self.limb(
                np.stack([joint, ankle]),
                (0.046 * b * narrow, 0.034 * narrow),
                (below,),
                _LEG_NEARNESS - 0.01,
            )
            shoe = np.stack([ankle, toe])
            self.limb(shoe, (0.03, 0.022), (appearance.shoes,), _LEG_NEARNESS)

    def arms(self) -> None:
        """Add arms, hands, and what the hands carry."""
        appearance, b = self.appearance, self.appearance.build
        for side in (1, -1):
            carries = (
                appearance.bag in ('handbag', 'suitcase')
                and side == appearance.side
            )
            swing = self.phase + (np.pi if side > 0 else 0)
            upper = 0.08 if carries else 0.45 * np.sin(swing)
            fore = upper + (0.05 if carries else 0.4)
            shoulder = np.array([0, side * 0.118 * b, _SHOULDER + self.bob])
            elbow = shoulder + _UPPER * np.array(
                [np.sin(upper), side * 0.15, -np.cos(upper)]
            )
            wrist = elbow + _FORE * np.array([np.sin(fore), 0, -np.cos(fore)])
            hand = wrist + 0.03 * np.array([np.sin(fore), 0, -np.cos(fore)])
            bare = appearance.sleeve < 0.8
            radii = (0.044 * b, 0.037 * b, 0.026 * b, 0.024)
            fills = (
                appearance.top,
                appearance.skin if bare else appearance.top,
                appearance.skin,
            )
            points = np.stack([shoulder, elbow, wrist, hand])
            self.limb(points, radii, fills, 0.02)
            if carries:
                self._carried(hand)

    def _carried(self, hand: np.ndarray) -> None:
        """Add a handbag or a suitcase at a (3,) hand."""
        appearance, (_, near) = self.appearance, self.view(hand[None])
        if appearance.bag == 'handbag':
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
        """Add a box: (f, l, z) of its base, half length and width, height."""
        pixels, _ = self.view(np.array([at, (*at[:2], at[2] + half[2])]))
        sin, cos = abs(np.sin(self.view.yaw)), abs(np.cos(self.view.yaw))
        w = self.view.scale * (half[0] * sin + half[1] * cos)
        (x1, y1), (x2, y2) = pixels
        corners = [(x1 - w, y1), (x1 + w, y1), (x2 + w * 0.9, y2)]
        corners.append((x2 - w * 0.9, y2))
        self.add(near, np.array(corners), self.appearance.bag_colour)

    def body(self) -> None:
        """Add torso, skirt, and a bag on back or shoulder."""
        appearance, b = self.appearance, self.appearance.build
        hem = _HIP - 0.02 - appearance.hem
        flare = 1 + appearance.hem
        self.trunk(
            [
                (_SHOULDER + 0.045, 0.045, 0.045),
                (_SHOULDER + 0.02, 0.115 * b, 0.06 * b),
                (_SHOULDER - 0.1, 0.122 * b, 0.082 * b),
                (_HIP + 0.1, 0.1 * b, 0.078 * b),
                (_HIP, 0.108 * b * flare, 0.082 * b * flare),
                (hem, 0.108 * b * flare, 0.084 * b * flare),
            ],
            appearance.top,
            0.0,
        )
        if appearance.legs == 'skirt':
            rows = [(_HIP + 0.08, 0.1 * b, 0.08 * b), (0.3, 0.15, 0.14)]
            self.trunk(rows, appearance.bottom, -0.01)
        if appearance.bag == 'backpack':
            self._worn_bag(-0.11, 0.0, _HIP + 0.1, (0.055, 0.095 * b, 0.22))
        elif appearance.bag == 'shoulder':
            self._worn_bag(
                0, appearance.side * 0.15 * b, _HIP - 0.06, (0.1, 0.04, 0.14)
            )
            ends = np.array(
                [
                    (0.05, -appearance.side * 0.1 * b, _SHOULDER + 0.01),
                    (0.05, appearance.side * 0.14 * b, _HIP + 0.07),
                ]
            )
            strap = (appearance.bag_colour,)
            self.limb(ends, (0.014, 0.014), strap, 0.06)

    def _worn_bag(
        self, f: float, side: float, z: float, half: tuple[float, float, float]
    ) -> None:
        """Add a bag on back or shoulder, see :meth:`_box`."""
        _, near = self.view(np.array([(f, side, z)]))
        self._box((f, side, z), half, float(near[0]))

    def head(self) -> None:
        """Add neck, head, face, hair and cap."""
        appearance, view = self.appearance, self.view
        centre = np.array([(0.015, 0, _HEAD + self.bob)])
        (pixel,), _ = view(centre)
        forward, _ = view(centre + np.array([0.03, 0, 0]))
        ahead = forward[0] - pixel
        neck = np.array([(0, 0, _SHOULDER + self.bob), centre[0]])
        self.limb(neck, (0.036, 0.036), (appearance.skin,), 0.01)
        size = np.array([0.048, 0.066]) * view.scale
        facing = np.cos(view.yaw)
        self.add(0.02, _ellipse(pixel, size), appearance.hair, 0.95)
        face = 1.0 - 0.25 * (1 - facing)  # the hair covers what is behind
        at = pixel + ahead * 0.5 + (0, 0.012 * view.scale)
        if facing > -0.35:
            self.add(0.021, _ellipse(at, size * (face, 0.82)), appearance.skin)
        if appearance.cap:
            peak = pixel + ahead * 1.2 - (0, 0.02 * view.scale)
            self.add(
                0.022, _ellipse(peak, size * (0.8, 0.18)), appearance.hair, 0.8
            )
        if appearance.long_hair:
            back = pixel - ahead * 0.6 + (0, 0.055 * view.scale)
            near = 0.03 if facing < 0.1 else 0.015
            self.add(
                near, _ellipse(back, size * (0.95, 1.15)), appearance.hair
            )


def _ellipse(centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return 14 points of an ellipse, (14, 2)."""
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    return centre + half * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def draw_walker(
    appearance: Appearance,
    phase: float,
    view: CameraView,
    size: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a walker without background.

    Args:
        appearance (Appearance): The person.
        phase (float): Phase of two steps, radians.
        view (CameraView): Projection to the image.
        size (tuple[int, int]): (w, h) of the image, px.

    Returns:
        tuple[np.ndarray, np.ndarray]: (h, w, 3) float32 BGR 0-255, already
        multiplied by the coverage, and (h, w) float32 coverage 0-1.
    """
    factor = OVERSAMPLING
    scale = view.scale * factor * appearance.height
    foot = view.foot[0] * factor, view.foot[1] * factor
    view = CameraView(view.yaw, view.tilt, scale, foot)
    walker = _WalkerParts(appearance, phase, view)
    walker.legs()
    walker.body()
    walker.arms()
    walker.head()
    width, height = size[0] * factor, size[1] * factor
    image = np.zeros((height, width, 3), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    walker.parts.sort(key=lambda part: part[0])
    for _, outline, fill, shade in walker.parts:
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
    view: CameraView,
) -> None:
    """Fill an (n, 2) polygon, px, with a colour or with cloth."""
    fixed = np.round(outline * 2**_SHIFT).astype(np.int32)
    if not isinstance(fill, Style) or fill.pattern in ('plain', 'denim'):
        colour = fill.base if isinstance(fill, Style) else fill
        shaded = tuple(min(255.0, shade * v) for v in colour)
        cv2.fillPoly(image, [fixed], shaded, cv2.LINE_8, _SHIFT)
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
    # The pattern moves with the walker, whatever part shows it.
    period = max(3, round(fill.period * view.scale))
    tile = cv2.resize(
        fill.tile, (period, period), interpolation=cv2.INTER_AREA
    )
    columns = (np.arange(x1, x2) - round(view.foot[0])) % period
    rows = (np.arange(y1, y2) - round(view.foot[1])) % period
    cloth = cv2.convertScaleAbs(tile[rows[:, None], columns], alpha=shade)
    cv2.copyTo(cloth, inside, image[y1:y2, x1:x2])
    cv2.copyTo(inside, inside, mask[y1:y2, x1:x2])
