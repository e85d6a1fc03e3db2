# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Outwear: two front panels that hang from a collar.

Landmarks 2 and 6 are the corners of the collar, 4 and its mirror image are the
upper ends of the front edges. The hem is open, and each edge has two more
landmarks.
"""

import numpy as np

from ...formats.deepfashion2.constants import CATEGORY_BY_ID
from ..drawing.figure import Pose, mirror
from ..drawing.pattern import Cut, Garment, Part, View, hem_curve, spline
from .trimmings import add_hem_details, add_opening_details
from .uppers import (
    SLEEVE_LANDMARKS,
    UPPER_TYPES,
    UpperHalf,
    half_landmark_numbers,
    make_upper_half,
    sleeve_parts,
)


def _front_edge(half: UpperHalf, cut: Cut) -> dict[str, np.ndarray]:
    """Return points of the right front edge, (2,) each, from hem to neck."""
    top = np.array([cut.gap * 0.75, cut.neck_depth])
    hem = np.array([cut.gap * 1.25, half.side[-1][1] + 0.05])
    inner = half.corner * (0.8, 1) + (0, 0.1)
    return {
        'hem': hem,
        'lower': hem + (top - hem) / 3,
        'upper': hem + (top - hem) * 2 / 3,
        'top': top,
        'neck': 0.5 * (inner + top),
        'inner': inner,
    }


def _edge_landmark_numbers(
    category: int,
) -> tuple[dict[str, int], dict[str, int]]:
    """Return name -> landmark number of the left and right front edge."""
    half_numbers, _ = half_landmark_numbers(category)
    pairs = CATEGORY_BY_ID[category].flip_pairs
    flip = dict(pairs) | {b: a for a, b in pairs}
    last = CATEGORY_BY_ID[category].num_landmarks
    left = {
        'corner': 2,
        'neck': 3,
        'top': 4,
        'hem': half_numbers[-1] + 1,
        'upper': last - 1,
        'lower': last,
    }
    return left, {name: flip[number] for name, number in left.items()}


def make_outwear(category: int, cut: Cut, pose: Pose, view: View) -> Garment:
    """Build outwear with an open front.

    Args:
        category (int): DeepFashion2 category, 3 or 4.
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
    sleeve_count = SLEEVE_LANDMARKS[upper.sleeve]
    landmarks = np.zeros((CATEGORY_BY_ID[category].num_landmarks, 2))
    landmarks[0] = 0.0, -0.02
    panels, edges, sides = [], [], []
    for half, half_numbers, names, sign in zip(
        halves, numbers, _edge_landmark_numbers(category), (-1, 1), strict=True
    ):
        points = _front_edge(half, cut)
        edge = np.stack(list(points.values()))
        for name, number in names.items():
            point = half.corner if name == 'corner' else points[name]
            landmarks[number - 1] = point * (sign, 1)
        landmarks[[n - 1 for n in half_numbers]] = np.stack(half.chain) * (
            sign,
            1,
        )
        hem = spline([half.side[-1], edge[0]], 4)[1:-1]
        body, around = (
            np.concatenate([half.shoulder, seam[1:], half.side[1:], hem, edge])
            for seam in (half.armhole, half.sleeve)
        )
        visible = {
            *names.values(),
            half_numbers[0],
            *half_numbers[sleeve_count - 1 :],
        }
        panels.append(Part(body * (sign, 1), frozenset(visible)))
        edges.append(edge * (sign, 1))
        sides.append(around * (sign, 1))
    nape = np.array([[0.0, 0.16]])  # where the collar's inside ends
    outline = np.concatenate([landmarks[:1], sides[0], nape, sides[1][::-1]])
    sleeves = sleeve_parts(halves, numbers, sleeve_count)
    if view == 'back':
        parts = [_whole_back(landmarks, numbers, sleeve_count, halves)]
    else:
        parts = [_collar(landmarks, edges, nape), *panels]
    if view == 'flat':
        parts.insert(0, _lining(edges))
    garment = Garment(category, landmarks, outline, [*parts, *sleeves])
    cuffs = [h.cuff * (s, 1) for h, s in zip(halves, (-1, 1), strict=True)]
    add_hem_details(garment, cut, cuffs, None)
    if view != 'back':
        add_opening_details(garment, cut, edges)
    return garment


def _collar(
    landmarks: np.ndarray, edges: list[np.ndarray], nape: np.ndarray
) -> Part:
    """Return the inside of the collar behind the neck."""
    left, right = edges[0][-1:], edges[1][-1:]
    outline = [landmarks[:1], left - (0.09, 0.1), left, nape]
    outline += [right, right - (-0.09, 0.1)]
    return Part(np.concatenate(outline), frozenset((1,)), kind='inside')


def _lining(edges: list[np.ndarray]) -> Part:
    """Return the inside of the back, seen between the panels."""
    hem = hem_curve(edges[0][0], edges[1][0], -0.08)
    outline = np.concatenate([edges[0][::-1], hem[1:-1], edges[1]])
    return Part(outline, frozenset(), kind='inside')


def _whole_back(
    landmarks: np.ndarray,
    numbers: tuple[list[int], list[int]],
    sleeve_count: int,
    halves: tuple[UpperHalf, UpperHalf],
) -> Part:
    """Return the back of outwear: one part, the front landmarks are hidden."""
    left, right = [
        np.concatenate([half.shoulder, half.armhole[1:], half.side[1:]])
        for half in halves
    ]
    hem = hem_curve(mirror(left[-1]), right[-1], 0.05)
    outline = np.concatenate(
        [landmarks[:1], mirror(left), hem[1:-1], right[::-1]]
    )
    ids = {1, 2, 6}
    for half_numbers in numbers:
        ids |= {half_numbers[0], *half_numbers[sleeve_count - 1 :]}
    return Part(outline, frozenset(ids))
