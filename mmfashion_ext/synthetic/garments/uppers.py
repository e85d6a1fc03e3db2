# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tops and dresses, built on their landmarks.

Landmark 1 is the back of the neck, 2..6 are the neck line from the viewer's
left to right; then follow, anticlockwise, shoulder, outer edge of the sleeve,
cuff, inner edge, armpit, side and hem, and the same mirrored on the right. For
sling and sling dress 2 and 6 join strap and bodice, and 7 and its mirror image
are the upper ends of the straps.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...formats.deepfashion2.constants import CATEGORY_BY_ID
from ..drawing.figure import SHOULDER, UPPER_ARM, Limb, Pose, limb_axis, mirror
from ..drawing.pattern import (
    Cut,
    Garment,
    Part,
    UpperType,
    View,
    hem_curve,
    spline,
)
from .trimmings import add_front_details, add_hem_details

#: DeepFashion2 category -> type of its upper part.
UPPER_TYPES = {
    1: UpperType('short', 2),
    2: UpperType('long', 2),
    3: UpperType('short', 2, open=True),
    4: UpperType('long', 2, open=True),
    5: UpperType('none', 1),
    6: UpperType('strap', 1),
    10: UpperType('short', 4, dress=True),
    11: UpperType('long', 4, dress=True),
    12: UpperType('none', 3, dress=True),
    13: UpperType('strap', 3, dress=True),
}


@dataclass
class UpperHalf:
    """The viewer's right half of an upper garment; lengths in body units.

    Attributes:
        chain (list[np.ndarray]): (2,) landmarks from the shoulder to the
            corner of the hem, in the order of the left numbers.
        corner (np.ndarray): (2,) landmark 6.
        neck (np.ndarray): (2,) landmark 5.
        neckline (np.ndarray): (n, 2) from the corner to the middle of the
            front.
        shoulder (np.ndarray): (n, 2) from the corner to the shoulder.
        sleeve (np.ndarray): (n, 2) from shoulder to armpit along the sleeve.
        armhole (np.ndarray): (n, 2) from shoulder to armpit along the seam.
        side (np.ndarray): (n, 2) from the armpit to the hem.
        arm (Limb): Pose of the arm.
        cuff (np.ndarray): (2, 2) seam across the sleeve near its end; (0, 2)
            without a sleeve.
    """

    chain: list[np.ndarray]
    corner: np.ndarray
    neck: np.ndarray
    neckline: np.ndarray
    shoulder: np.ndarray
    sleeve: np.ndarray
    armhole: np.ndarray
    side: np.ndarray
    arm: Limb
    cuff: np.ndarray


def _neck(cut: Cut, upper: UpperType) -> tuple[np.ndarray, ...]:
    """Return landmarks 6, 5 and 4, (2,) each, and the (n, 2) neck line."""
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
    """Return landmarks, (n, 2) outline and (2, 2) cuff seam of a sleeve."""
    steps = np.array([0.28, 0.52, 0.76, 1.0] if long else [0.55, 1.0])
    axis, normal = limb_axis(arm, SHOULDER, UPPER_ARM, steps * cut.sleeve)
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
    t = np.array([near * cut.sleeve])
    axis, normal = limb_axis(arm, SHOULDER, UPPER_ARM, t)
    width = cut.cuff * 1.02
    cuff = np.concatenate([axis + width * normal, axis - width * normal])
    return landmarks, outline, cuff


def _side_points(
    cut: Cut, upper: UpperType, armpit: np.ndarray
) -> list[np.ndarray]:
    """Return the (2,) landmarks from the armpit to the corner of the hem."""
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


