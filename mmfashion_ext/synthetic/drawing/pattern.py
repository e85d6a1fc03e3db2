# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What a garment is made of: pattern, pieces of cloth, details.

A garment is cut in body space (see ``figure``). Its outline runs through the
landmarks of its category, so that landmarks, masks and drawing agree exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

View = Literal['front', 'back', 'flat']
SHORTS, TROUSERS, SKIRT = 7, 8, 9


@dataclass(frozen=True)
class Upper:
    """What tells the categories of tops and dresses apart.

    Attributes:
        sleeve (str): ``short``, ``long``, ``none`` or ``strap``.
        sides (int): Landmarks between armpit and hem.
        open (bool): Whether the front is open.
        dress (bool): Whether it covers the legs too.
    """

    sleeve: Literal['short', 'long', 'none', 'strap']
    sides: int
    open: bool = False
    dress: bool = False


@dataclass(frozen=True)
class Cut:
    """The pattern a garment is sewn by; lengths in body units.

    Attributes:
        neck (str): ``round``, ``v`` or ``square``.
        neck_width (float): Half width of the neck line.
        neck_depth (float): Lowest point of the front neck line.
        sleeve (float): Length of the sleeve, along the arm.
        sleeve_width (float): Half width of the sleeve at the top.
        cuff (float): Half width of the cuff.
        fit (float): Width of the body relative to a close fit.
        waist (float): Width at the waist relative to ``fit``.
        hem (float): y of the hem (of the inseam for trousers).
        hem_width (float): Half width of the hem (of one leg for trousers).
        gap (float): Half width of the open front.
        extras (frozenset[str]): Details: buttons, pocket, collar, belt, ...;
            ``disc``, ``star``, ``letters`` and ``box`` are prints.
    """

    neck: str = 'round'
    neck_width: float = 0.42
    neck_depth: float = 0.4
    sleeve: float = 0.9
    sleeve_width: float = 0.36
    cuff: float = 0.32
    fit: float = 1.0
    waist: float = 0.92
    hem: float = 3.0
    hem_width: float = 0.95
    gap: float = 0.3
    extras: frozenset[str] = frozenset()


@dataclass
class Part:
    """A piece of cloth that is drawn as a whole.

    Attributes:
        outline (np.ndarray): (n, 2) closed polygon in body space.
        landmarks (frozenset[int]): Landmarks (local, 1-based) on it.
        origin (tuple[float, float]), angle (float): Frame of its texture:
            sleeves carry their pattern along.
        piece (str): ``body``, ``limb`` (annotated as a part), ``strap`` or
            ``inside`` (seen from behind the cloth, darker).
    """

    outline: np.ndarray
    landmarks: frozenset[int]
    origin: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    piece: Literal['body', 'limb', 'strap', 'inside'] = 'body'


@dataclass
class Detail:
    """A seam, button or panel drawn on the cloth.

    Attributes:
        points (np.ndarray): (n, 2) in body space.
        kind (str): ``seam`` (thin dark line), ``band`` (line in the trim
            colour), ``panel`` (filled in the trim colour), ``print``
            (filled in the second colour) or ``button``.
        width (float): Width of a line or radius of a button, body units.
    """

    points: np.ndarray
    kind: Literal['seam', 'band', 'panel', 'print', 'button'] = 'seam'
    width: float = 0.03


@dataclass
class Garment:
    """A garment in body space, ready to be warped and drawn.

    Attributes:
        category (int): 1..13.
        landmarks (np.ndarray): (n, 2), row k-1 is landmark k.
        outline (np.ndarray): (m, 2) the whole outline, without straps.
        parts (list[Part]): In drawing order.
        details (list[Detail]): Drawn after the parts.
    """

    category: int
    landmarks: np.ndarray
    outline: np.ndarray
    parts: list[Part]
    details: list[Detail] = field(default_factory=list)


def spline(points: Sequence, samples: int = 6) -> np.ndarray:
    """Catmull-Rom curve through points.

    Args:
        points (Sequence): n points, n >= 2.
        samples (int): Samples a segment.

    Returns:
        np.ndarray: ((n - 1) * samples + 1, 2), the points among them.
    """
    p = np.asarray(points, dtype=float)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.arange(samples)[:, None] / samples
    pieces = [
        b
        + 0.5 * t * (c - a)
        + t**2 * (a - 2.5 * b + 2 * c - 0.5 * d)
        + t**3 * 0.5 * (3 * (b - c) + d - a)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate([*pieces, p[-2:-1]])


def hem_curve(left: np.ndarray, right: np.ndarray, sag: float) -> np.ndarray:
    """Curve from the left to the right corner, through the hem's middle."""
    middle = 0.5 * (left + right) + (0, sag)
    return spline([left, middle, right])
