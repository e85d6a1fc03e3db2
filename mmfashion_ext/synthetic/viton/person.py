# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Draw a shop's model with parse labels, DensePose parts and cloth flow."""

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
    close_symmetric,
    limb_outline,
)
from ..drawing.pattern import Cut
from ..drawing.person import Colour, Person, ellipse
from ..drawing.textures import Style
from ..garments.factory import make_garment
from .garment import BODY, LEFT, RIGHT, FlatCloth
from .person_canvas import PersonCanvas
from .pose import ModelPose
from .worn_top import WornTop

# Labels of the parse map; left and right are the person's own.
HAIR, BOTTOM, FACE = 1, 8, 12
# By side of the viewer: -1 is the person's right.
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
class Bottom:
    """Specification of trousers, shorts or a skirt.

    Attributes:
        category (int): DeepFashion2 category: 7, 8 or 9.
        cut (Cut): Measurements and details.
        style (Style): Colours and pattern.
    """

    category: int
    cut: Cut
    style: Style


def _limb(
    axis: np.ndarray, normals: np.ndarray, width: np.ndarray
) -> np.ndarray:
    """Return the outline of a straight bone with round ends.

    From (n, 2) points of its axis, (n, 2) normals and (n, 1) half widths.
    """
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
    pose: ModelPose, side: int, start: float, end: float, thin: float = 1.0
) -> np.ndarray:
    """Return the outline of an arm between two distances from the shoulder.

    ``thin`` is the share (0-1) of its width that is kept, the inner part.
    """
    t = np.linspace(start, end, 7)
    axis, _ = pose.arm_axis(side, t)
    down = axis[-1] - axis[0]
    normal = np.array([down[1], -down[0]]) * side
    normal = normal / max(np.hypot(*normal), 1e-6)
    normals = np.repeat(normal[None], len(t), axis=0)
    width = np.interp(t, *_ARM_WIDTHS.T)[:, None]
    axis = axis - (1 - thin) * width * normals
    return _limb(axis, normals, width * thin)


def draw_arm(
    canvas: PersonCanvas,
    person: Person,
    pose: ModelPose,
    side: int,
    start: float,
) -> None:
    """Draw a bare arm with its hand.

    Args:
        canvas (PersonCanvas): Canvas to draw on, image (h, w, 3) BGR uint8.
        person (Person): Colours.
        pose (ModelPose): Pose of the arms.
        side (int): -1: viewer's left; 1: right.
        start (float): Distance from the shoulder where it begins, body units.
    """
    bones = [_bone(pose, side, max(start, UPPER_ARM), _FINGERS)]
    if start < UPPER_ARM:
        bones.append(_bone(pose, side, start, UPPER_ARM))
    canvas.fill_skin(bones, person.skin, ARM[side])


def mark_arm(canvas: PersonCanvas, pose: ModelPose, side: int) -> None:
    """Mark the DensePose parts of an arm, from the shoulder to the fingers.

    Args:
        canvas (PersonCanvas): Canvas to draw on, image (h, w, 3) BGR uint8.
        pose (ModelPose): Pose of the arms.
        side (int): -1: viewer's left; 1: right.
    """
    canvas.mark_part(_bone(pose, side, _WRIST, _FINGERS), PART_HAND[side])
    spans = (0, UPPER_ARM), (UPPER_ARM, _WRIST)
    for span, (back, front) in zip(spans, PART_ARM[side], strict=True):
        canvas.mark_part(_bone(pose, side, *span), back)
        canvas.mark_part(_bone(pose, side, *span, 0.8), front)


