# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The wearer drawn: skin, hair, face, and what gets in front of clothes."""

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas
from .figure import (
    ARM_WIDTHS,
    FOREARM,
    HIP,
    LEG_WIDTHS,
    NECK,
    SHOULDER,
    THIGH,
    TORSO,
    UPPER_ARM,
    Limb,
    Pose,
    along,
    mirror,
    symmetric,
    tube,
)
from .textures import hsv

Colour = tuple[float, ...]


@dataclass(frozen=True)
class Person:
    """Looks of a wearer; colours are BGR 0-255.

    Attributes:
        skin, hair, shoes (tuple[float, ...]): Colours.
        long_hair (float): How far the hair reaches, body units; 0: short.
        away (bool): Seen from behind.
        turn (float): Radians turned to a side.
    """

    skin: Colour
    hair: Colour
    shoes: Colour
    long_hair: float
    away: bool
    turn: float


def random_person(rng: np.random.Generator, away: bool, turn: float) -> Person:
    """Draw a wearer."""
    skin = hsv(
        rng.uniform(0.02, 0.07), rng.uniform(0.2, 0.5), rng.uniform(0.35, 1)
    )
    hair = hsv(
        rng.uniform(0.02, 0.12), rng.uniform(0.1, 0.7), rng.uniform(0.05, 0.6)
    )
    shoes = hsv(rng.random(), rng.uniform(0, 0.5), rng.uniform(0.1, 0.95))
    long_hair = rng.uniform(0.6, 1.7) if rng.random() < 0.5 else 0.0
    colours = (tuple(float(v) for v in c) for c in (skin, hair, shoes))
    return Person(*colours, long_hair, away, turn)


def ellipse(
    x: float,
    y: float,
    rx: float,
    ry: float,
    span: tuple[float, float] = (0, 2),
) -> np.ndarray:
    """(25, 2) points of an ellipse, or of an arc given in half turns."""
    t = np.linspace(span[0] * np.pi, span[1] * np.pi, 25)
    return np.stack([x + rx * np.cos(t), y + ry * np.sin(t)], axis=1)


