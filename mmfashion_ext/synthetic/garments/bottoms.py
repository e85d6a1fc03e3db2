# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Shorts, trousers and skirts, built on their landmarks.

Landmarks 1..3 are the waist, then follow the viewer's left side, the hem or
hems, and the right side. The crotch of shorts and trousers is in the middle.
"""

import numpy as np

from ...formats.deepfashion2.constants import CATEGORY_BY_ID
from ..drawing.figure import HIP, THIGH, Limb, Pose, limb_axis, mirror
from ..drawing.pattern import (
    SHORTS,
    SKIRT,
    TROUSERS,
    Cut,
    Detail,
    Garment,
    Part,
    View,
    hem_curve,
    spline,
)


def _leg(cut: Cut, leg: Limb, steps: list[float]) -> tuple[np.ndarray, ...]:
    """Return (n, 2) outer and inner points of a leg, from the crotch down.

    ``steps`` are the shares (0-1) of the length at which they lie.
    """
    length = cut.hem - HIP[1]
    distances = np.asarray(steps) * length
    axis, normal = limb_axis(leg, HIP, THIGH, distances)
    width = np.interp(
        np.asarray(steps), [0.15, 1], [0.44 * cut.fit, cut.hem_width]
    )[:, None]
    inner = axis - width * normal
    inner[:, 0] = np.maximum(inner[:, 0], 0.05)  # legs do not cross
    return axis + width * normal, inner


def make_trousers(category: int, cut: Cut, pose: Pose, view: View) -> Garment:
    """Build shorts or trousers: two legs that meet at the crotch.

    Args:
        category (int): DeepFashion2 category, 7 (shorts) or 8 (trousers).
        cut (Cut): Measurements and details.
        pose (Pose): The legs of the wearer.
        view (str): ``front``, ``back`` or ``flat``.

    Returns:
        Garment: With landmarks (n, 2) in body units.
    """
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
        outline_points = [waist, hip, *outer]
        side = np.concatenate([spline(outline_points), spline(inseam)]) * (
            sign,
            1,
        )
        sides.append(side)
        numbers = [1, *range(4, 4 + len(chain))]
        if sign > 0:
            numbers = [dict(pairs)[n] for n in numbers]
        landmarks[[n - 1 for n in numbers]] = np.stack([waist, *chain]) * (
            sign,
            1,
        )
        landmark_ids = frozenset((*numbers, 2, crotch_number))
        middle = landmarks[1:2]
        parts.append(
            Part(
                np.concatenate([middle, side]),
                landmark_ids,
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
    """Add waistband, fly, pockets and hems to shorts or trousers."""
    marks, details = garment.landmarks, garment.details
    band = np.add(spline(list(marks[:3])), (0, 0.16))
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


def make_skirt(cut: Cut, pose: Pose, view: View) -> Garment:
    """Build a skirt, pleated or plain.

    Args:
        cut (Cut): Measurements and details.
        pose (Pose): Not used: a skirt hangs straight.
        view (str): ``front``, ``back`` or ``flat``.

    Returns:
        Garment: With landmarks (n, 2) in body units.
    """
    waist = np.array([0.68 * cut.fit, 2.2])
    middle = np.array([0.0, waist[1] + 0.07])
    corner = np.array([cut.hem_width, cut.hem])
    side = 0.5 * (waist + corner)
    side[0] = max(side[0], 0.92 if side[1] > 2.8 else 0.82)
    half = spline([waist, side, corner])
    hem = hem_curve(mirror(corner), corner, 0.1)
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
        details.append(Detail(np.add(band, (0, 0.08)), 'band', 0.12))
    if 'pleats' in cut.extras:
        for u in np.linspace(-0.85, 0.85, 9):
            top = np.array([u * waist[0], waist[1] + 0.2])
            bottom = np.array([u * corner[0], cut.hem + 0.05])
            details.append(Detail(np.stack([top, bottom])))
    if 'buttons' in cut.extras and view != 'back':
        for y in np.linspace(waist[1] + 0.3, cut.hem - 0.2, 5):
            details.append(Detail(np.array([(0.0, y)]), 'button', 0.06))
    return garment
