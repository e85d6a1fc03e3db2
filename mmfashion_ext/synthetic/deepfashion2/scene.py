# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""One picture of DeepFashion2: who wears what, how it is framed and lit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..drawing import backgrounds
from ..drawing.canvas import Canvas, Light, Warp, random_light, random_warp
from ..drawing.figure import HEAD_TOP, SOLE, Limb, Pose, random_limbs
from ..drawing.pattern import Cut, View
from ..drawing.person import (
    Person,
    draw_body,
    draw_head,
    draw_occluders,
    random_person,
)
from ..drawing.textures import Style, random_style
from ..garments.wardrobe import make_garment, random_cut, tuck
from .annotate import Worn, annotate

TOPS, BOTTOMS = (1, 2, 5, 6), (7, 8, 9)
OUTWEAR, DRESSES = (3, 4), (10, 11, 12, 13)

#: How often a category is what a picture is about, relative to the others.
#: Tops and bottoms also come with others, so that all 13 are seen about
#: equally often.
MAIN_SHARES = (
    dict.fromkeys(TOPS, 2)
    | dict.fromkeys(BOTTOMS, 2)
    | dict.fromkeys(OUTWEAR, 4)
    | dict.fromkeys(DRESSES, 5)
)


@dataclass(frozen=True)
class Item:
    """A garment as a thing: what it is, how it is cut, how it looks.

    Attributes:
        category (int): 1..13.
        cut (Cut): Its pattern.
        style (Style): Its look.
        number (int): ``style`` of the annotation; 0: part of no pair.
    """

    category: int
    cut: Cut
    style: Style
    number: int = 0


@dataclass(frozen=True)
class Shot:
    """Decisions about one picture.

    Attributes:
        source (str): ``user`` or ``shop``.
        view (str): ``front``, ``back`` or ``flat`` (not worn).
        turn (float): Radians the wearer is turned away, 0 facing.
        framing (str): ``figure`` (head to toe), ``garment`` (the main item
            fills the frame) or ``crop`` (it goes beyond the frame).
        zoom (tuple[float, float]): Least and greatest size of a cropped item
            relative to the frame.
        shift (float): How far from the middle the item may be; 1 puts its
            edge on that of the frame.
    """

    source: Literal['user', 'shop']
    view: View
    turn: float
    framing: Literal['figure', 'garment', 'crop']
    zoom: tuple[float, float] = (1.0, 1.4)
    shift: float = 0.8


def random_item(rng: np.random.Generator, categories: Sequence[int]) -> Item:
    """An item of one of the categories, part of no pair."""
    category = int(rng.choice(categories))
    cut = random_cut(category, rng)
    return Item(category, cut, random_style(rng, category))


def random_shot(
    rng: np.random.Generator, source: Literal['user', 'shop'], clean: bool
) -> Shot:
    """Draw view and framing about as often as DeepFashion2 has them."""
    user = source == 'user'
    if clean:
        framing = str(rng.choice(['figure', 'garment']))
        return Shot(source, 'front', rng.uniform(0, 0.15), framing)
    kind = rng.random()
    view, turn = 'front', rng.uniform(0, 0.25)
    if kind < (0.07 if user else 0.3):
        view, turn = 'flat', 0.0
    elif kind < (0.2 if user else 0.43):
        view = 'back'
    elif kind < (0.29 if user else 0.52):
        turn = rng.uniform(0.8, 1.1)
    framing = str(
        rng.choice(['figure', 'garment', 'crop'], p=[0.4, 0.45, 0.15])
    )
    if view == 'flat':
        framing = 'garment'
    return Shot(source, view, turn, framing)