def make_upper_half(cut: Cut, upper: UpperType, arm: Limb) -> UpperHalf:
    """Build the viewer's right half of an upper garment.

    Args:
        cut (Cut): Measurements, body units.
        upper (UpperType): Type of the garment.
        arm (Limb): Pose of the arm.

    Returns:
        UpperHalf: With landmarks and curves (n, 2) in body units.
    """
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
    return UpperHalf(
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


#: Type of sleeve -> number of landmarks from the shoulder to the armpit.
SLEEVE_LANDMARKS = {'short': 6, 'long': 10, 'none': 2, 'strap': 2}


def half_landmark_numbers(category: int) -> tuple[list[int], list[int]]:
    """Return the landmark numbers of both halves of an upper garment.

    Args:
        category (int): DeepFashion2 category of a top, outwear or dress.

    Returns:
        tuple[list[int], list[int]]: Numbers (from 1) of the viewer's left
        half, from 7 to the corner of the hem, and those of their mirror
        images.
    """
    flip = dict(CATEGORY_BY_ID[category].flip_pairs)
    upper = UPPER_TYPES[category]
    sleeve = SLEEVE_LANDMARKS[upper.sleeve]
    left = list(range(7, 7 + sleeve + upper.sides + 1))
    return left, [flip[number] for number in left]


def sleeve_parts(
    halves: tuple[UpperHalf, UpperHalf],
    numbers: tuple[list[int], list[int]],
    count: int,
) -> list[Part]:
    """Return the two sleeves, each with its landmarks and texture frame.

    Args:
        halves (tuple[UpperHalf, UpperHalf]): Viewer's left and right half.
        numbers (tuple[list[int], list[int]]): Their landmark numbers, see
            :func:`half_landmark_numbers`.
        count (int): How many of these numbers lie on a sleeve.

    Returns:
        list[Part]: Viewer's left and right sleeve, outlines (n, 2).
    """
    parts = []
    for half, half_numbers, sign in zip(halves, numbers, (-1, 1), strict=True):
        inside = half.armhole[::-1] - (0.05, 0)
        outline = np.concatenate([half.sleeve, inside[1:-1]])
        parts.append(
            Part(
                outline * (sign, 1),
                frozenset(half_numbers[:count]),
                tuple(SHOULDER * (sign, 1)),
                -sign * half.arm.upper,
                'limb',
            )
        )
    return parts


def _strap_parts(
    halves: tuple[UpperHalf, UpperHalf], numbers: tuple[list[int], list[int]]
) -> list[Part]:
    """Return the two straps of a sling, which leave the shoulders bare."""
    parts = []
    for half, half_numbers, sign in zip(halves, numbers, (-1, 1), strict=True):
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
                outline * (sign, 1),
                frozenset((half_numbers[0], corner)),
                kind='strap',
            )
        )
    return parts


def _landmarks(
    category: int,
    halves: tuple[UpperHalf, UpperHalf],
    numbers: tuple[list[int], list[int]],
    back: np.ndarray,
    hem: np.ndarray,
) -> np.ndarray:
    """Return (n, 2) landmarks of the halves and the points in the middle."""
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


def _body_outline(
    halves: tuple[UpperHalf, UpperHalf],
    seam: Literal['sleeve', 'armhole'],
    hem: np.ndarray,
    neckline: np.ndarray,
) -> np.ndarray:
    """Return the (n, 2) outline along the sleeves or along the armholes."""
    left, right = (
        np.concatenate([h.shoulder, getattr(h, seam)[1:], h.side[1:]])
        for h in halves
    )
    return np.concatenate(
        [mirror(left), hem[1:-1], right[::-1], neckline[1:-1]]
    )


def make_upper(category: int, cut: Cut, pose: Pose, view: View) -> Garment:
    """Build a top or a dress with a closed front.

    Args:
        category (int): DeepFashion2 category: 1, 2, 5, 6 or 10..13.
        cut (Cut): Measurements and details.
        pose (Pose): The arms of the wearer.
        view (str): ``front``, ``back`` or ``flat``.

    Returns:
        Garment: With landmarks (n, 2) in body units.
    """
    upper = UPPER_TYPES[category]
    left, right = (make_upper_half(cut, upper, arm) for arm in pose.arms)
    halves = left, right
    numbers = half_landmark_numbers(category)
    strapped = upper.sleeve == 'strap'
    back = np.array([0.0, 0.86 if strapped else 0.06])
    hem = hem_curve(
        mirror(left.side[-1]), right.side[-1], 0.08 if upper.dress else 0.05
    )
    landmarks = _landmarks(category, halves, numbers, back, hem)
    # Corner 6 -> 4 -> corner 2, in front and behind the neck.
    front_neckline = np.concatenate(
        [right.neckline, mirror(left.neckline)[::-1][1:]]
    )
    back_neckline = spline([right.corner, back, mirror(left.corner)])
    neckline = front_neckline if view == 'front' else back_neckline

    sleeve_count = SLEEVE_LANDMARKS[upper.sleeve]
    hidden = {'front': {1}, 'back': {3, 4, 5}, 'flat': set()}[view]
    for half_numbers in numbers:  # the body keeps shoulder and armpit
        hidden |= (
            {half_numbers[0]}
            if strapped
            else set(half_numbers[1 : sleeve_count - 1])
        )
    shown = set(range(1, len(landmarks) + 1)) - hidden
    body = _body_outline(halves, 'armhole', hem, neckline)
    parts = [Part(body, frozenset(shown))]
    if view == 'flat':
        inside = np.concatenate([front_neckline, back_neckline[::-1][1:-1]])
        parts.append(Part(inside, frozenset((1,)), kind='inside'))
    if strapped:
        parts = [*_strap_parts(halves, numbers), *parts]
    elif upper.sleeve != 'none':
        parts += sleeve_parts(halves, numbers, sleeve_count)
    outline = _body_outline(halves, 'sleeve', hem, neckline)
    garment = Garment(category, landmarks, outline, parts)
    cuffs = [h.cuff * (s, 1) for h, s in zip(halves, (-1, 1), strict=True)]
    add_hem_details(garment, cut, cuffs, hem)
    if view != 'back':
        add_front_details(garment, cut, front_neckline, upper)
    return garment
