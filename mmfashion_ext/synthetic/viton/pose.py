# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pose of a shop's model: turned, leaning, arms in front or behind.

Body space is that of :mod:`..drawing.figure`. A pose bends it:
:meth:`ModelPose.bend` moves points of the straight frontal figure to where
they are seen.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..drawing.figure import HIP, SHOULDER, THIGH, UPPER_ARM, Limb, limb_axis

_RADIUS = 1.3  # half width of what turns, body units

ArmPosition = Literal['side', 'front', 'behind']


@dataclass(frozen=True)
class ArmPose:
    """Pose of an arm as it is seen.

    Attributes:
        limb (Limb): Angles of its bones.
        lengths (tuple[float, float]): Visible length of each bone relative to
            its true length: bones that point at the camera look short.
        position (str): ``side`` (beside the body), ``front`` or ``behind``.
    """

    limb: Limb
    lengths: tuple[float, float]
    position: ArmPosition


@dataclass(frozen=True)
class ModelPose:
    """Pose of a shop's model.

    Attributes:
        arms (tuple[ArmPose, ArmPose]): Viewer's left and right arm.
        legs (tuple[Limb, Limb]): Viewer's left and right leg.
        turn (float): Turn of the body, -1 (viewer's left) to 1 (right).
        hip_shift (float): Shift of the hips to the right, body units.
        shoulder_slope (float): Slope of the shoulders, y per x.
        head_tilt (float): Tilt of the head, radians.
        gaze (float): Direction of the face, -1 (viewer's left) to 1 (right).
    """

    arms: tuple[ArmPose, ArmPose]
    legs: tuple[Limb, Limb]
    turn: float
    hip_shift: float
    shoulder_slope: float
    head_tilt: float
    gaze: float

    def bend(self, points: np.ndarray) -> np.ndarray:
        """Move points of the straight figure to where they are seen.

        The map is one to one.

        Args:
            points (np.ndarray): (..., 2) x, y in body units.

        Returns:
            np.ndarray: (..., 2) x, y in body units.
        """
        x, y = points[..., 0], points[..., 1]
        bulge = np.maximum(1 - (x / _RADIUS) ** 2, 0)
        seen = (1 - 0.16 * self.turn**2) * (x + 0.45 * self.turn * bulge)
        low = np.clip((y - 0.3) / 3, 0, 1)
        sway = self.hip_shift * low * low * (3 - 2 * low)
        slope = self.shoulder_slope * x * np.clip(1 - y / 2.6, 0, 1)
        return np.stack([seen + sway, y + slope], axis=-1)

    def arm_axis(
        self, side: int, t: np.ndarray, straight: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points on the axis of an arm.

        Args:
            side (int): -1: the viewer's left; 1: right.
            t (np.ndarray): (n,) distances from the shoulder along the arm
                without foreshortening, body units.
            straight (bool): Continue straight beyond the elbow. Defaults to
                False.

        Returns:
            tuple[np.ndarray, np.ndarray]: (n, 2) points, body units, and
            (n, 2) unit normals that point outwards.
        """
        arm = self.arms[side > 0]
        limb = Limb(arm.limb.upper, arm.limb.upper) if straight else arm.limb
        root = self.bend(SHOULDER * (side, 1)) * (side, 1)
        first, second = arm.lengths
        seen = first * np.minimum(t, UPPER_ARM)
        seen = seen + second * np.maximum(np.subtract(t, UPPER_ARM), 0)
        points, normals = limb_axis(limb, root, first * UPPER_ARM, seen)
        return points * (side, 1), normals * (side, 1)

    def leg_axis(self, side: int, t: np.ndarray) -> np.ndarray:
        """Return points on the axis of a leg.

        Args:
            side (int): -1: the viewer's left; 1: right.
            t (np.ndarray): (n,) distances from the hip, body units.

        Returns:
            np.ndarray: (n, 2) x, y in body units.
        """
        points, _ = limb_axis(self.legs[side > 0], HIP, THIGH, t)
        return self.bend(points * (side, 1))

    def place_head(self, points: np.ndarray) -> np.ndarray:
        """Move points of an upright head to where they are seen.

        Args:
            points (np.ndarray): (..., 2) x, y in body units.

        Returns:
            np.ndarray: (..., 2) x, y in body units.
        """
        cos, sin = np.cos(self.head_tilt), np.sin(self.head_tilt)
        turned = (points - (0, -0.2)) @ np.array([[cos, sin], [-sin, cos]])
        return turned + self.bend(np.array([0.0, -0.2]))

    def joints(self) -> np.ndarray:
        """Return the keypoints of ``formats.viton.constants.JOINTS``.

        Returns:
            np.ndarray: (18, 2) x, y in body units.
        """
        shift = 0.3 * self.gaze
        face = np.array(
            [
                (1.35 * shift, -0.8),
                (-0.18 + shift, -0.96),
                (0.18 + shift, -0.96),
                (-0.45 + 0.3 * shift, -0.9),
                (0.45 + 0.3 * shift, -0.9),
            ]
        )
        face = self.place_head(face)
        limbs = []
        for side in (-1, 1):
            arm, _ = self.arm_axis(side, np.array([0, UPPER_ARM, 2.8]))
            leg = self.leg_axis(side, np.array([0, THIGH, 3.85]))
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


def _random_arm(rng: np.random.Generator) -> ArmPose:
    """Sample the pose of an arm."""
    gesture = rng.choice(
        ['down', 'bent', 'hip', 'across', 'up', 'back'],
        p=[0.42, 0.14, 0.13, 0.2, 0.05, 0.06],
    )
    between = rng.uniform
    lengths = between(0.92, 1), between(0.88, 1)
    position: ArmPosition = 'front'
    if gesture == 'down':
        upper = between(0.08, 0.38)
        limb, position = Limb(upper, upper + between(-0.28, 0.08)), 'side'
    elif gesture == 'bent':
        limb = Limb(between(0.2, 0.5), between(-0.6, -0.2))
    elif gesture == 'hip':
        limb = Limb(between(0.6, 0.9), between(-0.95, -0.65))
    elif gesture == 'across':
        limb = Limb(between(0.0, 0.45), between(-2.1, -1.1))
    elif gesture == 'up':
        upper = between(0.4, 0.9)  # no elbow bends by half a turn
        limb = Limb(upper, upper - between(2.5, 2.9))
    else:
        limb = Limb(between(0.25, 0.5), between(-0.9, -0.5))
        position = 'behind'
    return ArmPose(limb, lengths, position)


def random_model_pose(rng: np.random.Generator) -> ModelPose:
    """Sample the pose of a model; one in three is turned to a side.

    Args:
        rng (np.random.Generator): Source of randomness.

    Returns:
        ModelPose: Standing, seen from the front; angles in radians.
    """
    turned = rng.random() < 0.35
    turn = rng.choice([-1, 1]) * (
        rng.uniform(0.35, 1) if turned else rng.uniform(0, 0.25)
    )
    leg = rng.uniform(0.02, 0.12, 2)
    return ModelPose(
        arms=(_random_arm(rng), _random_arm(rng)),
        legs=(
            Limb(leg[0], leg[0] - rng.uniform(0, 0.08)),
            Limb(leg[1], leg[1] - rng.uniform(0, 0.08)),
        ),
        turn=float(turn),
        hip_shift=rng.uniform(-0.16, 0.16),
        shoulder_slope=rng.uniform(-0.09, 0.09),
        head_tilt=rng.uniform(-0.12, 0.12),
        gaze=float(np.clip(turn + rng.uniform(-0.4, 0.4), -1, 1)),
    )
