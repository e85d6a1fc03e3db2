# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Drawing of the wearer: skin, hair, face, and objects before the clothes."""

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
    close_symmetric,
    limb_axis,
    limb_outline,
    mirror,
)
from .textures import hsv_to_bgr

Colour = tuple[float, ...]


@dataclass(frozen=True)
class Person:
    """Appearance of a wearer.

    Attributes:
        skin, hair, shoes (tuple[float, ...]): Colours (b, g, r), 0-255.
        long_hair (float): y that the hair reaches down to, body units; 0:
            short hair.
        from_behind (bool): Whether the wearer is seen from behind.
        turn (float): Turn to a side, radians.
    """

    skin: Colour
    hair: Colour
    shoes: Colour
    long_hair: float
    from_behind: bool
    turn: float


def random_person(
    rng: np.random.Generator, from_behind: bool, turn: float
) -> Person:
    """Sample the appearance of a wearer.

    Args:
        rng (np.random.Generator): Source of randomness.
        from_behind (bool): Whether the wearer is seen from behind.
        turn (float): Turn to a side, radians.

    Returns:
        Person: Half of them have long hair.
    """
    skin = hsv_to_bgr(
        rng.uniform(0.02, 0.07), rng.uniform(0.2, 0.5), rng.uniform(0.35, 1)
    )
    hair = hsv_to_bgr(
        rng.uniform(0.02, 0.12), rng.uniform(0.1, 0.7), rng.uniform(0.05, 0.6)
    )
    shoes = hsv_to_bgr(
        rng.random(), rng.uniform(0, 0.5), rng.uniform(0.1, 0.95)
    )
    long_hair = rng.uniform(0.6, 1.7) if rng.random() < 0.5 else 0.0
    colours = _floats(skin), _floats(hair), _floats(shoes)
    return Person(*colours, long_hair, from_behind, turn)


def _floats(colour: np.ndarray) -> Colour:
    """Convert a (3,) colour to floats."""
    return tuple(float(v) for v in colour)


def ellipse(
    x: float,
    y: float,
    rx: float,
    ry: float,
    span: tuple[float, float] = (0, 2),
) -> np.ndarray:
    """Return points of an ellipse or of an arc of it.

    Args:
        x (float): Of the centre, body units.
        y (float): Of the centre, body units.
        rx (float): Half axis along x, body units.
        ry (float): Half axis along y, body units.
        span (tuple[float, float]): First and last angle in half turns,
            clockwise from the right. Defaults to the whole ellipse.

    Returns:
        np.ndarray: (25, 2) x, y in body units.
    """
    t = np.linspace(span[0] * np.pi, span[1] * np.pi, 25)
    return np.stack([x + rx * np.cos(t), y + ry * np.sin(t)], axis=1)


