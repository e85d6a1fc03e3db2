# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tops and dresses, built on their landmarks.

1 is the back of the neck and 2..6 the neck line, viewer's left to right; then
anticlockwise: shoulder, outer edge of the sleeve, cuff, inner edge, armpit,
side, hem, and the same mirrored on the right. For sling and sling dress 2 and
6 join strap and bodice, and 7 and its mirror image are the tops of the straps.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...formats.deepfashion2.constants import CATEGORY_BY_ID
from ..drawing.figure import SHOULDER, UPPER_ARM, Limb, Pose, along, mirror
from ..drawing.pattern import (
    Cut,
    Garment,
    Part,
    Upper,
    View,
    hem_curve,
    spline,
)
from .trimmings import trim_front, trim_hems

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


@dataclass
class Half:
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
    close = slice(1) if long else slice(None)
    inner[close] = np.maximum(inner[close], armpit - (-0.06, -0.1))
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
    return [
        np.array(point) for point in zip(np.interp(at, y, x), at, strict=True)
    ]


def make_half(cut: Cut, upper: Upper, arm: Limb) -> Half:
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
    return Half(
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


#: Landmarks from the shoulder to the armpit.
SLEEVE_LANDMARKS = {'short': 6, 'long': 10, 'none': 2, 'strap': 2}


def half_numbers(category: int) -> tuple[list[int], list[int]]:
    """Left numbers from 7 to the hem's corner, and their mirror images."""
    flip = dict(CATEGORY_BY_ID[category].flip_pairs)
    upper = UPPERS[category]
    sleeve = SLEEVE_LANDMARKS[upper.sleeve]
    left = list(range(7, 7 + sleeve + upper.sides + 1))
    return left, [flip[number] for number in left]


def sleeve_parts(
    halves: tuple[Half, Half],
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
    halves: tuple[Half, Half], numbers: tuple[list[int], list[int]]
) -> list[Part]:
    """The straps of a sling, thin enough to bare the shoulders."""
    parts = []
    for half, own, sign in zip(halves, numbers, (-1, 1), strict=True):
        top, base = half.chain[0], half.corner
        outline = np.stack(
            [
                top - (0.06, 0),
                np.add(top, (0.06, 0)),
                np.add(base, (0.05, 0.06)),
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


def _landmarks(
    category: int,
    halves: tuple[Half, Half],
    numbers: tuple[list[int], list[int]],
    back: np.ndarray,
    hem: np.ndarray,
) -> np.ndarray:
    """(n, 2) landmarks from the two halves and the points in the middle."""
    left, right = halves
    rows = np.zeros((CATEGORY_BY_ID[category].num_landmarks, 2))
    rows[0] = back
    rows[[1, 2]] = mirror(np.stack([left.corner, left.neck]))
    rows[3] = right.neckline[-1]
    rows[[4, 5]] = right.neck, right.corner
    rows[[n - 1 for n in numbers[0]]] = mirror(np.stack(left.chain))
    rows[[n - 1 for n in numbers[1]]] = right.chain
    rows[numbers[0][-1]] = hem[len(hem) // 2]
    return rows


def _around(
    halves: tuple[Half, Half],
    seam: Literal['sleeve', 'armhole'],
    hem: np.ndarray,
    neckline: np.ndarray,
) -> np.ndarray:
    """Outline with the sleeves, or of the body alone along the armholes."""
    left, right = (
        np.concatenate([h.shoulder, getattr(h, seam)[1:], h.side[1:]])
        for h in halves
    )
    return np.concatenate(
        [mirror(left), hem[1:-1], right[::-1], neckline[1:-1]]
    )


def make_upper(category: int, cut: Cut, pose: Pose, view: View) -> Garment:
    """Sew a top or a dress without an opening."""
    upper = UPPERS[category]
    halves = tuple(make_half(cut, upper, arm) for arm in pose.arms)
    left, right = halves
    numbers = half_numbers(category)
    strapped = upper.sleeve == 'strap'
    back = np.array([0.0, 0.86 if strapped else 0.06])
    hem = hem_curve(
        mirror(left.side[-1]), right.side[-1], 0.08 if upper.dress else 0.05
    )
    landmarks = _landmarks(category, halves, numbers, back, hem)
    # Corner 6 -> 4 -> corner 2, in front and behind the neck.
    front = np.concatenate([right.neckline, mirror(left.neckline)[::-1][1:]])
    behind = spline([right.corner, back, mirror(left.corner)])
    neckline = front if view == 'front' else behind

    joint = SLEEVE_LANDMARKS[upper.sleeve]
    hidden = {'front': {1}, 'back': {3, 4, 5}, 'flat': set()}[view]
    for own in numbers:  # the body keeps shoulder and armpit
        hidden |= {own[0]} if strapped else set(own[1 : joint - 1])
    shown = set(range(1, len(landmarks) + 1)) - hidden
    body = _around(halves, 'armhole', hem, neckline)
    parts = [Part(body, frozenset(shown))]
    if view == 'flat':
        inside = np.concatenate([front, behind[::-1][1:-1]])
        parts.append(Part(inside, frozenset((1,)), piece='inside'))
    if strapped:
        parts = [*_strap_parts(halves, numbers), *parts]
    elif upper.sleeve != 'none':
        parts += sleeve_parts(halves, numbers, joint)
    outline = _around(halves, 'sleeve', hem, neckline)
    garment = Garment(category, landmarks, outline, parts)
    cuffs = [h.cuff * (s, 1) for h, s in zip(halves, (-1, 1), strict=True)]
    trim_hems(garment, cut, cuffs, hem)
    if view != 'back':
        trim_front(garment, cut, front, upper)
    return garment
