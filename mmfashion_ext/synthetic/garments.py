# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Garments of the 13 categories, built on their own landmarks.

A garment is cut in body space (see ``figure``). Its outline runs through the
landmarks of its category, so that landmarks, masks and drawing agree exactly:

- tops and dresses: 1 back of the neck; 2..6 neck line, viewer's left to
  right; then anticlockwise: shoulder, outer edge of the sleeve, cuff, inner
  edge, armpit, side, hem, and the same mirrored on the right;
- outwear: the hem is open; 4 and its mirror image are the tops of the front
  edges, 2 and 6 the corners of the collar;
- sling and sling dress: 2 and 6 join strap and bodice, 7 and its mirror image
  are the tops of the straps;
- bottoms: 1..3 waist, then the left side, hem(s) and the right side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..common.deepfashion2 import CATEGORY_BY_ID
from .figure import HIP, SHOULDER, THIGH, UPPER_ARM, Limb, Pose, along, mirror

View = Literal['front', 'back', 'flat']


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


UPPERS = {
    1: Upper('short', 2),
    2: Upper('long', 2),
    3: Upper('short', 2, open=True),
    4: Upper('long', 2, open=True),
    5: Upper('none', 1),
    6: Upper('strap', 1),
    10: Upper('short', 4, dress=True),
    11: Upper('long', 4, dress=True),
    12: Upper('none', 3, dress=True),
    13: Upper('strap', 3, dress=True),
}
SHORTS, TROUSERS, SKIRT = 7, 8, 9


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
        extras (frozenset[str]): Details: buttons, pocket, collar, belt, ...
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
            colour), ``panel`` (filled in the trim colour) or ``button``.
        width (float): Width of a line or radius of a button, body units.
    """

    points: np.ndarray
    kind: Literal['seam', 'band', 'panel', 'button'] = 'seam'
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


@dataclass
class _Half:
    """The viewer's right half of an upper garment."""

    chain: list[np.ndarray]  # landmarks in the order of the left numbers
    corner: np.ndarray  # landmark 6
    neck: np.ndarray  # landmark 5
    neckline: np.ndarray  # corner -> front middle (or the open front's top)
    shoulder: np.ndarray  # corner -> shoulder
    sleeve: np.ndarray  # shoulder -> armpit, along the sleeve
    armhole: np.ndarray  # shoulder -> armpit, along the seam
    side: np.ndarray  # armpit -> hem
    arm: Limb
    cuff: np.ndarray  # a seam across the sleeve, near the cuff


def _neck(cut: Cut, upper: Upper) -> tuple[np.ndarray, ...]:
    """Corner (6), point 5, middle (4) and the curve between them."""
    width, depth = cut.neck_width, cut.neck_depth
    if upper.sleeve == 'strap':
        corner = np.array([0.5, 0.72])
        middle = np.array([0.0, 0.72 + cut.neck_depth * 0.5])
        point = np.array([0.25, 0.72 + cut.neck_depth * 0.36])
        return corner, point, middle, spline([corner, point, middle])
    corner = np.array([width, 0.0])
    middle = np.array([0.0, depth])
    if cut.neck == 'v':
        point = np.array([width * 0.52, depth * 0.5])
    elif cut.neck == 'square':
        point = np.array([width * 0.86, depth])
    else:
        point = np.array([width * 0.72, depth * 0.72])
    if cut.neck == 'round':
        ends = [corner, point, middle, point * (-1, 1), corner * (-1, 1)]
        curve = spline(ends)[:13]
    else:
        curve = np.stack([corner, point, middle])
    return corner, point, middle, curve


