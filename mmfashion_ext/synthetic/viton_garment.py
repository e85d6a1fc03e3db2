# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A top twice: flat as the shop shows it, and worn.

The worn top is the flat picture, moved: its body follows the torso, each
sleeve its arm, and both agree along the armhole.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from .drawing import Canvas, Warp, random_light
from .figure import ARM_WIDTHS, SHOULDER, TORSO, UPPER_ARM, Limb, Pose
from .garments import Cut
from .textures import Style, random_style
from .trimmings import PRINTS
from .uppers import UPPERS, make_half, make_upper
from .viton_figure import Stance
from .wardrobe import random_cut

BODY, LEFT, RIGHT = 0, 1, 2  # pieces of a top; sides are the viewer's
_WAIST = 2.3  # y of a waistband
_WORDS = ('MODE', 'NOVA', 'ARC', 'LUNA', 'KITE', '1987', 'OSLO', 'RIO', 'ZEN')
_FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


@dataclass(frozen=True)
class Top:
    """A garment for the upper body.

    Attributes:
        category (int): One of DeepFashion2's tops: 1, 2, 5 or 6.
        cut (Cut), style (Style): Pattern and cloth.
        spread (float): Angle of the sleeves laid flat, radians.
        word (str): Printed on the chest; '': nothing.
        font (int): Of OpenCV.
        seed (int): Of the light on the flat picture.
    """

    category: int
    cut: Cut
    style: Style
    spread: float
    word: str
    font: int
    seed: int

    @property
    def sleeved(self) -> bool:
        """Whether it has sleeves."""
        return UPPERS[self.category].sleeve in ('short', 'long')


@dataclass(frozen=True)
class Flat:
    """The flat picture of a top.

    Attributes:
        image (np.ndarray): (h, w, 3) BGR uint8, the cloth's colour around.
        pieces (np.ndarray): (3, h, w) uint8 coverage of BODY, LEFT, RIGHT.
        cover (np.ndarray): (h, w) uint8 coverage of all that is seen.
        warp (Warp): From body space to this picture.
    """

    image: np.ndarray
    pieces: np.ndarray
    cover: np.ndarray
    warp: Warp

    @property
    def picture(self) -> np.ndarray:
        """(h, w, 3) BGR uint8, on white."""
        white = Canvas(np.full_like(self.image, 255), self.warp)
        white.paint(self.cover, self.image.astype(np.float32))
        return white.image


def random_top(rng: np.random.Generator) -> Top:
    """Draw a garment."""
    category = int(rng.choice([1, 2, 5, 6], p=[0.42, 0.34, 0.16, 0.08]))
    cut = random_cut(category, rng)
    long = category == 2
    extras = cut.extras - set(PRINTS)
    printed = rng.random()
    word = ''
    if printed < 0.6:
        extras -= {'buttons', 'pocket'}
    if printed < 0.4:
        word = str(rng.choice(_WORDS))
    elif printed < 0.6:
        extras |= {str(rng.choice(PRINTS))}
    cut = replace(
        cut,
        neck_depth=cut.neck_depth - rng.uniform(0, 0.15),
        sleeve=rng.uniform(1.7, 2.85) if long else rng.uniform(0.75, 1.3),
        extras=frozenset(extras),
    )
    style = random_style(rng, int(rng.integers(1, 14)))
    spread = rng.uniform(0.34, 0.5) if long else rng.uniform(0.5, 0.85)
    return Top(
        category,
        cut,
        style,
        spread,
        word,
        int(rng.choice(_FONTS)),
        int(rng.integers(2**31)),
    )


def draw_flat(top: Top, size: tuple[int, int]) -> Flat:
    """Draw a top as the shop shows it.

    Args:
        top (Top): What to draw.
        size (tuple[int, int]): (h, w) of the picture in px.
    """
    rng = np.random.default_rng(top.seed)
    limb = Limb(top.spread, top.spread)
    garment = make_upper(top.category, top.cut, Pose((limb, limb)), 'flat')
    points = np.concatenate([part.outline for part in garment.parts])
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    height, width = size
    share = rng.uniform(0.88, 0.95)
    scale = share * min(width / (x1 - x0), height / (y1 - y0))
    middle = (0.5 * (width - 1), 0.5 * (height - 1) - scale * 0.5 * (y0 + y1))
    matrix = np.array([[scale, 0, middle[0]], [0, scale, middle[1]]])
    image = np.empty((height, width, 3), np.uint8)
    image[:] = top.style.base
    canvas = Canvas(image, Warp(matrix, np.zeros((0, 5))))
    light = replace(random_light(rng, 0.35), volume=0.1, slope=0.0)
    pieces = np.zeros((3, height, width), np.uint8)
    cover = np.zeros((height, width), np.uint8)
    for number, part in enumerate(garment.parts, 1):
        where, mask = canvas.cloth(part, top.style, number, light)
        cover[where] = np.maximum(cover[where], mask)
        if part.piece == 'limb':
            pieces[LEFT if part.origin[0] < 0 else RIGHT][where] = mask
            continue
        body = pieces[BODY][where]
        if part.piece == 'inside':  # seen of its back only when laid flat
            body[mask > 0] = 0
        else:
            body[:] = np.maximum(body, mask)
    layers = (1, len(garment.parts))
    for detail in garment.details:
        canvas.detail(detail, top.style, layers)
    if top.word:
        _write(canvas, top, pieces[BODY])
    return Flat(image, pieces, cover, canvas.warp)


def _write(canvas: Canvas, top: Top, body: np.ndarray) -> None:
    """Print a word across the chest, on a label if the cloth is lively."""
    scale = canvas.warp.scale
    thick = max(1, round(0.07 * scale))
    (width, height), _ = cv2.getTextSize(top.word, top.font, 1, 1)
    factor = scale * min(1.05 * top.cut.fit / width, 0.5 / height)
    low = max(1.3, top.cut.neck_depth + 0.55)
    x, y = canvas.warp(np.array([[0.0, low]]))[0]
    half = 0.5 * factor * np.array([width, height])
    dark, bright = np.full(3, 28, np.float32), np.full(3, 242, np.float32)
    colour = np.array(top.style.second, np.float32)
    tone = np.array(top.style.base, np.float32)
    mask = np.zeros_like(body)
    if top.style.pattern not in ('plain', 'denim'):
        tone = 0.5 * (tone + colour)
        ground, colour = (
            (dark, bright) if tone.mean() > 125 else (bright, dark)
        )
        corners = np.array([x, y]) + np.outer([-1, 1], half + 0.14 * scale)
        (x0, y0), (x1, y1) = np.round(corners).astype(int).tolist()
        cv2.rectangle(mask, (x0, y0), (x1, y1), 255, -1)
        canvas.paint(np.minimum(mask, body), ground)
        mask[:] = 0
    elif np.abs(colour - tone).max() < 90:
        colour = dark if tone.mean() > 125 else bright
    at = round(x - half[0]), round(y + half[1])
    cv2.putText(mask, top.word, at, top.font, factor, 255, thick, cv2.LINE_AA)
    canvas.paint(np.minimum(mask, body), colour)


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
        limb = Limb(top.spread, top.spread)
        self.half = make_half(top.cut, UPPERS[top.category], limb)

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
        limb = Limb(self.top.spread, self.top.spread)
        down = np.array([np.sin(limb.upper), np.cos(limb.upper)])
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
        slant = (
            slope * reach * np.maximum(1 - np.maximum(s, 0) / 1.3, 0)[:, None]
        )
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