def _dress(
    rng: np.random.Generator, mains: Sequence[Item], shot: Shot, clean: bool
) -> list[Item]:
    """Complete an outfit around its main items, innermost first."""
    if shot.view == 'flat':
        return list(mains)
    items = list(mains)
    kinds = {item.category for item in items}
    covered = kinds & set(DRESSES)
    if kinds & set(OUTWEAR) and not covered and not kinds & set(TOPS):
        inner = TOPS if 4 in kinds else (1, 5, 6)
        items.insert(0, random_item(rng, inner))
    elif not kinds & {*TOPS, *DRESSES, *OUTWEAR}:
        items.append(random_item(rng, TOPS))
    if not covered and not kinds & set(BOTTOMS):
        items.append(random_item(rng, BOTTOMS))
    # From behind, outwear would hide what the picture is about.
    layered = not clean and shot.view == 'front' and rng.random() < 0.1
    if layered and not kinds & set(OUTWEAR):
        items.append(random_item(rng, OUTWEAR))
    tucked = rng.random() < 0.4
    if tucked:
        items = [
            replace(item, cut=tuck(item.category, item.cut))
            if item.category in TOPS
            else item
            for item in items
        ]

    def layer(item: Item) -> int:
        if item.category in OUTWEAR:
            return 3
        return 2 if (item.category in BOTTOMS) == tucked else 1

    return sorted(items, key=layer)


def _camera(
    rng: np.random.Generator,
    shot: Shot,
    bounds: np.ndarray,
    size: tuple[int, int],
) -> np.ndarray:
    """Affine map from body space to the picture.

    Args:
        rng (np.random.Generator): Source of chance.
        shot (Shot): Framing and turn.
        bounds (np.ndarray): (2, 2) lower and upper x, y of the main items.
        size (tuple[int, int]): (w, h) of the picture.

    Returns:
        np.ndarray: (2, 3).
    """
    user = shot.source == 'user'
    narrow = np.cos(shot.turn)
    low, high = bounds * (narrow, 1)
    if shot.framing == 'figure':
        low = np.array([low[0], HEAD_TOP])
        high = np.array([high[0], SOLE])
        fill = rng.uniform(0.6, 1.0)
    elif shot.framing == 'garment':
        fill = rng.uniform(0.6, 0.97)
    else:
        fill = rng.uniform(*shot.zoom)
    extent = high - low
    scale = fill * np.min(np.array(size) / extent)
    angle = rng.normal(0, 0.09 if user else 0.025)
    if shot.view == 'flat' and user:
        angle = rng.normal(0, 0.3)
    cos, sin = np.cos(angle), np.sin(angle)
    shear = rng.normal(0, 0.06 if user else 0.02)
    linear = np.array([[cos, -sin], [sin, cos]]) @ [[narrow, shear], [0, 1]]
    linear = linear * scale
    room = np.abs(np.array(size) - extent * scale) / 2
    offset = room * rng.uniform(-shot.shift, shot.shift, 2)
    centre = np.array(size) / 2 + offset
    middle = bounds.mean(0)
    if shot.framing == 'figure':
        middle = np.array([middle[0], 0.5 * (HEAD_TOP + SOLE)])
    return np.concatenate([linear, (centre - linear @ middle)[:, None]], 1)


def _background(
    rng: np.random.Generator, shot: Shot, size: tuple[int, int]
) -> np.ndarray:
    w, h = size
    if shot.view == 'flat':
        paint = backgrounds.surface
    elif shot.source == 'shop':
        paint = backgrounds.studio if rng.random() < 0.75 else backgrounds.room
    else:
        paint = backgrounds.room if rng.random() < 0.55 else backgrounds.street
    return paint(rng, h, w)


def _flat_pose(rng: np.random.Generator) -> Pose:
    """Sleeves and legs spread on a table."""
    arms = [Limb(a, a - rng.uniform(0, 0.3)) for a in rng.uniform(0.45, 1, 2)]
    legs = [Limb(a, a) for a in rng.uniform(0.05, 0.14, 2)]
    return Pose(tuple(arms), tuple(legs))


