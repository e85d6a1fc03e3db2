# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A top on a body: the flat picture, moved.

Its body follows the torso, each sleeve its arm, and both agree along the
armhole.
"""

from dataclasses import dataclass

import numpy as np

from ..drawing.figure import ARM_WIDTHS, SHOULDER, TORSO, UPPER_ARM
from ..garments.uppers import UPPERS, make_half
from .figure import Stance
from .garment import Top

_WAIST = 2.3  # y of a waistband


@dataclass(frozen=True)
class Drape:
    """How a top hangs on a body.

    Attributes:
        ease (float): 0: tight as skin; 1: as wide as laid flat.
        stretch (float): Lengthening below the chest.
        wave (tuple[float, float, float]): Wave of the hem: height, waves
            a unit (radians), phase.
        tucked (bool): Whether it ends inside a waistband.
    """

    ease: float
    stretch: float
    wave: tuple[float, float, float]
    tucked: bool


def random_drape(rng: np.random.Generator) -> Drape:
    """Draw how a top hangs."""
    return Drape(
        rng.uniform(0.3, 0.9),
        rng.uniform(-0.04, 0.05),
        (rng.uniform(0, 0.05), rng.uniform(2, 5), rng.uniform(0, 2 * np.pi)),
        bool(rng.random() < 0.3),
    )


def _smooth(t: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


#: Vertices (R, C, 2) on the flat top and where they are worn, body space.
Mesh = tuple[np.ndarray, np.ndarray]


class Worn:
    """A top on a body; gives the mesh of each piece.

    Args:
        top (Top): What.
        drape (Drape): How it hangs.
        stance (Stance): On whom.
    """

    def __init__(self, top: Top, drape: Drape, stance: Stance) -> None:
        self.top, self.drape, self.stance = top, drape, stance
        self.half = make_half(top.cut, UPPERS[top.category], top.laid)

    def torso(self, points: np.ndarray) -> np.ndarray:
        """Where (..., 2) points of the flat body are worn."""
        x, y = points[..., 0], points[..., 1]
        side, ease = self.half.side, self.drape.ease
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
        if self.drape.tucked:  # all of the rest is gathered there
            y = np.where(y > _WAIST, _WAIST + 0.15 * (y - _WAIST), y)
        return self.stance(np.stack([moved, y], axis=-1))

    def body(self) -> list[Mesh]:
        """The mesh of the body."""
        side = self.half.side
        wide = max(side[:, 0].max(), 1.0) + 0.15
        rows = np.linspace(-0.2, side[-1, 1] + 0.3, 20)
        columns = np.linspace(-wide, wide, 17)
        flat = np.stack(np.meshgrid(columns, rows), axis=-1)
        return [(flat, self.torso(flat))]

    def sleeve(self, side: int) -> list[Mesh]:
        """The meshes of a sleeve above and, if it is long, below the elbow.

        Args:
            side (int): -1: viewer's left; 1: right.
        """
        cut = self.top.cut
        spread = self.top.spread
        down = np.array([np.sin(spread), np.cos(spread)])
        out = down[::-1] * (1, -1)
        seam = self.half.armhole[[0, -1]] - SHOULDER
        seam_t, seam_w = seam @ down, seam @ out

        # s: distance from the armhole; t: from the shoulder; w: outwards.
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
        own = _smooth(s / 0.5)[:, None, None]
        flat = flat * (side, 1)
        worn = (1 - own) * self.torso(flat) + own * moved
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
        """Points of a sleeve that the arm alone moves.

        Args:
            side (int): -1: viewer's left; 1: right.
            t (np.ndarray): (R, C) distances from the shoulder.
            across (np.ndarray): (R, C) distances from the arm's axis,
                outwards.

        Returns:
            np.ndarray: (R, C, 2). A sleeve is round outside of a bent elbow;
            inside, its two halves overlap.
        """
        # A sleeve that ends above the elbow is not bent by it.
        straight = self.top.cut.sleeve < UPPER_ARM - 0.1
        points, normals = self.stance.arm(side, t.ravel(), straight)
        _, (upper, lower) = self.stance.arm(side, np.array([-1, 9]), straight)
        bone = np.where(t[..., None] < UPPER_ARM, upper, lower)
        limb = self.stance.arms[side > 0].limb
        inside = across * (limb.lower - limb.upper) > 0
        normals = np.where(
            inside[..., None], bone, normals.reshape(*t.shape, 2)
        )
        return points.reshape(*t.shape, 2) + across[..., None] * normals