def _sleeve(
    cut: Cut, long: bool, arm: Limb, tip: np.ndarray, armpit: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Landmarks, outline and cuff seam of a sleeve."""
    steps = np.array([0.28, 0.52, 0.76, 1.0] if long else [0.55, 1.0])
    axis, normal = along(arm, SHOULDER, UPPER_ARM, steps * cut.sleeve)
    width = np.interp(steps, [0, 1], [cut.sleeve_width, cut.cuff])[:, None]
    outer, inner = axis + width * normal, axis - width * normal
    # Close to the armpit the inner edge leaves the body's side.
    inner[0] = 0.5 * (inner[0] + 0.55 * armpit + 0.45 * inner[1])
    landmarks = [tip, *outer, *inner[::-1], armpit]
    outline = np.concatenate(
        [
            spline([tip, *outer])[:-1],
            [outer[-1]],
            spline([*inner[::-1], armpit]),
        ]
    )
    near = 0.9 if not long else 0.95
    axis, normal = along(arm, SHOULDER, UPPER_ARM, [near * cut.sleeve])
    width = cut.cuff * 1.02
    cuff = np.concatenate([axis + width * normal, axis - width * normal])
    return landmarks, outline, cuff


def _side_points(
    cut: Cut, upper: Upper, armpit: np.ndarray
) -> list[np.ndarray]:
    """Landmarks from below the armpit to the corner of the hem."""
    hip = max(0.95 * cut.fit, 0.9)
    y = np.array([armpit[1], 2.1, 3.0, max(cut.hem, 3.4)])
    x = np.array([armpit[0], 0.72 * cut.fit * cut.waist, hip, cut.hem_width])
    if not upper.dress:
        at = np.linspace(armpit[1], cut.hem, upper.sides + 2)[1:]
        straight = np.interp(
            at, [armpit[1], cut.hem], [armpit[0], cut.hem_width]
        )
        shaped = straight - (1 - cut.waist) * np.sin(
            np.pi * (at - armpit[1]) / (cut.hem - armpit[1])
        )
        return [np.array(point) for point in zip(shaped, at, strict=True)]
    at = np.array([2.1, 3.0, 0.5 * (3.0 + cut.hem), cut.hem])
    if upper.sides == 4:
        at = np.concatenate([[0.5 * (armpit[1] + 2.1)], at])
    return [np.array(point) for point in zip(np.interp(at, y, x), at)]


def _upper_half(cut: Cut, upper: Upper, arm: Limb) -> _Half:
    """Build the viewer's right half."""
    corner, point, _, neckline = _neck(cut, upper)
    armpit = np.array([0.8 * cut.fit, 1.08])
    cuff = np.empty((0, 2))
    if upper.sleeve in ('short', 'long'):
        tip = np.array([0.97 * max(cut.fit, 0.95), 0.26])
        chain, sleeve, cuff = _sleeve(
            cut, upper.sleeve == 'long', arm, tip, armpit
        )
        bulge = 0.5 * (tip + armpit) + (-0.06, 0.05)
        armhole = spline([tip, bulge, armpit])
        shoulder = np.stack([corner, tip])
    elif upper.sleeve == 'none':
        tip = np.array([min(cut.neck_width + 0.3, 0.85), 0.2])
        bulge = np.array([tip[0] * 0.5 + 0.29, 0.72])
        chain, armhole = [tip, armpit], spline([tip, bulge, armpit])
        sleeve, shoulder = armhole, np.stack([corner, tip])
    else:
        tip = np.array([0.46, 0.03])
        armhole = spline([corner, [0.62, 0.95], armpit])
        chain, sleeve, shoulder = [tip, armpit], armhole, corner[None]
    side = _side_points(cut, upper, armpit)
    curve = spline([armpit, *side])
    return _Half(
        [*chain, *side],
        corner,
        point,
        neckline,
        shoulder,
        sleeve,
        armhole,
        curve,
        arm,
        cuff,
    )


def _numbers(category: int) -> tuple[list[int], list[int]]:
    """Left numbers from 7 to the hem's corner, and their mirror images."""
    flip = dict(CATEGORY_BY_ID[category].flip_pairs)
    upper = UPPERS[category]
    sleeve = {'short': 6, 'long': 10, 'none': 2, 'strap': 2}[upper.sleeve]
    left = list(range(7, 7 + sleeve + upper.sides + 1))
    return left, [flip[number] for number in left]


def _sleeve_parts(
    halves: tuple[_Half, _Half],
    numbers: tuple[list[int], list[int]],
    count: int,
) -> list[Part]:
    """The two sleeves, each with its landmarks and texture frame."""
    parts = []
    for half, own, sign in zip(halves, numbers, (-1, 1), strict=True):
        inside = half.armhole[::-1] - (0.05, 0)
        outline = np.concatenate([half.sleeve, inside[1:-1]])
        parts.append(
            Part(
                outline * (sign, 1),
                frozenset(own[:count]),
                tuple(SHOULDER * (sign, 1)),
                -sign * half.arm.upper,
                'limb',
            )
        )
    return parts


def _strap_parts(
    halves: tuple[_Half, _Half], numbers: tuple[list[int], list[int]]
) -> list[Part]:
    """The straps of a sling, thin enough to bare the shoulders."""
    parts = []
    for half, own, sign in zip(halves, numbers, (-1, 1), strict=True):
        top, base = half.chain[0], half.corner
        outline = np.stack(
            [
                top - (0.06, 0),
                top + (0.06, 0),
                base + (0.05, 0.06),
                base - (0.09, -0.06),
            ]
        )
        corner = 2 if sign < 0 else 6
        parts.append(
            Part(
                outline * (sign, 1), frozenset((own[0], corner)), piece='strap'
            )
        )
    return parts


def _hem(left: np.ndarray, right: np.ndarray, sag: float) -> np.ndarray:
    """Curve from the left to the right corner, through the hem's middle."""
    middle = 0.5 * (left + right) + (0, sag)
    return spline([left, middle, right])


def _closed_upper(category: int, cut: Cut, pose: Pose, view: View) -> Garment:
    """Tops and dresses without an opening."""
    upper = UPPERS[category]
    halves = tuple(_upper_half(cut, upper, arm) for arm in pose.arms)
    left, right = halves
    numbers = _numbers(category)
    back = np.array([0.0, 0.06 if upper.sleeve != 'strap' else 0.86])
    hem = _hem(
        mirror(left.side[-1]), right.side[-1], 0.08 if upper.dress else 0.05
    )
    landmarks = np.zeros((CATEGORY_BY_ID[category].num_landmarks, 2))
    landmarks[0] = back
    landmarks[[1, 2]] = mirror(np.stack([left.corner, left.neck]))
    landmarks[3] = right.neckline[-1]
    landmarks[[4, 5]] = right.neck, right.corner
    landmarks[[n - 1 for n in numbers[0]]] = mirror(np.stack(left.chain))
    landmarks[[n - 1 for n in numbers[1]]] = right.chain
    middle = numbers[0][-1] + 1
    landmarks[middle - 1] = hem[len(hem) // 2]

    front = np.concatenate(
        [right.neckline, mirror(left.neckline)[::-1][1:]]
    )  # corner 6 -> 4 -> corner 2
    behind = spline([right.corner, back, mirror(left.corner)])
    neckline = front if view == 'front' else behind

    def around(attribute: str) -> np.ndarray:
        pieces = [
            [half.shoulder, getattr(half, attribute)[1:], half.side[1:]]
            for half in halves
        ]
        return np.concatenate(
            [
                mirror(np.concatenate(pieces[0])),
                hem[1:-1],
                np.concatenate(pieces[1])[::-1],
                neckline[1:-1],
            ]
        )

    joint = 6 if upper.sleeve == 'short' else 10
    sleeved = upper.sleeve in ('short', 'long')
    kept = set(range(1, len(landmarks) + 1)) - (
        {1} if view == 'front' else {3, 4, 5}
    )
    if sleeved:
        for own in numbers:
            kept -= set(own[1 : joint - 1])
    if upper.sleeve == 'strap':
        kept -= {own[0] for own in numbers}
    parts = [Part(around('armhole'), frozenset(kept))]
    if view == 'flat':
        inside = np.concatenate([front, behind[::-1][1:-1]])
        parts[0] = Part(
            np.concatenate([around('armhole')]), frozenset(kept | {3, 4, 5})
        )
        parts.append(Part(inside, frozenset((1,)), piece='inside'))
    if sleeved:
        parts += _sleeve_parts(halves, numbers, joint)
    elif upper.sleeve == 'strap':
        parts = [*_strap_parts(halves, numbers), *parts]
    garment = Garment(category, landmarks, around('sleeve'), parts)
    _upper_details(garment, cut, halves, front, view)
    return garment


def _open_upper(category: int, cut: Cut, pose: Pose, view: View) -> Garment:
    """Outwear: two front panels hanging from a collar."""
    upper = UPPERS[category]
    halves = tuple(_upper_half(cut, upper, arm) for arm in pose.arms)
    numbers = _numbers(category)
    flip = dict(CATEGORY_BY_ID[category].flip_pairs)
    flip |= {b: a for a, b in flip.items()}
    hem_number = numbers[0][-1] + 1
    last = max(max(pair) for pair in flip.items())
    lower, higher = last, last - 1
    landmarks = np.zeros((CATEGORY_BY_ID[category].num_landmarks, 2))
    landmarks[0] = 0.0, -0.02
    joint = 6 if upper.sleeve == 'short' else 10
    panels, edges, sides = [], [], []
    for half, own, sign in zip(halves, numbers, (-1, 1), strict=True):
        top = np.array([cut.gap * 0.75, cut.neck_depth])
        bottom = np.array([cut.gap * 1.25, half.side[-1][1] + 0.05])
        at = np.array([1 / 3, 2 / 3])[:, None]
        up, down = top + at * (bottom - top)
        neck = 0.5 * (half.corner * (0.8, 1) + (0, 0.1) + top)
        named = {
            2: half.corner,
            3: neck,
            4: top,
            hem_number: bottom,
            higher: up,
            lower: down,
        }
        ids = {k: (k if sign < 0 else flip[k]) for k in named}
        for number, point in named.items():
            landmarks[ids[number] - 1] = point * (sign, 1)
        landmarks[[n - 1 for n in own]] = np.stack(half.chain) * (sign, 1)
        inner = half.corner * (0.8, 1) + (0, 0.1)
        edge = np.stack([bottom, down, up, top, neck, inner])
        edges.append(edge * (sign, 1))
        hem = spline([half.side[-1], bottom], 4)[1:-1]
        body = [half.shoulder, half.armhole[1:], half.side[1:], hem, edge]
        panel_ids = {ids[k] for k in named} | {own[0], *own[joint - 1 :]}
        panels.append(
            Part(np.concatenate(body) * (sign, 1), frozenset(panel_ids))
        )
        around = [half.shoulder, half.sleeve[1:], half.side[1:], hem, edge]
        sides.append(np.concatenate(around) * (sign, 1))
    collar_low = np.array([[0.0, 0.16]])
    outline = np.concatenate(
        [landmarks[:1], sides[0], collar_low, sides[1][::-1]]
    )
    collar = np.concatenate(
        [
            landmarks[:1],
            edges[0][-1:] - (0.09, 0.1),
            edges[0][-1:],
            collar_low,
            edges[1][-1:],
            edges[1][-1:] + (0.09, -0.1),
        ]
    )
    parts = [Part(collar, frozenset((1,)), piece='inside'), *panels]
    sleeves = _sleeve_parts(halves, numbers, joint)
    if view == 'back':
        parts = [_whole_back(landmarks, numbers, joint, sides, halves)]
    elif view == 'flat':
        hem = _hem(edges[0][0], edges[1][0], -0.08)
        lining = np.concatenate([edges[0][::-1], hem[1:-1], edges[1]])
        parts.insert(0, Part(lining, frozenset(), piece='inside'))
    garment = Garment(category, landmarks, outline, [*parts, *sleeves])
    if view != 'back':
        _opening_details(garment, cut, edges, halves)
    return garment


def _whole_back(
    landmarks: np.ndarray,
    numbers: tuple[list[int], list[int]],
    joint: int,
    sides: list[np.ndarray],
    halves: tuple[_Half, _Half],
) -> Part:
    """The back of outwear: one piece; the front's landmarks are hidden."""
    left, right = [
        np.concatenate([half.shoulder, half.armhole[1:], half.side[1:]])
        for half in halves
    ]
    hem = _hem(mirror(left[-1]), right[-1], 0.05)
    outline = np.concatenate(
        [landmarks[:1], mirror(left), hem[1:-1], right[::-1]]
    )
    ids = {1, 2, 6}
    for own in numbers:
        ids |= {own[0], *own[joint - 1 :]}
    return Part(outline, frozenset(ids))


def _shift(points: np.ndarray, dx: float, dy: float) -> np.ndarray:
    return points + (dx, dy)


def _upper_details(
    garment: Garment,
    cut: Cut,
    halves: tuple[_Half, _Half],
    front: np.ndarray,
    view: View,
) -> None:
    """Seams, collar, buttons, pocket and belt of a closed upper garment."""
    details, marks = garment.details, garment.landmarks
    for half, sign in zip(halves, (-1, 1), strict=True):
        if len(half.cuff):
            kind = 'band' if 'cuffs' in cut.extras else 'seam'
            details.append(Detail(half.cuff * (sign, 1), kind, 0.05))
    left, right = halves[0].side[-1] * (-1, 1), halves[1].side[-1]
    hem = _hem(left * (0.98, 1), right * (0.98, 1), 0.04) - (0, 0.12)
    details.append(Detail(hem))
    if 'belt' in cut.extras and UPPERS[garment.category].dress:
        y = 2.12
        x = 0.72 * cut.fit * cut.waist * 0.97
        belt = spline([(-x, y), (0, y + 0.06), (x, y)])
        details.append(Detail(belt, 'band', 0.14))
    if view == 'back':
        return
    middle = marks[3]
    if view == 'front' or UPPERS[garment.category].sleeve != 'strap':
        kind = 'band' if 'trim' in cut.extras else 'seam'
        details.append(Detail(front + (0, 0.03), kind, 0.06))
    if 'buttons' in cut.extras:
        bottom = min(cut.hem - 0.1, 3.2 if cut.hem < 4 else cut.hem - 0.2)
        if 'placket' in cut.extras:
            bottom = middle[1] + 0.8
        details.append(Detail(np.array([middle, (0, bottom)])))
        count = max(2, int((bottom - middle[1]) / 0.4))
        for y in np.linspace(middle[1] + 0.15, bottom - 0.1, count):
            details.append(Detail(np.array([(0.0, y)]), 'button', 0.05))
    if 'collar' in cut.extras and cut.neck != 'square':
        wing = np.array(
            [
                front[0] + (0.06, -0.04),
                middle,
                middle + (0.24, 0.2),
                front[0] + (0.12, 0.16),
            ]
        )
        details += [Detail(wing, 'panel'), Detail(mirror(wing), 'panel')]
    if 'pocket' in cut.extras:
        pocket = np.array(
            [(0.22, 1.05), (0.6, 1.05), (0.6, 1.4), (0.41, 1.5), (0.22, 1.4)]
        )
        details.append(Detail(np.concatenate([pocket, pocket[:1]])))


def _opening_details(
    garment: Garment,
    cut: Cut,
    edges: list[np.ndarray],
    halves: tuple[_Half, _Half],
) -> None:
    """Lapels, zip, buttons and pockets of outwear."""
    for edge, half, sign in zip(edges, halves, (-1, 1), strict=True):
        bottom, top, inner = edge[0], edge[3], edge[5]
        outward = np.array([sign, 0])
        if 'collar' in cut.extras:
            lapel = np.stack(
                [
                    inner - outward * 0.02,
                    inner + outward * 0.2 + (0, 0.12),
                    top + outward * 0.42 + (0, -0.2),
                    top + outward * 0.02 + (0, 0.18),
                    edge[4],
                ]
            )
            garment.details.append(Detail(lapel, 'panel'))
        zipper = edge[:4] + outward * 0.04
        kind = 'band' if 'trim' in cut.extras else 'seam'
        garment.details.append(Detail(zipper, kind, 0.05))
        pocket_y = 2.45
        pocket = np.array([(0.72, pocket_y), (0.42, pocket_y + 0.1)])
        if cut.hem > 2.9:
            x = cut.gap * 0.3
            garment.details.append(Detail((pocket + (x, 0)) * (sign, 1)))
        if 'buttons' in cut.extras and sign > 0:
            for y in np.linspace(top[1] + 0.3, bottom[1] - 0.3, 4):
                x = np.interp(y, edge[:4][::-1, 1], edge[:4][::-1, 0])
                at = np.array([(x + 0.12, y)])
                garment.details.append(Detail(at, 'button', 0.06))
        garment.details.append(
            Detail(half.cuff * (sign, 1), 'seam' if kind == 'seam' else 'band')
        )


def _leg(cut: Cut, leg: Limb, steps: list[float]) -> tuple[np.ndarray, ...]:
    """Outer and inner points of a trouser leg, from the crotch down."""
    length = cut.hem - HIP[1]
    at = np.asarray(steps) * length
    axis, normal = along(leg, HIP, THIGH, at)
    width = np.interp(
        np.asarray(steps), [0.15, 1], [0.44 * cut.fit, cut.hem_width]
    )[:, None]
    return axis + width * normal, axis - width * normal


def _bottoms(category: int, cut: Cut, pose: Pose, view: View) -> Garment:
    """Shorts and trousers: two legs that meet at the crotch."""
    pairs = CATEGORY_BY_ID[category].flip_pairs
    crotch_number = 7 if category == SHORTS else 9
    waist_y = 2.25
    waist = np.array([0.7 * cut.fit * 0.97, waist_y])
    landmarks = np.zeros((CATEGORY_BY_ID[category].num_landmarks, 2))
    landmarks[1] = 0.0, waist_y + 0.07
    landmarks[crotch_number - 1] = crotch = np.array([0.0, 3.78])
    parts, sides = [], []
    for leg, sign in zip(pose.legs, (-1, 1), strict=True):
        hip = np.array([0.93 * cut.fit, 3.0])
        if category == SHORTS:
            outer, inner = _leg(cut, leg, [1.0])
            chain = [hip, outer[0], inner[0]]
            inseam = [inner[0], crotch]
        else:
            outer, inner = _leg(cut, leg, [0.52, 1.0])
            chain = [hip, *outer, inner[1], inner[0]]
            inseam = [inner[1], inner[0], crotch]
        out = [waist, hip, *outer]
        side = np.concatenate([spline(out), spline(inseam)]) * (sign, 1)
        sides.append(side)
        numbers = [1, *range(4, 4 + len(chain))]
        if sign > 0:
            numbers = [dict(pairs)[n] for n in numbers]
        landmarks[[n - 1 for n in numbers]] = np.stack([waist, *chain]) * (
            sign,
            1,
        )
        own = frozenset((*numbers, 2, crotch_number))
        middle = landmarks[1:2]
        parts.append(
            Part(
                np.concatenate([middle, side]),
                own,
                tuple(HIP * (sign, 1)),
                -sign * leg.upper,
                'limb',
            )
        )
    outline = np.concatenate([landmarks[1:2], sides[0], sides[1][::-1][1:]])
    garment = Garment(category, landmarks, outline, parts)
    _bottom_details(garment, cut, view)
    return garment


def _bottom_details(garment: Garment, cut: Cut, view: View) -> None:
    """Waistband, fly, pockets and hems of shorts and trousers."""
    marks, details = garment.landmarks, garment.details
    band = spline(marks[[0, 1, 2]]) + (0, 0.16)
    details.append(Detail(band))
    if 'belt' in cut.extras:
        details.append(Detail(band - (0, 0.08), 'band', 0.12))
    if view != 'back':
        fly = np.array([(0.0, 2.45), (0.12, 2.5), (0.12, 3.0), (0.0, 3.2)])
        details.append(Detail(fly))
        details.append(Detail(np.array([(0.0, 2.38)]), 'button', 0.05))
        x = 0.6 * cut.fit
        pocket = np.array([(x - 0.12, 2.45), (x - 0.02, 2.7), (x + 0.2, 2.85)])
    else:
        pocket = np.array([(0.2, 2.75), (0.6, 2.75), (0.6, 3.1), (0.4, 3.2)])
        pocket = np.concatenate([pocket, [(0.2, 3.1), (0.2, 2.75)]])
    details += [Detail(pocket), Detail(mirror(pocket))]
    hems = (5, 6), (8, 9)
    if garment.category == TROUSERS:
        hems = (6, 7), (10, 11)
    for a, b in hems:
        hem = marks[[a - 1, b - 1]] - (0, 0.1)
        details.append(
            Detail(hem, 'band' if 'cuffs' in cut.extras else 'seam', 0.07)
        )


def _skirt(cut: Cut, pose: Pose, view: View) -> Garment:
    """A skirt, pleated or plain."""
    waist = np.array([0.68 * cut.fit, 2.2])
    middle = np.array([0.0, waist[1] + 0.07])
    corner = np.array([cut.hem_width, cut.hem])
    side = 0.5 * (waist + corner)
    side[0] = max(side[0], 0.92 if side[1] > 2.8 else 0.82)
    half = spline([waist, side, corner])
    hem = _hem(mirror(corner), corner, 0.1)
    band = spline([mirror(waist), middle, waist])
    landmarks = np.stack(
        [
            mirror(waist),
            middle,
            waist,
            mirror(side),
            mirror(corner),
            hem[len(hem) // 2],
            corner,
            side,
        ]
    )
    outline = np.concatenate(
        [mirror(half), hem[1:-1], half[::-1], band[::-1][1:-1]]
    )
    garment = Garment(
        SKIRT, landmarks, outline, [Part(outline, frozenset(range(1, 9)))]
    )
    details = garment.details
    details.append(Detail(band * (1.01, 1) + (0, 0.15)))
    details.append(Detail(hem * (0.98, 1) - (0, 0.1)))
    if 'belt' in cut.extras:
        details.append(Detail(band + (0, 0.08), 'band', 0.12))
    if 'pleats' in cut.extras:
        for u in np.linspace(-0.85, 0.85, 9):
            top = np.array([u * waist[0], waist[1] + 0.2])
            bottom = np.array([u * corner[0], cut.hem + 0.05])
            details.append(Detail(np.stack([top, bottom])))
    if 'buttons' in cut.extras and view != 'back':
        for y in np.linspace(waist[1] + 0.3, cut.hem - 0.2, 5):
            details.append(Detail(np.array([(0.0, y)]), 'button', 0.06))
    return garment


def make_garment(
    category: int,
    cut: Cut,
    pose: Pose | None = None,
    view: View = 'front',
) -> Garment:
    """Sew a garment.

    Args:
        category (int): 1..13.
        cut (Cut): Its pattern.
        pose (Pose, optional): The wearer's pose. Defaults to a symmetric one.
        view (str): ``front`` and ``back`` as worn, ``flat`` laid out.
            Landmarks that a view cannot show belong to no part.

    Returns:
        Garment: In body space.
    """
    pose = pose or Pose()
    if category in (SHORTS, TROUSERS):
        return _bottoms(category, cut, pose, view)
    if category == SKIRT:
        return _skirt(cut, pose, view)
    if UPPERS[category].open:
        return _open_upper(category, cut, pose, view)
    return _closed_upper(category, cut, pose, view)


def random_cut(category: int, rng: np.random.Generator) -> Cut:
    """Draw the pattern of a style.

    Args:
        category (int): 1..13.
        rng (np.random.Generator): Source of chance.

    Returns:
        Cut: Within the limits that keep the 13 categories apart.
    """

    def chance(p: float) -> bool:
        return rng.random() < p

    neck = str(rng.choice(['round', 'round', 'v', 'square']))
    depth = rng.uniform(0.3, 0.75) if neck != 'v' else rng.uniform(0.6, 1.1)
    common = {
        'neck': neck,
        'neck_width': rng.uniform(0.36, 0.55),
        'neck_depth': depth,
        'fit': rng.uniform(0.95, 1.2),
        'waist': rng.uniform(0.86, 1.0),
    }
    extras = {
        name
        for name, p in (
            ('buttons', 0.3),
            ('collar', 0.3),
            ('placket', 0.4),
            ('pocket', 0.25),
            ('cuffs', 0.35),
            ('trim', 0.4),
            ('belt', 0.4),
            ('pleats', 0.4),
        )
        if chance(p)
    }
    common['extras'] = frozenset(extras)
    if category in (SHORTS, TROUSERS):
        fit = rng.uniform(0.95, 1.12)
        common |= {'fit': fit}
        if category == SHORTS:
            hem, width = rng.uniform(4.3, 5.1), rng.uniform(0.4, 0.55)
        else:
            hem, width = rng.uniform(6.6, 7.15), rng.uniform(0.22, 0.5)
        return Cut(**common, hem=hem, hem_width=width)
    if category == SKIRT:
        hem = rng.uniform(3.9, 6.4)
        width = rng.uniform(0.85, 1.0) + rng.uniform(0, 0.3) * (hem - 2.5)
        return Cut(**common, hem=hem, hem_width=width)
    upper = UPPERS[category]
    long = upper.sleeve == 'long'
    sleeve = rng.uniform(2.55, 2.85) if long else rng.uniform(0.85, 1.25)
    wide = rng.uniform(0.3, 0.4)
    cuff = wide * (rng.uniform(0.5, 0.95) if long else rng.uniform(0.9, 1.15))
    common |= {'sleeve': sleeve, 'sleeve_width': wide, 'cuff': cuff}
    if upper.open:
        common |= {
            'neck_width': rng.uniform(0.45, 0.55),
            'neck_depth': rng.uniform(0.7, 1.2),
            'fit': rng.uniform(1.08, 1.25),
            'gap': rng.uniform(0.16, 0.42),
        }
        hem = rng.uniform(2.7, 4.9 if long else 3.6)
        width = max(1.05, common['fit']) + 0.08 * (hem - 2.7)
        return Cut(**common, hem=hem, hem_width=width)
    if upper.dress:
        common['fit'] = rng.uniform(0.95, 1.08)
        hem = rng.uniform(4.4, 6.8)
        width = rng.uniform(0.85, 1.0) + rng.uniform(0, 0.3) * (hem - 3.4)
        return Cut(**common, hem=hem, hem_width=width)
    hem = rng.uniform(2.5, 3.3)
    return Cut(**common, hem=hem, hem_width=0.9 * max(common['fit'], 1.0))