def draw_body(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Everything below the chin, in its skin, before the clothes."""
    skin = {'colour': person.skin, 'rim': False}
    if person.long_hair and not person.away:
        length = person.long_hair * 0.5
        mane = np.array([(0.5, -1.2), (0.62, -0.5), (0.6, length)])
        canvas.solid(symmetric(mane), person.hair)
    for leg, sign in zip(pose.legs, (-1, 1), strict=True):
        ankle, _ = along(leg, HIP, THIGH, np.array([3.85]))
        x, y = ankle[0] * (sign, 1)
        shoe = ellipse(x + 0.08 * sign, y + 0.12, 0.27, 0.2)
        canvas.solid(shoe, person.shoes)
        canvas.solid(tube(leg, HIP, THIGH, LEG_WIDTHS) * (sign, 1), **skin)
    for arm, sign in zip(pose.arms, (-1, 1), strict=True):
        hand, _ = along(arm, SHOULDER, UPPER_ARM, np.array([2.95]))
        x, y = hand[0] * (sign, 1)
        canvas.solid(ellipse(x, y, 0.15, 0.24), **skin)
        limb = tube(arm, SHOULDER, UPPER_ARM, ARM_WIDTHS) * (sign, 1)
        canvas.solid(limb, **skin)
    canvas.solid(symmetric(TORSO), **skin, volume=0.12)
    canvas.solid(symmetric(NECK), **skin, volume=0.0)


def draw_head(canvas: Canvas, person: Person) -> None:
    """Neck and head, in front of the collar."""
    if person.away:
        canvas.solid(ellipse(0, -1.0, 0.52, 0.66), person.hair)
        if person.long_hair:
            length = person.long_hair * 0.8
            mane = np.array([(0.5, -1.1), (0.58, -0.3), (0.45, length)])
            canvas.solid(symmetric(mane), person.hair)
        return
    look = 0.3 * np.sin(person.turn)
    canvas.solid(symmetric(NECK), person.skin, volume=0.0, rim=False)
    canvas.solid(ellipse(0, -1.2, 0.55, 0.5), person.hair)
    canvas.solid(ellipse(0, -0.92, 0.45, 0.6), person.skin)
    cap = np.concatenate(
        [ellipse(0, -1.15, 0.55, 0.55, (1, 2)), [(0.1 + look, -1.25)]]
    )
    canvas.solid(cap, person.hair)
    for x in (-0.18, 0.18):
        canvas.solid(ellipse(x + look, -0.95, 0.07, 0.035), (40, 35, 35))
        canvas.solid(ellipse(x + look, -1.07, 0.1, 0.018), person.hair)
    lips = (90, 80, 170)
    canvas.solid(ellipse(look, -0.58, 0.12, 0.04), lips)
    if person.long_hair:
        strand = np.array(
            [
                (0.3, -1.45),
                (0.56, -1.1),
                (0.62, -0.2),
                (0.66, person.long_hair * 0.7),
                (0.42, person.long_hair),
                (0.4, -0.2),
                (0.42, -0.8),
            ]
        )
        canvas.solid(strand, person.hair)
        canvas.solid(mirror(strand), person.hair)


def draw_occluders(
    rng: np.random.Generator,
    canvas: Canvas,
    person: Person,
    pose: Pose,
    user: bool,
) -> None:
    """A bag, a phone held up, somebody else's arm; more on user pictures."""
    chances = (0.35, 0.3, 0.15) if user else (0.2, 0.0, 0.0)
    bag, phone, other = rng.random(3) < chances
    side = rng.choice([-1, 1])
    if bag:
        _draw_bag(rng, canvas, side)
    if phone and not person.away:
        _draw_phone(rng, canvas, person, -side)
    if other:
        sleeve = hsv(rng.random(), rng.uniform(0, 0.8), rng.uniform(0.1, 0.9))
        limb = Limb(rng.uniform(-0.5, 0.1), rng.uniform(-0.6, 0.2))
        root = np.array([rng.uniform(1.0, 1.8), rng.uniform(-0.2, 1.2)])
        widths = np.array([(0, 0.5), (1.5, 0.4), (3.4, 0.32)])
        arm = tube(limb, root, UPPER_ARM, widths) * (side, 1)
        canvas.solid(arm, tuple(float(v) for v in sleeve))


def _draw_bag(rng: np.random.Generator, canvas: Canvas, side: float) -> None:
    """A bag on a strap across the body, or one held at the hip."""
    colour = hsv(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.15, 0.8))
    colour = tuple(float(v) for v in colour)
    dark = tuple(0.6 * v for v in colour)
    w, h = rng.uniform(0.35, 0.6), rng.uniform(0.3, 0.6)
    x, y = rng.uniform(0.5, 1.1), rng.uniform(2.6, 3.5)
    strap = np.array(
        [(-0.7, 0.25), (-0.58, 0.22), (x + 0.06, y), (x - 0.06, y)]
    )
    canvas.solid(strap * (side, 1), dark)
    box = np.array(
        [
            (x - 0.9 * w, y - h),
            (x + 0.9 * w, y - h),
            (x + w, y + h),
            (x - w, y + h),
        ]
    )
    canvas.solid(box * (side, 1), colour)
    flap = np.array(
        [
            (x - 0.9 * w, y - h),
            (x + 0.9 * w, y - h),
            (x + 0.8 * w, y),
            (x - 0.8 * w, y),
        ]
    )
    canvas.solid(flap * (side, 1), dark)


def _draw_phone(
    rng: np.random.Generator, canvas: Canvas, person: Person, side: float
) -> None:
    """A forearm and a phone in front of the chest or the face."""
    x, y = rng.uniform(0.0, 0.5), rng.uniform(-0.7, 1.3)
    elbow = np.array([rng.uniform(0.85, 1.15), rng.uniform(1.7, 2.0)])
    reach = np.array([x, y + 0.25]) - elbow
    angle = np.arctan2(reach[0], reach[1])
    length = min(float(np.hypot(*reach)), FOREARM * 1.3)
    limb = Limb(angle, angle)
    widths = np.array([(0, 0.18), (length, 0.13)])
    arm = tube(limb, elbow, 9.0, widths)
    canvas.solid(arm * (side, 1), person.skin)
    phone = np.array(
        [(-0.22, -0.42), (0.22, -0.42), (0.22, 0.42), (-0.22, 0.42)]
    )
    canvas.solid(np.add(phone, (x, y)) * (side, 1), (35.0, 30.0, 30.0))
    canvas.solid(ellipse(x * side, y + 0.25, 0.27, 0.16), person.skin)
