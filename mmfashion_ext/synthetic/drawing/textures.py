# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Textures of cloth: colours and repeating patterns. Images are BGR uint8."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

TILE = 96  # px of one repeat of a pattern

PATTERNS = (
    'plain',
    'plain',
    'plain',
    'stripes',
    'pinstripes',
    'checks',
    'dots',
    'floral',
    'camouflage',
    'denim',
)


@dataclass(frozen=True)
class Fabric:
    """Usual patterns and colours of a category of garments.

    Attributes:
        patterns (tuple[str]): Some of ``PATTERNS``.
        hue (tuple[float, float]): Least and greatest, in turns (0-1).
        saturation, value (tuple[float, float]): Least and greatest, 0-1.
    """

    patterns: tuple[str, ...]
    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]


#: The usual fabric of each category, as shops sell it: trousers of dark
#: denim, tartan skirts, pale slings, dark coats ...
FABRICS: dict[int, Fabric] = {
    1: Fabric(('plain',), (0.1, 0.2), (0.6, 0.95), (0.8, 0.98)),
    2: Fabric(('pinstripes', 'stripes'), (0.0, 1.0), (0.0, 0.2), (0.6, 0.9)),
    3: Fabric(('camouflage',), (0.2, 0.45), (0.3, 0.7), (0.3, 0.7)),
    4: Fabric(('plain', 'checks'), (0.0, 1.0), (0.0, 0.4), (0.12, 0.35)),
    5: Fabric(('stripes',), (-0.03, 0.06), (0.6, 0.9), (0.7, 0.95)),
    6: Fabric(('plain',), (0.88, 1.0), (0.1, 0.35), (0.85, 1.0)),
    7: Fabric(('plain',), (0.08, 0.13), (0.25, 0.5), (0.55, 0.8)),
    8: Fabric(('denim',), (0.58, 0.58), (0.3, 0.65), (0.2, 0.5)),
    9: Fabric(('checks',), (-0.06, 0.04), (0.6, 0.9), (0.4, 0.8)),
    10: Fabric(('dots',), (0.5, 0.7), (0.4, 0.8), (0.4, 0.9)),
    11: Fabric(('floral',), (0.7, 0.88), (0.4, 0.8), (0.3, 0.6)),
    12: Fabric(('stripes', 'pinstripes'), (0.6, 0.68), (0.5, 0.9), (0.2, 0.6)),
    13: Fabric(('floral', 'dots'), (0.95, 1.1), (0.15, 0.45), (0.85, 1.0)),
}
#: Share of the styles (0-1) that are of their category's usual fabric.
USUAL_FABRIC_RATE = 0.7


def hsv_to_bgr(hue: float, saturation: float, value: float) -> np.ndarray:
    """Convert a colour from HSV to BGR.

    Args:
        hue (float): In turns, any number.
        saturation (float): 0-1.
        value (float): 0-1.

    Returns:
        np.ndarray: (3,) BGR uint8.
    """
    pixel = np.array([[[hue % 1 * 180, saturation * 255, value * 255]]])
    return cv2.cvtColor(pixel.astype(np.uint8), cv2.COLOR_HSV2BGR)[0, 0]


@dataclass(frozen=True)
class Style:
    """Colours and pattern of a garment, the same in all its images.

    Attributes:
        base, second, trim (tuple[int, int, int]): Colours (b, g, r), 0-255.
        pattern (str): One of ``PATTERNS``.
        period (float): Length of one repeat, body units.
        turned (bool): Whether stripes run along instead of across.
        fade (float): Change of brightness from collar to hem, -0.3..0.3.
        seed (int): Seed of the random parts of the pattern.
        rim (bool): Draw thin dark rims around the parts.
    """

    base: tuple[int, int, int]
    second: tuple[int, int, int]
    trim: tuple[int, int, int]
    pattern: str
    period: float
    turned: bool
    fade: float
    seed: int
    rim: bool = True

    @cached_property
    def tile(self) -> np.ndarray:
        """One seamless repeat of the pattern, (TILE, TILE, 3) BGR uint8."""
        return _draw_tile(self)


