# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tops for virtual try-on, and their flat images as a shop shows them."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..drawing.canvas import Canvas, random_light
from ..drawing.figure import Limb, Pose
from ..drawing.pattern import Cut
from ..drawing.textures import Style, random_style
from ..drawing.warp import Warp
from ..garments.factory import random_cut
from ..garments.trimmings import PRINTS
from ..garments.uppers import UPPER_TYPES, make_upper

BODY, LEFT, RIGHT = 0, 1, 2  # parts of a top; sides are the viewer's
_WORDS = ('MODE', 'NOVA', 'ARC', 'LUNA', 'KITE', '1987', 'OSLO', 'RIO', 'ZEN')
_FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


@dataclass(frozen=True)
class Top:
    """Specification of a garment for the upper body.

    Attributes:
        category (int): DeepFashion2 category of a top: 1, 2, 5 or 6.
        cut (Cut), style (Style): Measurements, and colours and pattern.
        spread (float): Angle of the sleeves laid flat, radians.
        word (str): Word printed on the chest; empty: none.
        font (int): Font of the word, as OpenCV numbers them.
        seed (int): Seed of the light on the flat image.
    """

    category: int
    cut: Cut
    style: Style
    spread: float
    word: str
    font: int
    seed: int

    @property
    def has_sleeves(self) -> bool:
        """Whether it has sleeves."""
        return UPPER_TYPES[self.category].sleeve in ('short', 'long')

    @property
    def flat_sleeve(self) -> Limb:
        """Pose of its sleeves when it is laid flat."""
        return Limb(self.spread, self.spread)


@dataclass(frozen=True)
class FlatCloth:
    """Flat image of a top, and where its parts are.

    Attributes:
        image (np.ndarray): (h, w, 3) BGR uint8, in the colour of the cloth
            around it.
        part_masks (np.ndarray): (3, h, w) uint8 coverage 0-255 of BODY, LEFT
            and RIGHT.
        mask (np.ndarray): (h, w) uint8 coverage 0-255 of all that is visible.
        warp (Warp): From body space to this image.
    """

    image: np.ndarray
    part_masks: np.ndarray
    mask: np.ndarray
    warp: Warp

    @property
    def on_white(self) -> np.ndarray:
        """The flat image on a white background, (h, w, 3) BGR uint8."""
        white = Canvas(np.full_like(self.image, 255), self.warp)
        white.blend(self.mask, self.image.astype(np.float32))
        return white.image


def random_top(rng: np.random.Generator) -> Top:
    """Sample a top.

    Args:
        rng (np.random.Generator): Source of randomness.

    Returns:
        Top: Lengths in body units. Four in ten have a word, two in ten a print
        on the chest.
    """
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


def draw_flat_cloth(top: Top, size: tuple[int, int]) -> FlatCloth:
    """Draw a top laid flat, as a shop shows it.

    Args:
        top (Top): The top.
        size (tuple[int, int]): (h, w) of the image, px.

    Returns:
        FlatCloth: Its image and the masks of its parts.
    """
    rng = np.random.default_rng(top.seed)
    pose = Pose((top.flat_sleeve, top.flat_sleeve))
    garment = make_upper(top.category, top.cut, pose, 'flat')
    points = np.concatenate([part.outline for part in garment.parts])
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    height, width = size
    fill = rng.uniform(0.88, 0.95)
    scale = fill * min(width / (x1 - x0), height / (y1 - y0))
    middle = (0.5 * (width - 1), 0.5 * (height - 1) - scale * 0.5 * (y0 + y1))
    matrix = np.array([[scale, 0, middle[0]], [0, scale, middle[1]]])
    image = np.empty((height, width, 3), np.uint8)
    image[:] = top.style.base
    canvas = Canvas(image, Warp(matrix, np.zeros((0, 5))))
    light = replace(random_light(rng, 0.35), edge_darkness=0.1, slope=0.0)
    part_masks = np.zeros((3, height, width), np.uint8)
    cover = np.zeros((height, width), np.uint8)
    for number, part in enumerate(garment.parts, 1):
        drawn = canvas.draw_part(part, top.style, number, light)
        assert drawn is not None  # all of it lies inside the image
        where, mask = drawn
        cover[where] = np.maximum(cover[where], mask)
        if part.kind == 'limb':
            part_masks[LEFT if part.origin[0] < 0 else RIGHT][where] = mask
            continue
        body = part_masks[BODY][where]
        if part.kind == 'inside':  # visible only when the top is laid flat
            body[mask > 0] = 0
        else:
            body[:] = np.maximum(body, mask)
    layers = (1, len(garment.parts))
    for detail in garment.details:
        canvas.draw_detail(detail, top.style, layers)
    if top.word:
        _print_word(canvas, top, part_masks[BODY])
    return FlatCloth(image, part_masks, cover, canvas.warp)


def _print_word(canvas: Canvas, top: Top, body: np.ndarray) -> None:
    """Print a word across the chest, on a label if the cloth is patterned."""
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
        canvas.blend(np.minimum(mask, body), ground)
        mask[:] = 0
    elif np.abs(colour - tone).max() < 90:
        colour = dark if tone.mean() > 125 else bright
    at = round(x - half[0]), round(y + half[1])
    cv2.putText(mask, top.word, at, top.font, factor, 255, thick, cv2.LINE_AA)
    canvas.blend(np.minimum(mask, body), colour)
