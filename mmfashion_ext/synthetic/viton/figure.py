# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Stance of a shop's model: turned, leaning, arms anywhere.

Body space is that of ``figure``. A stance bends it: :meth:`Stance.__call__`
takes points of the straight frontal figure to where they are seen.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..drawing.figure import HIP, SHOULDER, THIGH, UPPER_ARM, Limb, along

_RADIUS = 1.3  # half width of what turns, body units

Place = Literal['side', 'front', 'behind']


@dataclass(frozen=True)
class Arm:
    """An arm as it is seen.

    Attributes:
        limb (Limb): Angles of its bones.
        lengths (tuple[float, float]): Seen length of each bone, relative to
            its true one: bones that point at the camera are short.
        place (str): Beside the body, in ``front`` of it or ``behind``.
    """

    limb: Limb
    lengths: tuple[float, float]
    place: Place


@dataclass(frozen=True)
class Stance:
    """How a model stands.

    Attributes:
        arms (tuple[Arm, Arm]), legs (tuple[Limb, Limb]): Viewer's left and
            right.
        turn (float): -1..1: to the viewer's left .. right.
        lean (float): Shift of the hips, body units.
        tilt (float): Slope of the shoulders.
        head (float): Radians the head leans.
        look (float): -1..1: where the face looks.
    """

    arms: tuple[Arm, Arm]
    legs: tuple[Limb, Limb]
    turn: float
    lean: float
    tilt: float
    head: float
    look: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Bend (..., 2) points of the straight figure; one to one."""
        x, y = points[..., 0], points[..., 1]
        bulge = np.maximum(1 - (x / _RADIUS) ** 2, 0)
        seen = (1 - 0.16 * self.turn**2) * (x + 0.45 * self.turn * bulge)
        low = np.clip((y - 0.3) / 3, 0, 1)
        sway = self.lean * low * low * (3 - 2 * low)
        slope = self.tilt * x * np.clip(1 - y / 2.6, 0, 1)
        return np.stack([seen + sway, y + slope], axis=-1)

    def arm(
        self, side: int, t: np.ndarray, straight: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Axis of an arm.

        Args:
            side (int): -1: the viewer's left; 1: right.
            t (np.ndarray): (n,) distances from the shoulder along the
                unforeshortened arm.
            straight (bool): Go on beyond the elbow as before it.

        Returns:
            tuple: (n, 2) points and (n, 2) unit normals, outwards.
        """
        arm = self.arms[side > 0]
        limb = Limb(arm.limb.upper, arm.limb.upper) if straight else arm.limb
        root = self(SHOULDER * (side, 1)) * (side, 1)
        near, far = arm.lengths
        seen = near * np.minimum(t, UPPER_ARM)
        seen = seen + far * np.maximum(np.subtract(t, UPPER_ARM), 0)
        points, normals = along(limb, root, near * UPPER_ARM, seen)
        return points * (side, 1), normals * (side, 1)

    def leg(self, side: int, t: np.ndarray) -> np.ndarray:
        """(n, 2) points on the axis of a leg, ``t`` from the hip."""
        points, _ = along(self.legs[side > 0], HIP, THIGH, t)
        return self(points * (side, 1))

    def face(self, points: np.ndarray) -> np.ndarray:
        """Put (..., 2) points of an upright head in its place."""
        cos, sin = np.cos(self.head), np.sin(self.head)
        turned = (points - (0, -0.2)) @ np.array([[cos, sin], [-sin, cos]])
        return turned + self(np.array([0.0, -0.2]))

    def joints(self) -> np.ndarray:
        """(18, 2) places of ``formats.viton.constants.JOINTS``."""
        shift = 0.3 * self.look
        face = np.array(
            [
                (1.35 * shift, -0.8),
                (-0.18 + shift, -0.96),
                (0.18 + shift, -0.96),
                (-0.45 + 0.3 * shift, -0.9),
                (0.45 + 0.3 * shift, -0.9),
            ]
        )
        face = self.face(face)
        limbs = []
        for side in (-1, 1):
            arm, _ = self.arm(side, np.array([0, UPPER_ARM, 2.8]))
            leg = self.leg(side, np.array([0, THIGH, 3.85]))
            limbs.append((arm, leg))
        (right_arm, right_leg), (left_arm, left_leg) = limbs
        neck = 0.5 * (right_arm[:1] + left_arm[:1]) - (0, 0.08)
        return np.concatenate(
            [
                face[:1],
                neck,
                right_arm,
                left_arm,
                right_leg,
                left_leg,
                face[1:],
            ]
        )


def _random_arm(rng: np.random.Generator) -> Arm:
    """Draw what an arm does."""
    kind = rng.choice(
        ['down', 'bent', 'hip', 'across', 'up', 'back'],
        p=[0.42, 0.14, 0.13, 0.2, 0.05, 0.06],
    )
    between = rng.uniform
    lengths = between(0.92, 1), between(0.88, 1)
    if kind == 'down':
        upper = between(0.08, 0.38)
        limb, place = Limb(upper, upper + between(-0.28, 0.08)), 'side'
    elif kind == 'bent':
        limb, place = Limb(between(0.2, 0.5), between(-0.6, -0.2)), 'front'
    elif kind == 'hip':
        limb, place = Limb(between(0.6, 0.9), between(-0.95, -0.65)), 'front'
    elif kind == 'across':
        limb, place = Limb(between(0.0, 0.45), between(-2.1, -1.1)), 'front'
    elif kind == 'up':
        upper = between(0.4, 0.9)  # no elbow bends by half a turn
        limb, place = Limb(upper, upper - between(2.5, 2.9)), 'front'
    else:
        limb, place = Limb(between(0.25, 0.5), between(-0.9, -0.5)), 'behind'
    return Arm(limb, lengths, place)


def random_stance(rng: np.random.Generator) -> Stance:
    """Draw a stance; one in three is turned to a side."""
    turned = rng.random() < 0.35
    turn = rng.choice([-1, 1]) * (
        rng.uniform(0.35, 1) if turned else rng.uniform(0, 0.25)
    )
    leg = rng.uniform(0.02, 0.12, 2)
    return Stance(
        arms=(_random_arm(rng), _random_arm(rng)),
        legs=tuple(Limb(a, a - rng.uniform(0, 0.08)) for a in leg),
        turn=float(turn),
        lean=rng.uniform(-0.16, 0.16),
        tilt=rng.uniform(-0.09, 0.09),
        head=rng.uniform(-0.12, 0.12),
        look=float(np.clip(turn + rng.uniform(-0.4, 0.4), -1, 1)),
    )