def random_style(rng: np.random.Generator, category: int) -> Style:
    """Sample the style of a garment.

    Args:
        rng (np.random.Generator): Source of randomness.
        category (int): DeepFashion2 category, 1..13; seven styles in ten are
            of its usual fabric.

    Returns:
        Style: Colours (BGR uint8) and pattern (its period in body units).
    """
    hue = rng.random()
    grey = rng.random() < 0.3
    base = hsv_to_bgr(
        hue,
        rng.uniform(0, 0.12) if grey else rng.uniform(0.3, 0.9),
        rng.uniform(0.15, 0.98) if grey else rng.uniform(0.35, 0.95),
    )
    pattern = str(rng.choice(PATTERNS))
    if pattern == 'denim':
        base = hsv_to_bgr(
            0.58, rng.uniform(0.3, 0.65), rng.uniform(0.25, 0.75)
        )
    if rng.random() < USUAL_FABRIC_RATE:
        fabric = FABRICS[category]
        pattern = str(rng.choice(fabric.patterns))
        hue = rng.uniform(*fabric.hue)
        base = hsv_to_bgr(
            hue, rng.uniform(*fabric.saturation), rng.uniform(*fabric.value)
        )
    other = hue + rng.choice([0.0, 0.08, 0.35, 0.5])
    bright = base.mean() < 120
    second = hsv_to_bgr(
        other,
        rng.uniform(0, 0.7),
        rng.uniform(0.75, 1.0) if bright else rng.uniform(0.1, 0.5),
    )
    trim = second if rng.random() < 0.6 else (base * 0.6).astype(np.uint8)
    return Style(
        _integers(base),
        _integers(second),
        _integers(trim),
        pattern,
        rng.uniform(0.35, 1.1),
        bool(rng.random() < 0.3),
        rng.uniform(-0.25, 0.25) if rng.random() < 0.4 else 0.0,
        int(rng.integers(2**31)),
    )


def _integers(colour: np.ndarray) -> tuple[int, int, int]:
    """Convert a (3,) colour to integers."""
    b, g, r = colour.tolist()
    return b, g, r


def _smooth_noise(rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Return (TILE, TILE) seamless noise of mean 0 and deviation 1."""
    noise = rng.standard_normal((TILE, TILE)).astype(np.float32)
    noise = np.tile(noise, (3, 3))
    noise = cv2.GaussianBlur(noise, (0, 0), sigma)[TILE:-TILE, TILE:-TILE]
    return (noise - noise.mean()) / noise.std()


def _draw_flowers(
    rng: np.random.Generator, tile: np.ndarray, style: Style
) -> None:
    """Draw flowers that continue across the edges of the tile."""
    for _ in range(5):
        centre, size = rng.uniform(0, TILE, 2), rng.uniform(7, 14)
        turn = rng.uniform(0, 2 * np.pi)
        colour = style.second if rng.random() < 0.65 else style.trim
        for dx in (-TILE, 0, TILE):
            for dy in (-TILE, 0, TILE):
                at = np.add(centre, (dx, dy))
                for k in range(5):
                    angle = turn + 2 * np.pi * k / 5
                    tip = at + size * np.array([np.cos(angle), np.sin(angle)])
                    cv2.circle(
                        tile,
                        _to_pixel(tip),
                        int(size * 0.6),
                        colour,
                        -1,
                        cv2.LINE_AA,
                    )
                cv2.circle(
                    tile,
                    _to_pixel(at),
                    int(size * 0.5),
                    style.base,
                    -1,
                    cv2.LINE_AA,
                )


def _to_pixel(point: np.ndarray) -> tuple[int, int]:
    """Round a (2,) point to whole pixels, as OpenCV wants it."""
    x, y = np.round(point).astype(int)
    return int(x), int(y)


def _draw_tile(style: Style) -> np.ndarray:
    """Draw one repeat of the pattern of a style, (TILE, TILE, 3) BGR."""
    rng = np.random.default_rng(style.seed)
    tile: np.ndarray = np.empty((TILE, TILE, 3), np.uint8)
    tile[:] = style.base
    pattern, half = style.pattern, TILE // 2
    if pattern == 'stripes':
        tile[:half] = style.second
    elif pattern == 'pinstripes':
        for y in range(0, TILE, TILE // 3):
            tile[y : y + 5] = style.second
    elif pattern == 'checks':
        mean = (np.add(style.base, style.second) // 2).astype(np.uint8)
        tile[:half] = mean
        tile[:, :half] = mean
        tile[:half, :half] = style.second
    elif pattern == 'dots':
        for at in ((0, 0), (TILE, 0), (0, TILE), (TILE, TILE), (half, half)):
            cv2.circle(tile, at, TILE // 6, style.second, -1, cv2.LINE_AA)
    elif pattern == 'floral':
        _draw_flowers(rng, tile, style)
    elif pattern == 'camouflage':
        tile[_smooth_noise(rng, 9) > 0.4] = style.second
        tile[_smooth_noise(rng, 9) > 0.9] = style.trim
    elif pattern == 'denim':
        grain = _smooth_noise(rng, 1.2)[:, :, None] * 9
        tile = np.clip(tile + grain, 0, 255).astype(np.uint8)
    if style.turned:
        tile = np.ascontiguousarray(tile.transpose(1, 0, 2))
    return tile