def draw_legs(canvas: PersonCanvas, person: Person, pose: ModelPose) -> None:
    """Draw bare legs and shoes, and mark their DensePose parts.

    Args:
        canvas (PersonCanvas): Canvas to draw on, image (h, w, 3) BGR uint8.
        person (Person): Colours.
        pose (ModelPose): Pose of the legs.
    """
    for side, leg in zip((-1, 1), pose.legs, strict=True):
        (ankle,) = pose.leg_axis(side, np.array([3.85]))
        shoe = ellipse(ankle[0] + 0.08 * side, ankle[1] + 0.12, 0.27, 0.2)
        canvas.fill_polygon(shoe, person.shoes, SHOE[side])
        canvas.mark_part(shoe, PART_FOOT[side])
        whole = limb_outline(leg, HIP, THIGH, LEG_WIDTHS) * (side, 1)
        canvas.fill_polygon(
            pose.bend(whole), person.skin, LEG[side], rim=False
        )
        spans = ((-0.2, THIGH), (THIGH, 3.8))
        for (start, end), parts in zip(spans, PART_LEG[side], strict=True):
            t = np.linspace(start, end, 5)
            width = np.interp(t, *LEG_WIDTHS.T)[:, None]
            axis = pose.leg_axis(side, t)
            for part, out, half in zip(
                parts, (0, -0.2), (1, 0.8), strict=True
            ):
                strip = axis + width * (out * side, 0)
                edge = half * width * (1, 0)
                canvas.mark_part(
                    np.concatenate([strip + edge, (strip - edge)[::-1]]), part
                )


def draw_bottom(
    canvas: PersonCanvas, bottom: Bottom, pose: ModelPose, light: Light
) -> None:
    """Draw trousers, shorts or a skirt.

    Args:
        canvas (PersonCanvas): Canvas to draw on, image (h, w, 3) BGR uint8.
        bottom (Bottom): What to draw.
        pose (ModelPose): Pose of the person.
        light (Light): Folds and light of this image.
    """
    garment = make_garment(bottom.category, bottom.cut, Pose(legs=pose.legs))
    for part in garment.parts:
        part = replace(part, outline=pose.bend(part.outline))
        canvas.draw_part(part, bottom.style, BOTTOM, light)
    for detail in garment.details:
        detail = replace(detail, points=pose.bend(detail.points))
        canvas.draw_detail(detail, bottom.style, (BOTTOM, BOTTOM))


def draw_torso(canvas: PersonCanvas, person: Person, pose: ModelPose) -> None:
    """Draw bare torso and neck; skin below the neck has label 0.

    Args:
        canvas (PersonCanvas): Canvas to draw on, image (h, w, 3) BGR uint8.
        person (Person): Colours.
        pose (ModelPose): Pose of the person.
    """
    torso = pose.bend(close_symmetric(_TRUNK))
    canvas.fill_polygon(torso, person.skin, 0, edge_darkness=0.1, rim=False)
    canvas.mark_part(torso, PART_TORSO)
    neck = close_symmetric(NECK)
    upper = pose.place_head(neck[neck[:, 1] < 0])
    lower = pose.bend(neck[neck[:, 1] >= 0])
    half = len(upper) // 2
    neck = np.concatenate([upper[:half], lower, upper[half:]])
    canvas.fill_polygon(neck, person.skin, FACE, edge_darkness=0.0, rim=False)
    canvas.mark_part(neck, PART_TORSO)


def draw_head(canvas: PersonCanvas, person: Person, pose: ModelPose) -> None:
    """Draw head, face and hair, and mark the DensePose parts of the head.

    Args:
        canvas (PersonCanvas): Canvas to draw on, image (h, w, 3) BGR uint8.
        person (Person): Colours.
        pose (ModelPose): Pose of the person.
    """
    shift = 0.3 * pose.gaze

    def fill(points: np.ndarray, colour: Colour, label: int) -> None:
        canvas.fill_polygon(
            pose.place_head(points),
            colour,
            label,
            edge_darkness=0.15,
            rim=False,
        )

    fill(ellipse(0, -1.17, 0.55, 0.53), person.hair, HAIR)
    for side in (-1, 1):
        x = side * 0.45 + 0.1 * shift
        fill(ellipse(x, -0.88, 0.07, 0.12), person.skin, FACE)
    fill(ellipse(0, -0.92, 0.45, 0.6), person.skin, FACE)
    middle = np.array([(0.6 * shift, -0.4), (0.6 * shift, -1.75)])
    for side in (-1, 1):
        half = ellipse(0, -1.05, 0.5, 0.62, (-0.5, 0.5)) * (side, 1)
        outline = pose.place_head(np.concatenate([middle, half]))
        canvas.mark_part(outline, PART_HEAD[side])
    cap = np.concatenate(
        [ellipse(0, -1.15, 0.55, 0.55, (1, 2)), [(0.1 + shift, -1.3)]]
    )
    fill(cap, person.hair, HAIR)
    dark, white = (45, 40, 40), (235, 235, 235)
    shade = tuple(0.8 * v for v in person.skin)
    for x in (-0.18, 0.18):
        fill(ellipse(x + shift, -0.96, 0.085, 0.045), white, FACE)
        fill(ellipse(x + shift * 1.15, -0.96, 0.04, 0.045), dark, FACE)
        fill(ellipse(x + shift, -1.1, 0.11, 0.018), person.hair, FACE)
    fill(ellipse(1.25 * shift, -0.78, 0.05, 0.05), shade, FACE)
    fill(ellipse(1.1 * shift, -0.6, 0.13, 0.04), (95, 85, 180), FACE)


