# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A shop's model, drawn with labels, body parts and the flow of the top."""

from dataclasses import dataclass, replace

import numpy as np

from ..drawing.canvas import Light
from ..drawing.figure import (
    ARM_WIDTHS,
    HIP,
    LEG_WIDTHS,
    NECK,
    THIGH,
    TORSO,
    UPPER_ARM,
    Pose,
    symmetric,
    tube,
)
from ..drawing.pattern import Cut
from ..drawing.person import Colour, Person, ellipse
from ..drawing.textures import Style
from ..garments.wardrobe import make_garment
from .figure import Stance
from .garment import BODY, LEFT, RIGHT, Flat, Top
from .model import Model
from .worn import Drape, Worn

# Labels of the parse map; left and right are the person's own.
HAIR, BOTTOM, FACE = 1, 8, 12
# by side of the viewer: -1 is the person's right
SHOE = {-1: 6, 1: 5}
LEG = {-1: 10, 1: 9}
ARM = {-1: 13, 1: 11}
# Body parts of DensePose
PART_TORSO = 2
PART_HAND = {-1: 3, 1: 4}
PART_FOOT = {-1: 6, 1: 5}
#: back and front, thigh and shank or upper arm and forearm
PART_LEG = {-1: ((7, 9), (11, 13)), 1: ((8, 10), (12, 14))}
PART_ARM = {-1: ((16, 18), (20, 22)), 1: ((15, 17), (19, 21))}
PART_HEAD = {-1: 23, 1: 24}
#: The torso with the muscles beside the neck.
_TRUNK = np.concatenate(
    [[(0.24, -0.35), (0.3, -0.12), (0.5, 0.0), (0.75, 0.13)], TORSO[2:]]
)
_WRIST, _FINGERS = 2.75, 3.2
_HAND_WIDTHS = np.array([(2.85, 0.125), (3.0, 0.15), (_FINGERS, 0.11)])
_ARM_WIDTHS = np.concatenate([ARM_WIDTHS, _HAND_WIDTHS])
#: A forearm folded by more than this (radians) is in front of its sleeve.
_FOLDED = 1.9


@dataclass(frozen=True)
class Outfit:
    """What a model wears besides the top.

    Attributes:
        category (int): Of the bottom: 7, 8 or 9.
        cut (Cut), style (Style): Of the bottom.
    """

    category: int
    cut: Cut
    style: Style


def _limb(
    axis: np.ndarray, normals: np.ndarray, width: np.ndarray
) -> np.ndarray:
    """Outline of a straight bone from rows of its axis, ends round."""
    down = axis[-1] - axis[0]
    down = down / max(np.hypot(*down), 1e-6)
    turn = np.linspace(0, np.pi, 7)[1:-1, None]
    outline = [axis + width * normals]
    for end, sign in ((-1, 1), (0, -1)):
        arc = sign * (np.cos(turn) * normals[end] + np.sin(turn) * down)
        outline.append(axis[end] + width[end] * arc)
        if end:
            outline.append((axis - width * normals)[::-1])
    return np.concatenate(outline)


def _bone(
    stance: Stance, side: int, start: float, end: float, thin: float = 1.0
) -> np.ndarray:
    """Outline of an arm between two distances from the shoulder.

    ``thin`` keeps the inner part of its width.
    """
    t = np.linspace(start, end, 7)
    axis, _ = stance.arm(side, t)
    down = axis[-1] - axis[0]
    normal = np.array([down[1], -down[0]]) * side
    normal = normal / max(np.hypot(*normal), 1e-6)
    normals = np.repeat(normal[None], len(t), axis=0)
    width = np.interp(t, *_ARM_WIDTHS.T)[:, None]
    axis = axis - (1 - thin) * width * normals
    return _limb(axis, normals, width * thin)


def draw_arm(
    model: Model, person: Person, stance: Stance, side: int, start: float
) -> None:
    """A bare arm with its hand, from ``start`` on."""
    bones = [_bone(stance, side, max(start, UPPER_ARM), _FINGERS)]
    if start < UPPER_ARM:
        bones.append(_bone(stance, side, start, UPPER_ARM))
    model.bare(bones, person.skin, ARM[side])


