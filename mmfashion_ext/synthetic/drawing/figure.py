# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Human figure: proportions, pose and outlines of the limbs.

Body space, in which this package describes everything worn: x to the viewer's
right (0 = middle of the body), y down (0 = base of the neck), and the unit is
half the width of the shoulders. A figure is about 9 units tall: the top of the
head is at y = -1.7, the soles at y = 7.4.
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
    """Pose of an arm or a leg: the angles of its two bones.

    Angles are in radians from straight down; positive ones point away from
    the body. They are those of the viewer's right limb, mirrored for the left.

    Attributes:
        upper (float): Angle of the upper arm or thigh.
        lower (float): Angle of the forearm or shin.
    """

    upper: float
    lower: float


@dataclass(frozen=True)
class Pose:
    """Pose of arms and legs.

    Attributes:
        arms (tuple[Limb, Limb]), legs (tuple[Limb, Limb]): Viewer's left and
            right.
    """

    arms: tuple[Limb, Limb] = (Limb(0.5, 0.5), Limb(0.5, 0.5))
    legs: tuple[Limb, Limb] = (Limb(0.06, 0.03), Limb(0.06, 0.03))


def limb_axis(
    limb: Limb, root: np.ndarray, first: float, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return points on the axis of a limb of the viewer's right side.

    Args:
        limb (Limb): Angles of the bones.
        root (np.ndarray): (2,) x, y of the shoulder or hip, body units.
        first (float): Length of the first bone, body units.
        t (np.ndarray): (n,) distances from the root, body units.

    Returns:
        tuple[np.ndarray, np.ndarray]: (n, 2) points and (n, 2) unit normals
        that point outwards and turn smoothly at the joint.
    """
    t = np.asarray(t, dtype=float)
    bones = [
        np.array([np.sin(a), np.cos(a)]) for a in (limb.upper, limb.lower)
    ]
    on_first = np.minimum(t, first)[:, None]
    on_second = np.maximum(t - first, 0)[:, None]
    points = root + on_first * bones[0] + on_second * bones[1]
    bend = np.clip((t - first) / 0.6 + 0.5, 0, 1)
    angle = limb.upper + (limb.lower - limb.upper) * bend
    normals = np.stack([np.cos(angle), -np.sin(angle)], axis=1)
    return points, normals


def limb_outline(
    limb: Limb, root: np.ndarray, first: float, ends: np.ndarray
) -> np.ndarray:
    """Return the outline of a limb of the viewer's right side.

    Args:
        limb (Limb): Angles of the bones.
        root (np.ndarray): (2,) x, y of the shoulder or hip, body units.
        first (float): Length of the first bone, body units.
        ends (np.ndarray): (m, 2) rows of distance from the root and half
            width there, body units; interpolated between rows.

    Returns:
        np.ndarray: (27, 2) closed outline, round at the root, body units.
    """
    t = np.linspace(ends[0, 0], ends[-1, 0], 10)
    points, normals = limb_axis(limb, root, first, t)
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


#: Rows of distance from the shoulder or hip and half width, body units.
ARM_WIDTHS = np.array([(0, 0.23), (0.5, 0.21), (1.5, 0.17), (2.75, 0.12)])
LEG_WIDTHS = np.array(
    [(-0.2, 0.42), (0.4, 0.4), (2.0, 0.25), (2.6, 0.26), (3.8, 0.15)]
)
#: Right half of the outline of torso and neck, (n, 2) body units.
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
    """Mirror points at the middle of the body (x = 0).

    Args:
        points (np.ndarray): (..., 2) x, y.

    Returns:
        np.ndarray: (..., 2) -x, y.
    """
    return points * (-1, 1)


def close_symmetric(half: np.ndarray) -> np.ndarray:
    """Return the closed outline of a symmetric shape.

    Args:
        half (np.ndarray): (n, 2) its right half, body units.

    Returns:
        np.ndarray: (2n, 2) the right half, then its mirror image backwards.
    """
    return np.concatenate([half, mirror(half)[::-1]])


def random_pose(rng: np.random.Generator, liveliness: float) -> Pose:
    """Sample a standing pose.

    Args:
        rng (np.random.Generator): Source of randomness.
        liveliness (float): 0 for a model standing straight, 1 for a snapshot.

    Returns:
        Pose: Angles of arms and legs, radians.
    """

    def arm() -> Limb:
        upper = rng.uniform(0.3, 0.55 + 0.3 * liveliness)
        bent = rng.random() < 0.25 + 0.3 * liveliness
        low = -0.35 - 0.5 * liveliness if bent else -0.1
        return Limb(upper, upper + rng.uniform(low, 0.15))

    def leg() -> Limb:
        upper = rng.uniform(0.02, 0.08 + 0.14 * liveliness)
        return Limb(upper, upper + rng.uniform(-0.1, 0.02))

    return Pose((arm(), arm()), (leg(), leg()))