def draw_body(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw the bare body below the chin, before the clothes are drawn.

    Args:
        canvas (Canvas): Canvas to draw on, (h, w, 3) BGR uint8.
        person (Person): Colours and hair.
        pose (Pose): Arms and legs.
    """

    def draw_skin(outline: np.ndarray, edge_darkness: float = 0.25) -> None:
        canvas.fill_polygon(
            outline, person.skin, edge_darkness=edge_darkness, rim=False
        )

    if person.long_hair and not person.from_behind:
        length = person.long_hair * 0.5
        mane = np.array([(0.5, -1.2), (0.62, -0.5), (0.6, length)])
        canvas.fill_polygon(close_symmetric(mane), person.hair)
    for leg, sign in zip(pose.legs, (-1, 1), strict=True):
        ankle, _ = limb_axis(leg, HIP, THIGH, np.array([3.85]))
        x, y = ankle[0] * (sign, 1)
        shoe = ellipse(x + 0.08 * sign, y + 0.12, 0.27, 0.2)
        canvas.fill_polygon(shoe, person.shoes)
        draw_skin(limb_outline(leg, HIP, THIGH, LEG_WIDTHS) * (sign, 1))
    for arm, sign in zip(pose.arms, (-1, 1), strict=True):
        hand, _ = limb_axis(arm, SHOULDER, UPPER_ARM, np.array([2.95]))
        x, y = hand[0] * (sign, 1)
        draw_skin(ellipse(x, y, 0.15, 0.24))
        limb = limb_outline(arm, SHOULDER, UPPER_ARM, ARM_WIDTHS)
        draw_skin(limb * (sign, 1))
    draw_skin(close_symmetric(TORSO), 0.12)
    draw_skin(close_symmetric(NECK), 0.0)


def draw_head(canvas: Canvas, person: Person) -> None:
    """Draw neck and head, in front of the collar.

    Args:
        canvas (Canvas): Image (h, w, 3) BGR uint8, after the clothes.
        person (Person): Colours, hair, and the side that is seen.
    """
    if person.from_behind:
        canvas.fill_polygon(ellipse(0, -1.0, 0.52, 0.66), person.hair)
        if person.long_hair:
            length = person.long_hair * 0.8
            mane = np.array([(0.5, -1.1), (0.58, -0.3), (0.45, length)])
            canvas.fill_polygon(close_symmetric(mane), person.hair)
        return
    shift = 0.3 * np.sin(person.turn)  # of the face, body units
    canvas.fill_polygon(
        close_symmetric(NECK), person.skin, edge_darkness=0.0, rim=False
    )
    canvas.fill_polygon(ellipse(0, -1.2, 0.55, 0.5), person.hair)
    canvas.fill_polygon(ellipse(0, -0.92, 0.45, 0.6), person.skin)
    cap = np.concatenate(
        [ellipse(0, -1.15, 0.55, 0.55, (1, 2)), [(0.1 + shift, -1.25)]]
    )
    canvas.fill_polygon(cap, person.hair)
    for x in (-0.18, 0.18):
        canvas.fill_polygon(
            ellipse(x + shift, -0.95, 0.07, 0.035), (40, 35, 35)
        )
        canvas.fill_polygon(ellipse(x + shift, -1.07, 0.1, 0.018), person.hair)
    lips = (90, 80, 170)
    canvas.fill_polygon(ellipse(shift, -0.58, 0.12, 0.04), lips)
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
        canvas.fill_polygon(strand, person.hair)
        canvas.fill_polygon(mirror(strand), person.hair)


def draw_occluders(
    rng: np.random.Generator,
    canvas: Canvas,
    person: Person,
    pose: Pose,
    user: bool,
) -> None:
    """Draw objects before the clothes: a bag, a phone, another person's arm.

    Args:
        rng (np.random.Generator): Source of randomness.
        canvas (Canvas): Image (h, w, 3) BGR uint8, after clothes and head.
        person (Person): The wearer.
        pose (Pose): Pose of the wearer.
        user (bool): Whether it is a user image, which has more of them.
    """
    chances = (0.35, 0.3, 0.15) if user else (0.2, 0.0, 0.0)
    bag, phone, other = rng.random(3) < chances
    side = rng.choice([-1, 1])
    if bag:
        _draw_bag(rng, canvas, side)
    if phone and not person.from_behind:
        _draw_phone(rng, canvas, person, -side)
    if other:
        sleeve = hsv_to_bgr(
            rng.random(), rng.uniform(0, 0.8), rng.uniform(0.1, 0.9)
        )
        limb = Limb(rng.uniform(-0.5, 0.1), rng.uniform(-0.6, 0.2))
        root = np.array([rng.uniform(1.0, 1.8), rng.uniform(-0.2, 1.2)])
        widths = np.array([(0, 0.5), (1.5, 0.4), (3.4, 0.32)])
        arm = limb_outline(limb, root, UPPER_ARM, widths) * (side, 1)
        canvas.fill_polygon(arm, _floats(sleeve))


def _draw_bag(rng: np.random.Generator, canvas: Canvas, side: float) -> None:
    """Draw a bag on a strap across the body; ``side`` is -1 or 1."""
    colour = _floats(
        hsv_to_bgr(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.15, 0.8))
    )
    dark = tuple(0.6 * v for v in colour)
    w, h = rng.uniform(0.35, 0.6), rng.uniform(0.3, 0.6)
    x, y = rng.uniform(0.5, 1.1), rng.uniform(2.6, 3.5)
    strap = np.array(
        [(-0.7, 0.25), (-0.58, 0.22), (x + 0.06, y), (x - 0.06, y)]
    )
    canvas.fill_polygon(strap * (side, 1), dark)
    box = np.array(
        [
            (x - 0.9 * w, y - h),
            (x + 0.9 * w, y - h),
            (x + w, y + h),
            (x - w, y + h),
        ]
    )
    canvas.fill_polygon(box * (side, 1), colour)
    flap = np.array(
        [
            (x - 0.9 * w, y - h),
            (x + 0.9 * w, y - h),
            (x + 0.8 * w, y),
            (x - 0.8 * w, y),
        ]
    )
    canvas.fill_polygon(flap * (side, 1), dark)


def _draw_phone(
    rng: np.random.Generator, canvas: Canvas, person: Person, side: float
) -> None:
    """Draw a forearm and a phone before chest or face; side is -1 or 1."""
    x, y = rng.uniform(0.0, 0.5), rng.uniform(-0.7, 1.3)
    elbow = np.array([rng.uniform(0.85, 1.15), rng.uniform(1.7, 2.0)])
    reach = np.array([x, y + 0.25]) - elbow
    angle = np.arctan2(reach[0], reach[1])
    length = min(float(np.hypot(*reach)), FOREARM * 1.3)
    limb = Limb(angle, angle)
    widths = np.array([(0, 0.18), (length, 0.13)])
    arm = limb_outline(limb, elbow, 9.0, widths)
    canvas.fill_polygon(arm * (side, 1), person.skin)
    phone = np.array(
        [(-0.22, -0.42), (0.22, -0.42), (0.22, 0.42), (-0.22, 0.42)]
    )
    canvas.fill_polygon(np.add(phone, (x, y)) * (side, 1), (35.0, 30.0, 30.0))
    canvas.fill_polygon(ellipse(x * side, y + 0.25, 0.27, 0.16), person.skin)