def mark_arm(model: Model, stance: Stance, side: int) -> None:
    """The body parts of an arm, from the shoulder on."""
    model.part(_bone(stance, side, _WRIST, _FINGERS), PART_HAND[side])
    spans = (0, UPPER_ARM), (UPPER_ARM, _WRIST)
    for span, (back, front) in zip(spans, PART_ARM[side], strict=True):
        model.part(_bone(stance, side, *span), back)
        model.part(_bone(stance, side, *span, 0.8), front)


def draw_legs(model: Model, person: Person, stance: Stance) -> None:
    """Bare legs and shoes."""
    for side, leg in zip((-1, 1), stance.legs, strict=True):
        (ankle,) = stance.leg(side, np.array([3.85]))
        shoe = ellipse(ankle[0] + 0.08 * side, ankle[1] + 0.12, 0.27, 0.2)
        model.solid(shoe, person.shoes, SHOE[side])
        model.part(shoe, PART_FOOT[side])
        whole = tube(leg, HIP, THIGH, LEG_WIDTHS) * (side, 1)
        model.solid(stance(whole), person.skin, LEG[side], rim=False)
        spans = ((-0.2, THIGH), (THIGH, 3.8))
        for (start, end), parts in zip(spans, PART_LEG[side], strict=True):
            t = np.linspace(start, end, 5)
            width = np.interp(t, *LEG_WIDTHS.T)[:, None]
            axis = stance.leg(side, t)
            for part, out, half in zip(
                parts, (0, -0.2), (1, 0.8), strict=True
            ):
                strip = axis + width * (out * side, 0)
                edge = half * width * (1, 0)
                model.part(
                    np.concatenate([strip + edge, (strip - edge)[::-1]]), part
                )


def draw_bottom(
    model: Model, outfit: Outfit, stance: Stance, light: Light
) -> None:
    """Trousers, shorts or a skirt."""
    garment = make_garment(outfit.category, outfit.cut, Pose(legs=stance.legs))
    for part in garment.parts:
        part = replace(part, outline=stance(part.outline))
        model.cloth(part, outfit.style, BOTTOM, light)
    for detail in garment.details:
        detail = replace(detail, points=stance(detail.points))
        model.detail(detail, outfit.style, (BOTTOM, BOTTOM))


def draw_torso(model: Model, person: Person, stance: Stance) -> None:
    """Bare torso and neck. Skin below the neck has no label of its own."""
    torso = stance(symmetric(_TRUNK))
    model.solid(torso, person.skin, 0, volume=0.1, rim=False)
    model.part(torso, PART_TORSO)
    neck = symmetric(NECK)
    upper = stance.face(neck[neck[:, 1] < 0])
    lower = stance(neck[neck[:, 1] >= 0])
    half = len(upper) // 2
    neck = np.concatenate([upper[:half], lower, upper[half:]])
    model.solid(neck, person.skin, FACE, volume=0.0, rim=False)
    model.part(neck, PART_TORSO)


def draw_head(model: Model, person: Person, stance: Stance) -> None:
    """Head and face, and hair that falls on the chest."""
    place, look = stance.face, 0.3 * stance.look

    def fill(points: np.ndarray, colour: Colour, label: int) -> None:
        model.solid(place(points), colour, label, volume=0.15, rim=False)

    fill(ellipse(0, -1.17, 0.55, 0.53), person.hair, HAIR)
    for side in (-1, 1):
        x = side * 0.45 + 0.1 * look
        fill(ellipse(x, -0.88, 0.07, 0.12), person.skin, FACE)
    fill(ellipse(0, -0.92, 0.45, 0.6), person.skin, FACE)
    middle = np.array([(0.6 * look, -0.4), (0.6 * look, -1.75)])
    for side in (-1, 1):
        half = ellipse(0, -1.05, 0.5, 0.62, (-0.5, 0.5)) * (side, 1)
        model.part(place(np.concatenate([middle, half])), PART_HEAD[side])
    cap = np.concatenate(
        [ellipse(0, -1.15, 0.55, 0.55, (1, 2)), [(0.1 + look, -1.3)]]
    )
    fill(cap, person.hair, HAIR)
    dark, white = (45, 40, 40), (235, 235, 235)
    shade = tuple(0.8 * v for v in person.skin)
    for x in (-0.18, 0.18):
        fill(ellipse(x + look, -0.96, 0.085, 0.045), white, FACE)
        fill(ellipse(x + look * 1.15, -0.96, 0.04, 0.045), dark, FACE)
        fill(ellipse(x + look, -1.1, 0.11, 0.018), person.hair, FACE)
    fill(ellipse(1.25 * look, -0.78, 0.05, 0.05), shade, FACE)
    fill(ellipse(1.1 * look, -0.6, 0.13, 0.04), (95, 85, 180), FACE)