def _draw_items(
    canvas: Canvas, items: Sequence[Item], shot: Shot, pose: Pose, light: Light
) -> list[Worn]:
    """Draw the clothes, innermost first."""
    worn = []
    for index, item in enumerate(items):
        garment = make_garment(item.category, item.cut, pose, shot.view)
        parts = garment.parts
        if shot.turn > 0.5 and any(p.piece == 'limb' for p in parts):
            # The far sleeve disappears behind the body.
            far = [p.piece for p in parts].index('limb')
            parts = [parts[far], *parts[:far], *parts[far + 1 :]]
        first = 1 + 16 * index
        masks = [
            canvas.cloth(part, item.style, first + k, light)
            for k, part in enumerate(parts)
        ]
        for detail in garment.details:
            canvas.detail(detail, item.style, (first, first + len(parts) - 1))
        worn.append(
            Worn(
                item.category,
                item.number,
                canvas.warp(garment.landmarks),
                [part.landmarks for part in parts],
                [part.piece for part in parts],
                masks,
                first,
            )
        )
    return worn


def _size(rng: np.random.Generator, size: int) -> tuple[int, int]:
    """(w, h) with the longer side given; most pictures are upright."""
    short = int(size * rng.choice([0.67, 0.75, 0.8, 1.0]))
    return (size, short) if rng.random() < 0.04 else (short, size)


def render(
    rng: np.random.Generator,
    source: Literal['user', 'shop'],
    mains: Sequence[Item],
    size: int,
    clean: bool = False,
    wanted: Shot | None = None,
) -> tuple[np.ndarray, dict, list[Worn]]:
    """Take one picture.

    Args:
        rng (np.random.Generator): The picture's own source of chance.
        source (str): ``user`` or ``shop``.
        mains (Sequence[Item]): What it is about; one item or an outfit.
        size (int): Longer side in pixels.
        clean (bool): From the front, whole, with nothing before the clothes.
        wanted (Shot, optional): View and framing. Default: drawn by chance,
            and again if the picture does not show what it is about.

    Returns:
        tuple[np.ndarray, dict, list[Worn]]: BGR uint8 picture, its items,
        ``item1`` and so on as in the raw annotation files, and all clothes
        as they were drawn: they know landmarks outside the picture too.
    """
    user = source == 'user'
    picture = _size(rng, size)
    shot = wanted or random_shot(rng, source, clean)
    if len(mains) > 1 and shot.view == 'flat':
        shot = Shot(source, 'front', 0.1, 'garment')
    flat = shot.view == 'flat'
    items = _dress(rng, mains, shot, clean)
    pose = _flat_pose(rng) if flat else random_limbs(rng, 1.0 if user else 0.3)
    garments = [
        make_garment(item.category, item.cut, pose, shot.view)
        for item in mains
    ]
    points = np.concatenate([g.outline for g in garments])
    points = np.concatenate([points, *(g.landmarks for g in garments)])
    bounds = np.stack([points.min(0), points.max(0)])
    matrix = _camera(rng, shot, bounds, picture)
    warp: Warp = random_warp(rng, matrix, 0.16 if user else 0.07)
    canvas = Canvas(_background(rng, shot, picture), warp)
    light = random_light(rng, 1.0 if user else 0.6)
    person: Person = random_person(rng, shot.view == 'back', shot.turn)
    if not flat:
        draw_body(canvas, person, pose)
    worn = _draw_items(canvas, items, shot, pose, light)
    if not flat:
        draw_head(canvas, person)
    if not flat and not clean:
        draw_occluders(rng, canvas, person, pose, user)
    viewpoint = 1 if flat else 2 if shot.view == 'front' else 3
    if shot.turn > 0.5:
        viewpoint = 3
    annotation = annotate(canvas, worn, viewpoint)
    seen = {item['category_id'] for item in annotation.values()}
    lacking = not {item.category for item in mains} <= seen
    if lacking and not clean and not wanted:
        # Too close, or hidden: a picture must show what it is about.
        return render(rng, source, mains, size, clean=True)
    image = canvas.image
    if user:
        image = backgrounds.snapshot(rng, image)
    return image, annotation, worn
