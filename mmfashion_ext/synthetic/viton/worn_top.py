# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Meshes that warp the flat image of a top onto a person.

The body of the top follows the torso, each sleeve follows its arm, and both
agree along the armhole.
"""

from dataclasses import dataclass

import numpy as np

from ..drawing.figure import ARM_WIDTHS, SHOULDER, TORSO, UPPER_ARM
from ..garments.uppers import UPPER_TYPES, make_upper_half
from .garment import Top
from .pose import ModelPose

_WAIST = 2.3  # y of a waistband


@dataclass(frozen=True)
class Drape:
    """How a top hangs on a body.

    Attributes:
        ease (float): Looseness: 0 tight, 1 as wide as laid flat.
        stretch (float): Lengthening below the chest, relative.
        wave (tuple[float, float, float]): Wave of the hem: amplitude (body
            units), frequency (radians per body unit), phase (radians).
        tucked (bool): Whether it is tucked into the waistband.
    """

    ease: float
    stretch: float
    wave: tuple[float, float, float]
    tucked: bool


def random_drape(rng: np.random.Generator) -> Drape:
    """Sample how a top hangs on a body.

    Args:
        rng (np.random.Generator): Source of randomness.

    Returns:
        Drape: Lengths in body units; three in ten are tucked in.
    """
    return Drape(
        rng.uniform(0.3, 0.9),
        rng.uniform(-0.04, 0.05),
        (rng.uniform(0, 0.05), rng.uniform(2, 5), rng.uniform(0, 2 * np.pi)),
        bool(rng.random() < 0.3),
    )


def _smooth(t: np.ndarray) -> np.ndarray:
    """Return a smooth step: 0 below t = 0, 1 above t = 1."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


#: Vertices (R, C, 2) on the flat top and on the person, body units.
Mesh = tuple[np.ndarray, np.ndarray]


class WornTop:
    """A top on a person; computes the meshes (R, C, 2) of its parts.

    Args:
        top (Top): The top.
        drape (Drape): How it hangs.
        pose (ModelPose): Pose of the person.
    """

    def __init__(self, top: Top, drape: Drape, pose: ModelPose) -> None:
        self.top, self.drape, self.pose = top, drape, pose
        self.half = make_upper_half(
            top.cut, UPPER_TYPES[top.category], top.flat_sleeve
        )

    def place_on_torso(self, points: np.ndarray) -> np.ndarray:
        """Move points of the flat top's body to the torso.

        Args:
            points (np.ndarray): (..., 2) x, y on the flat top, body units.

        Returns:
            np.ndarray: (..., 2) x, y on the person, body units.
        """
        x, y = points[..., 0], points[..., 1]
        side = self.half.side
        ease: float | np.ndarray = self.drape.ease
        laid = np.interp(y, side[:, 1], side[:, 0])
        level = y
        if self.drape.tucked:
            level = np.minimum(y, _WAIST)
            ease = ease * (1 - _smooth((y - 1.5) / 0.6))
        body = np.interp(level, TORSO[:-1, 1], TORSO[:-1, 0]) + 0.06
        width = np.maximum(body, body + ease * (laid - body))
        low = _smooth((y - 0.6) / 0.9)
        height, pace, phase = self.drape.wave
        fall = self.drape.stretch * np.maximum(y - 0.8, 0)
        fall = fall + height * low * np.sin(pace * x + phase)
        moved = x * (1 + low * (width / laid - 1))
        y = y + fall
        if self.drape.tucked:  # the rest is gathered at the waistband
            y = np.where(y > _WAIST, _WAIST + 0.15 * (y - _WAIST), y)
        return self.pose.bend(np.stack([moved, y], axis=-1))

    def body_meshes(self) -> list[Mesh]:
        """Return the mesh of the body of the top.

        Returns:
            list[Mesh]: One mesh: (20, 17, 2) vertices on the flat top and on
            the person, body units.
        """
        side = self.half.side
        wide = max(side[:, 0].max(), 1.0) + 0.15
        rows = np.linspace(-0.2, side[-1, 1] + 0.3, 20)
        columns = np.linspace(-wide, wide, 17)
        flat = np.stack(np.meshgrid(columns, rows), axis=-1)
        return [(flat, self.place_on_torso(flat))]

    def sleeve_meshes(self, side: int) -> list[Mesh]:
        """Return the meshes of a sleeve above and, if long, below the elbow.

        Args:
            side (int): -1: viewer's left; 1: right.

        Returns:
            list[Mesh]: One or two meshes of (R, 9, 2) vertices, body units;
            the second lies in front.
        """
        cut = self.top.cut
        spread = self.top.spread
        down = np.array([np.sin(spread), np.cos(spread)])
        out = down[::-1] * (1, -1)
        seam = self.half.armhole[[0, -1]] - SHOULDER
        seam_t, seam_w = seam @ down, seam @ out

        # s: distance from the armhole; t: distance from the shoulder; w:
        # distance from the axis of the sleeve, outwards.
        wide = max(cut.sleeve_width, cut.cuff) + 0.12
        length = cut.sleeve - seam_t.min() + 0.15
        s = np.linspace(-0.2, length, max(8, round(length / 0.1)))
        w = np.linspace(-wide, wide, 9)
        slope = (seam_t[0] - seam_t[1]) / (seam_w[0] - seam_w[1])
        reach = np.clip(w, seam_w[1] - 0.1, seam_w[0] + 0.1) - seam_w[1]
        slant = np.clip(1 - s / 1.3, 0, 1)[:, None] * slope * reach
        t = s[:, None] + seam_t[1] + slant
        flat = SHOULDER + t[..., None] * down + w[:, None] * out

        arm = np.interp(t, *ARM_WIDTHS.T)
        laid = np.interp(t, [0.2, cut.sleeve], [cut.sleeve_width, cut.cuff])
        width = arm + np.maximum(self.drape.ease * (laid - arm), 0.05)
        across = w * width / laid
        moved = self._along_arm(side, t, across)
        arm_share = _smooth(s / 0.5)[:, None, None]
        flat = flat * (side, 1)
        worn = (1 - arm_share) * self.place_on_torso(flat) + arm_share * moved
        below = int((s + seam_t[1] < UPPER_ARM).sum())
        if below > len(s) - 2:
            return [(flat, worn)]
        return [
            (flat[: below + 1], worn[: below + 1]),
            (flat[below - 1 :], worn[below - 1 :]),
        ]

    def _along_arm(
        self, side: int, t: np.ndarray, across: np.ndarray
    ) -> np.ndarray:
        """Return points of a sleeve that only the arm moves.

        A sleeve is round on the outside of a bent elbow; on the inside its two
        halves overlap.

        Args:
            side (int): -1: viewer's left; 1: right.
            t (np.ndarray): (R, C) distances from the shoulder, body units.
            across (np.ndarray): (R, C) distances from the arm's axis,
                outwards, body units.

        Returns:
            np.ndarray: (R, C, 2) x, y in body units.
        """
        # A sleeve that ends above the elbow is not bent by it.
        straight = self.top.cut.sleeve < UPPER_ARM - 0.1
        points, normals = self.pose.arm_axis(side, t.ravel(), straight)
        _, (upper, lower) = self.pose.arm_axis(
            side, np.array([-1, 9]), straight
        )
        bone = np.where(t[..., None] < UPPER_ARM, upper, lower)
        limb = self.pose.arms[side > 0].limb
        inside = across * (limb.lower - limb.upper) > 0
        normals = np.where(
            inside[..., None], bone, normals.reshape(*t.shape, 2)
        )
        return points.reshape(*t.shape, 2) + across[..., None] * normals
