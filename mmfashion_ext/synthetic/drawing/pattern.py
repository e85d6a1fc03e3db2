# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Data structures of a garment: measurements, parts of cloth, details.

A garment is described in body space (see :mod:`.figure`). Its outline runs
through the landmarks of its category, so that landmarks, masks and drawing
agree exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

View = Literal['front', 'back', 'flat']
DetailKind = Literal['seam', 'band', 'panel', 'print', 'button']
SHORTS, TROUSERS, SKIRT = 7, 8, 9


@dataclass(frozen=True)
class UpperType:
    """Properties that distinguish the categories of tops and dresses.

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
    """Measurements and details of a garment; lengths in body units.

    Attributes:
        neck (str): Shape of the neck line: ``round``, ``v`` or ``square``.
        neck_width (float): Half width of the neck line.
        neck_depth (float): y of the lowest point of the front neck line.
        sleeve (float): Length of the sleeve, along the arm.
        sleeve_width (float): Half width of the sleeve at the top.
        cuff (float): Half width of the cuff.
        fit (float): Width of the body, relative to a close fit.
        waist (float): Width at the waist, relative to ``fit``.
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
    """Part of a garment that is drawn as one polygon of cloth.

    Attributes:
        outline (np.ndarray): (n, 2) closed polygon, body units.
        landmarks (frozenset[int]): Landmarks on it, numbered from 1 within
            the category.
        origin (tuple[float, float]), angle (float): Frame of its texture,
            body units and radians: the pattern of a sleeve turns with it.
        kind (str): ``body``, ``limb`` (sleeve or trouser leg, annotated as a
            polygon of its own), ``strap`` or ``inside`` (the inner face of
            the cloth, drawn darker).
    """

    outline: np.ndarray
    landmarks: frozenset[int]
    origin: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    kind: Literal['body', 'limb', 'strap', 'inside'] = 'body'


@dataclass
class Detail:
    """Seam, band, panel, print or button drawn on the cloth.

    Attributes:
        points (np.ndarray): (n, 2) x, y in body units.
        kind (str): ``seam`` (thin dark line), ``band`` (line in the trim
            colour), ``panel`` (filled in the trim colour), ``print``
            (filled in the second colour) or ``button``.
        width (float): Width of a line or radius of a button, body units.
    """

    points: np.ndarray
    kind: DetailKind = 'seam'
    width: float = 0.03


@dataclass
class Garment:
    """Garment in body space, ready to be warped and drawn.

    Attributes:
        category (int): DeepFashion2 category, 1..13.
        landmarks (np.ndarray): (n, 2) body units, row k - 1 is landmark k.
        outline (np.ndarray): (m, 2) body units, whole outline without straps.
        parts (list[Part]): In drawing order.
        details (list[Detail]): Drawn after the parts.
    """

    category: int
    landmarks: np.ndarray
    outline: np.ndarray
    parts: list[Part]
    details: list[Detail] = field(default_factory=list)


def spline(points: Sequence, samples: int = 6) -> np.ndarray:
    """Return points of the Catmull-Rom spline through given points.

    Args:
        points (Sequence): n points (x, y), n >= 2.
        samples (int): Samples per segment. Defaults to 6.

    Returns:
        np.ndarray: ((n - 1) * samples + 1, 2) x, y; every ``samples``-th row
        is one of the given points.
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
    """Return the curve of a hem, lower in its middle than at its corners.

    Args:
        left (np.ndarray): (2,) left corner, body units.
        right (np.ndarray): (2,) right corner, body units.
        sag (float): How far the middle hangs below their mean, body units.

    Returns:
        np.ndarray: (13, 2) body units, from left to right.
    """
    middle = 0.5 * (left + right) + (0, sag)
    return spline([left, middle, right])
