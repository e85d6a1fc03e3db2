# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The wearer: pose and proportions of a simple human figure.

Body space, used by this package for everything worn: x to the viewer's right
(0 = middle of the body), y down (0 = base of the neck), unit = half the width
of the shoulders. A figure is about 9 units tall: top of the head at -1.7,
soles at 7.4.
"""

from dataclasses import dataclass

import numpy as np

SHOULDER = np.array([0.84, 0.42])
UPPER_ARM, FOREARM = 1.5, 1.35
HIP = np.array([0.42, 3.3])
THIGH, SHIN = 2.0, 1.95
HEAD_TOP, NECK_BASE, SOLE = -1.7, 0.0, 7.45


@dataclass(frozen=True)
class Limb:
    """An arm or a leg: two bones, angles in radians from straight down.

    Positive angles point away from the body; the angles are those of the
    viewer's right limb and mirrored for the left.
    """

    upper: float
    lower: float


@dataclass(frozen=True)
class Pose:
    """Arms and legs (viewer's left, right)."""

    arms: tuple[Limb, Limb] = (Limb(0.5, 0.5), Limb(0.5, 0.5))
    legs: tuple[Limb, Limb] = (Limb(0.06, 0.03), Limb(0.06, 0.03))


def along(
    limb: Limb, root: np.ndarray, first: float, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points along a limb of the viewer's right side.

    Args:
        limb (Limb): Angles.
        root (np.ndarray): (2,) shoulder or hip.
        first (float): Length of the first bone.
        t (np.ndarray): (n,) distances from the root.

    Returns:
        tuple[np.ndarray, np.ndarray]: (n, 2) points on the axis and (n, 2)
        unit normals that point outwards, turning smoothly at the joint.
    """
    t = np.asarray(t, dtype=float)
    bones = [
        np.array([np.sin(a), np.cos(a)]) for a in (limb.upper, limb.lower)
    ]
    near = np.minimum(t, first)[:, None]
    far = np.maximum(t - first, 0)[:, None]
    points = root + near * bones[0] + far * bones[1]
    bend = np.clip((t - first) / 0.6 + 0.5, 0, 1)
    angle = limb.upper + (limb.lower - limb.upper) * bend
    normals = np.stack([np.cos(angle), -np.sin(angle)], axis=1)
    return points, normals


def tube(
    limb: Limb, root: np.ndarray, first: float, ends: np.ndarray
) -> np.ndarray:
    """Outline of a limb with a width that changes along it, its root round.

    Args:
        limb (Limb): Angles.
        root (np.ndarray): (2,) shoulder or hip.
        first (float): Length of the first bone.
        ends (np.ndarray): (m, 2) rows of distance and half width.

    Returns:
        np.ndarray: (27, 2) closed outline of the viewer's right limb.
    """
    t = np.linspace(ends[0, 0], ends[-1, 0], 10)
    points, normals = along(limb, root, first, t)
    width = np.interp(t, ends[:, 0], ends[:, 1])[:, None]
    turn = np.linspace(np.pi, 0, 9)[1:-1, None]
    up = np.array([-np.sin(limb.upper), -np.cos(limb.upper)])
    cap = np.cos(turn) * normals[0] + np.sin(turn) * up
    return np.concatenate(
        [
            points[0] + width[0] * cap,
            points + width * normals,
            (points - width * normals)[::-1],
        ]
    )


ARM_WIDTHS = np.array([(0, 0.23), (0.5, 0.21), (1.5, 0.17), (2.75, 0.12)])
LEG_WIDTHS = np.array(
    [(-0.2, 0.42), (0.4, 0.4), (2.0, 0.25), (2.6, 0.26), (3.8, 0.15)]
)
TORSO = np.array(
    [
        (0.25, -0.05),
        (0.55, 0.12),
        (0.86, 0.3),
        (0.9, 0.55),
        (0.7, 1.05),
        (0.6, 1.7),
        (0.56, 2.2),
        (0.72, 2.75),
        (0.82, 3.2),
        (0.8, 3.5),
        (0.0, 3.75),
    ]
)
NECK = np.array([(0.24, -0.6), (0.24, -0.15), (0.34, 0.06), (0.0, 0.14)])


def mirror(points: np.ndarray) -> np.ndarray:
    """The viewer's left of points of the viewer's right."""
    return points * (-1, 1)


def symmetric(half: np.ndarray) -> np.ndarray:
    """Close the outline of a symmetric shape given by its right half."""
    return np.concatenate([half, mirror(half)[::-1]])


def random_limbs(rng: np.random.Generator, lively: float) -> Pose:
    """A standing pose.

    Args:
        rng (np.random.Generator): Source of chance.
        lively (float): 0 for a model standing straight, 1 for a snapshot.
    """

    def arm() -> Limb:
        upper = rng.uniform(0.3, 0.55 + 0.3 * lively)
        bent = rng.random() < 0.25 + 0.3 * lively
        low = -0.35 - 0.5 * lively if bent else -0.1
        return Limb(upper, upper + rng.uniform(low, 0.15))

    def leg() -> Limb:
        upper = rng.uniform(0.02, 0.08 + 0.14 * lively)
        return Limb(upper, upper + rng.uniform(-0.1, 0.02))

    return Pose((arm(), arm()), (leg(), leg()))