def draw_strands(model: Model, person: Person, stance: Stance) -> None:
    """Long hair in front of the shoulders."""
    long = person.long_hair
    strand = np.array(
        [
            (0.3, -1.5),
            (0.56, -1.15),
            (0.62, -0.2),
            (0.66, long * 0.7),
            (0.42, long),
            (0.4, -0.2),
            (0.46, -0.9),
        ]
    )
    for side in (-1, 1):
        model.solid(
            stance.face(strand * (side, 1)), person.hair, HAIR, volume=0.2
        )


def draw_sleeved_arm(
    model: Model,
    person: Person,
    worn: Worn,
    flat: Flat,
    side: int,
    light: Light,
) -> None:
    """What is seen of an arm, in front of what has been drawn."""
    stance, top = worn.stance, worn.top
    arm = stance.arms[side > 0]
    if not top.sleeved:
        if arm.place == 'front':
            draw_arm(model, person, stance, side, 1.1)
        return
    sleeve = top.cut.sleeve
    draw_arm(model, person, stance, side, max(0.3, sleeve))
    piece = LEFT if side < 0 else RIGHT
    model.wear(worn.sleeve(side), flat, piece, light)
    if abs(arm.limb.lower - arm.limb.upper) > _FOLDED:
        draw_arm(model, person, stance, side, max(UPPER_ARM, sleeve))


def draw_model(
    model: Model,
    person: Person,
    stance: Stance,
    outfit: Outfit,
    dressed: tuple[Top, Drape, Flat],
    light: Light,
) -> None:
    """Draw everything, from the back to the front.

    Args:
        model (Model): Canvas with the background.
        person (Person): Who.
        stance (Stance): How.
        outfit (Outfit): What else is worn.
        dressed (tuple[Top, Drape, Flat]): The top.
        light (Light): Of this picture.
    """
    top, drape, flat = dressed
    worn = Worn(top, drape, stance)
    # the farther arm first
    sides = (-1, 1) if stance.turn < 0 else (1, -1)
    behind = [s for s in sides if stance.arms[s > 0].place == 'behind']
    beside = [s for s in sides if s not in behind]
    if person.long_hair:
        mane = np.array([(0.5, -1.2), (0.64, -0.5), (0.6, 0.35)])
        model.solid(stance.face(symmetric(mane)), person.hair, HAIR)
    draw_legs(model, person, stance)
    if not top.sleeved:
        for side in sides:  # the shoulders are under the top
            draw_arm(model, person, stance, side, 0)
    for side in behind:
        mark_arm(model, stance, side)
    draw_torso(model, person, stance)
    for side in behind:
        draw_sleeved_arm(model, person, worn, flat, side, light)
    if not drape.tucked:
        draw_bottom(model, outfit, stance, light)
    model.wear(worn.body(), flat, BODY, light)
    if drape.tucked:
        draw_bottom(model, outfit, stance, light)
    draw_head(model, person, stance)
    if person.long_hair > 0.7:
        draw_strands(model, person, stance)
    for side in beside:
        mark_arm(model, stance, side)
        draw_sleeved_arm(model, person, worn, flat, side, light)