def draw_strands(
    canvas: PersonCanvas, person: Person, pose: ModelPose
) -> None:
    """Draw long hair in front of the shoulders.

    Args:
        canvas (PersonCanvas): Canvas to draw on, image (h, w, 3) BGR uint8.
        person (Person): Colour and length of the hair.
        pose (ModelPose): Pose of the person.
    """
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
        canvas.fill_polygon(
            pose.place_head(strand * (side, 1)),
            person.hair,
            HAIR,
            edge_darkness=0.2,
        )


def draw_sleeved_arm(
    canvas: PersonCanvas,
    person: Person,
    worn: WornTop,
    flat: FlatCloth,
    side: int,
    light: Light,
) -> None:
    """Draw the visible part of an arm and its sleeve.

    Args:
        canvas (PersonCanvas): Canvas to draw on, image (h, w, 3) BGR uint8.
        person (Person): Colours.
        worn (WornTop): The top on the person.
        flat (FlatCloth): Its flat image.
        side (int): -1: viewer's left; 1: right.
        light (Light): Folds and light of this image.
    """
    pose, top = worn.pose, worn.top
    arm = pose.arms[side > 0]
    if not top.has_sleeves:
        if arm.position == 'front':
            draw_arm(canvas, person, pose, side, 1.1)
        return
    sleeve = top.cut.sleeve
    draw_arm(canvas, person, pose, side, max(0.3, sleeve))
    piece = LEFT if side < 0 else RIGHT
    canvas.draw_cloth(worn.sleeve_meshes(side), flat, piece, light)
    if abs(arm.limb.lower - arm.limb.upper) > _FOLDED:
        draw_arm(canvas, person, pose, side, max(UPPER_ARM, sleeve))


def draw_person(
    canvas: PersonCanvas,
    person: Person,
    bottom: Bottom,
    worn: WornTop,
    flat: FlatCloth,
    light: Light,
) -> None:
    """Draw a person in a top and a bottom, from the back to the front.

    Args:
        canvas (PersonCanvas): Canvas with the background, (h, w, 3) BGR uint8.
        person (Person): Colours and hair.
        bottom (Bottom): Trousers, shorts or skirt.
        worn (WornTop): The top on the person, with the person's pose.
        flat (FlatCloth): Flat image of the top.
        light (Light): Folds and light of this image.
    """
    pose, tucked = worn.pose, worn.drape.tucked
    # The farther arm is drawn first.
    sides = (-1, 1) if pose.turn < 0 else (1, -1)
    behind = [s for s in sides if pose.arms[s > 0].position == 'behind']
    in_front = [s for s in sides if s not in behind]
    if person.long_hair:
        mane = np.array([(0.5, -1.2), (0.64, -0.5), (0.6, 0.35)])
        canvas.fill_polygon(
            pose.place_head(close_symmetric(mane)), person.hair, HAIR
        )
    draw_legs(canvas, person, pose)
    if not worn.top.has_sleeves:
        for side in sides:  # the top covers the shoulders
            draw_arm(canvas, person, pose, side, 0)
    for side in behind:
        mark_arm(canvas, pose, side)
    draw_torso(canvas, person, pose)
    for side in behind:
        draw_sleeved_arm(canvas, person, worn, flat, side, light)
    if not tucked:
        draw_bottom(canvas, bottom, pose, light)
    canvas.draw_cloth(worn.body_meshes(), flat, BODY, light)
    if tucked:
        draw_bottom(canvas, bottom, pose, light)
    draw_head(canvas, person, pose)
    if person.long_hair > 0.7:
        draw_strands(canvas, person, pose)
    for side in in_front:
        mark_arm(canvas, pose, side)
        draw_sleeved_arm(canvas, person, worn, flat, side, light)
