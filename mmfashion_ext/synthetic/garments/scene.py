# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Images of a person in an outfit, or of clothes laid flat, with annotations.

Shared by the generators of DeepFashion2 and FLD.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np

from ..drawing import backgrounds
from ..drawing.canvas import Canvas, Light, random_light
from ..drawing.figure import HEAD_TOP, SOLE, Limb, Pose, random_pose
from ..drawing.pattern import Cut, View
from ..drawing.person import (
    draw_body,
    draw_head,
    draw_occluders,
    random_person,
)
from ..drawing.photographs import GarmentPhotos
from ..drawing.textures import Style, random_style
from ..drawing.warp import random_warp
from .annotate import DrawnGarment, annotate
from .factory import make_garment, random_cut, tuck

JPEG_QUALITY = 92
MIN_SIZE = 64  # px, longer side of an image

TOPS, BOTTOMS = (1, 2, 5, 6), (7, 8, 9)  # categories
OUTWEAR, DRESSES = (3, 4), (10, 11, 12, 13)

#: Category -> how often it is the main garment of an image, relative to the
#: others. Tops and bottoms also complete the outfits of others, so that all 13
#: are seen about equally often.
CATEGORY_WEIGHTS = (
    dict.fromkeys(TOPS, 2)
    | dict.fromkeys(BOTTOMS, 2)
    | dict.fromkeys(OUTWEAR, 4)
    | dict.fromkeys(DRESSES, 5)
)


Source = Literal['user', 'shop']
Framing = Literal['figure', 'garment', 'crop']


@dataclass(frozen=True)
class GarmentSpec:
    """Specification of a garment: category, measurements, style.

    Attributes:
        category (int): DeepFashion2 category, 1..13.
        cut (Cut): Measurements and details.
        style (Style): Colours and pattern.
        style_id (int): ``style`` of the annotation; 0: not part of a pair.
    """

    category: int
    cut: Cut
    style: Style
    style_id: int = 0


@dataclass(frozen=True)
class Shot:
    """View and framing of an image.

    Attributes:
        source (str): ``user`` or ``shop``.
        view (str): ``front``, ``back`` or ``flat`` (not worn).
        turn (float): Turn of the wearer to a side, radians; 0: facing.
        framing (str): ``figure`` (head to toe), ``garment`` (the main garment
            fills the frame) or ``crop`` (it extends beyond the frame).
        zoom (tuple[float, float]): Least and greatest size of a cropped
            garment, relative to the frame.
        shift (float): How far from the middle the garment may be; 1 puts its
            edge on that of the frame.
    """

    source: Source
    view: View
    turn: float
    framing: Framing
    zoom: tuple[float, float] = (1.0, 1.4)
    shift: float = 0.8


def random_garment_spec(
    rng: np.random.Generator,
    categories: Sequence[int],
    photos: GarmentPhotos | None = None,
) -> GarmentSpec:
    """Sample a garment that is not part of a pair.

    Args:
        rng (np.random.Generator): Source of randomness.
        categories (Sequence[int]): Categories to choose from, 1..13.
        photos (GarmentPhotos, optional): Photographs to cut cloth from.

    Returns:
        GarmentSpec: With style id 0.
    """
    category = int(rng.choice(categories))
    cut = random_cut(category, rng)
    style = random_style(rng, category)
    if photos:
        style = photos.style(rng, category, style)
    return GarmentSpec(category, cut, style)


def random_shot(rng: np.random.Generator, source: Source, clean: bool) -> Shot:
    """Sample view and framing about as often as DeepFashion2 has them.

    Args:
        rng (np.random.Generator): Source of randomness.
        source (str): ``user`` or ``shop``.
        clean (bool): Frontal and not cropped.

    Returns:
        Shot: View and framing.
    """
    user = source == 'user'
    if clean:
        framing = cast('Framing', str(rng.choice(['figure', 'garment'])))
        return Shot(source, 'front', rng.uniform(0, 0.15), framing)
    chance = rng.random()
    view: View = 'front'
    turn = rng.uniform(0, 0.25)
    if chance < (0.07 if user else 0.3):
        view, turn = 'flat', 0.0
    elif chance < (0.2 if user else 0.43):
        view = 'back'
    elif chance < (0.29 if user else 0.52):
        turn = rng.uniform(0.8, 1.1)
    framings = ['figure', 'garment', 'crop']
    framing = cast('Framing', str(rng.choice(framings, p=[0.4, 0.45, 0.15])))
    if view == 'flat':
        framing = 'garment'
    return Shot(source, view, turn, framing)


def _dress(
    rng: np.random.Generator,
    mains: Sequence[GarmentSpec],
    shot: Shot,
    clean: bool,
    photos: GarmentPhotos | None,
) -> list[GarmentSpec]:
    """Complete an outfit around its main garments, innermost first."""
    if shot.view == 'flat':
        return list(mains)
    specs = list(mains)
    categories = {spec.category for spec in specs}
    dressed = categories & set(DRESSES)
    if (
        categories & set(OUTWEAR)
        and not dressed
        and not categories & set(TOPS)
    ):
        inner = TOPS if 4 in categories else (1, 5, 6)
        specs.insert(0, random_garment_spec(rng, inner, photos))
    elif not categories & {*TOPS, *DRESSES, *OUTWEAR}:
        specs.append(random_garment_spec(rng, TOPS, photos))
    if not dressed and not categories & set(BOTTOMS):
        specs.append(random_garment_spec(rng, BOTTOMS, photos))
    # From behind, outwear would hide the main garment.
    layered = not clean and shot.view == 'front' and rng.random() < 0.1
    if layered and not categories & set(OUTWEAR):
        specs.append(random_garment_spec(rng, OUTWEAR, photos))
    tucked = rng.random() < 0.4
    if tucked:
        specs = [
            replace(spec, cut=tuck(spec.category, spec.cut))
            if spec.category in TOPS
            else spec
            for spec in specs
        ]

    def depth(spec: GarmentSpec) -> int:
        if spec.category in OUTWEAR:
            return 3
        return 2 if (spec.category in BOTTOMS) == tucked else 1

    return sorted(specs, key=depth)


def _camera(
    rng: np.random.Generator,
    shot: Shot,
    bounds: np.ndarray,
    size: tuple[int, int],
) -> np.ndarray:
    """Sample the affine map from body space to the image.

    Args:
        rng (np.random.Generator): Source of randomness.
        shot (Shot): Framing and turn.
        bounds (np.ndarray): (2, 2) least and greatest x, y of the main
            garments, body units.
        size (tuple[int, int]): (w, h) of the image, px.

    Returns:
        np.ndarray: (2, 3), from body units to px.
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
    rng: np.random.Generator,
    shot: Shot,
    size: tuple[int, int],
    photos: GarmentPhotos | None,
) -> np.ndarray:
    """Draw a background that fits view and source, (h, w, 3) BGR uint8."""
    w, h = size
    if photos and (shot.view == 'flat' or shot.source == 'user'):
        photographed = photos.background(rng, h, w)
        if photographed is not None:
            return photographed
    if shot.view == 'flat':
        paint = backgrounds.surface
    elif shot.source == 'shop':
        paint = backgrounds.studio if rng.random() < 0.75 else backgrounds.room
    else:
        paint = backgrounds.room if rng.random() < 0.55 else backgrounds.street
    return paint(rng, h, w)


def _flat_pose(rng: np.random.Generator) -> Pose:
    """Sample sleeves and legs spread on a table."""
    arms = [Limb(a, a - rng.uniform(0, 0.3)) for a in rng.uniform(0.45, 1, 2)]
    legs = [Limb(a, a) for a in rng.uniform(0.05, 0.14, 2)]
    return Pose((arms[0], arms[1]), (legs[0], legs[1]))


def _draw_garments(
    canvas: Canvas,
    specs: Sequence[GarmentSpec],
    shot: Shot,
    pose: Pose,
    light: Light,
) -> list[DrawnGarment]:
    """Draw the clothes, innermost first."""
    drawn = []
    for index, spec in enumerate(specs):
        garment = make_garment(spec.category, spec.cut, pose, shot.view)
        parts = garment.parts
        if shot.turn > 0.5 and any(p.kind == 'limb' for p in parts):
            # The farther sleeve disappears behind the body.
            sleeve = [p.kind for p in parts].index('limb')
            parts = [parts[sleeve], *parts[:sleeve], *parts[sleeve + 1 :]]
        first = 1 + 16 * index
        masks = [
            canvas.draw_part(part, spec.style, first + k, light)
            for k, part in enumerate(parts)
        ]
        for detail in garment.details:
            canvas.draw_detail(
                detail, spec.style, (first, first + len(parts) - 1)
            )
        drawn.append(
            DrawnGarment(
                spec.category,
                spec.style_id,
                canvas.warp(garment.landmarks),
                [part.landmarks for part in parts],
                [part.kind for part in parts],
                masks,
                first,
            )
        )
    return drawn


def _bounds(
    specs: Sequence[GarmentSpec], pose: Pose, view: View
) -> np.ndarray:
    """Return (2, 2) least and greatest x, y of garments, body units."""
    garments = [
        make_garment(spec.category, spec.cut, pose, view) for spec in specs
    ]
    points = np.concatenate([g.outline for g in garments])
    points = np.concatenate([points, *(g.landmarks for g in garments)])
    return np.stack([points.min(0), points.max(0)])


def _size(rng: np.random.Generator, size: int) -> tuple[int, int]:
    """Sample (w, h), px, of a given longer side; most images are upright."""
    short = int(size * rng.choice([0.67, 0.75, 0.8, 1.0]))
    return (size, short) if rng.random() < 0.04 else (short, size)


def render_image(
    rng: np.random.Generator,
    source: Source,
    mains: Sequence[GarmentSpec],
    size: int,
    clean: bool = False,
    shot: Shot | None = None,
    photos: GarmentPhotos | None = None,
) -> tuple[np.ndarray, dict, list[DrawnGarment]]:
    """Render an image of an outfit or of clothes laid flat.

    Args:
        rng (np.random.Generator): Source of randomness of this image alone.
        source (str): ``user`` or ``shop``.
        mains (Sequence[GarmentSpec]): Main garments, one or an outfit; others
            are added to complete it.
        size (int): Longer side of the image, px.
        clean (bool): Frontal and whole, with nothing before the clothes.
            Defaults to False.
        shot (Shot, optional): View and framing. None: sampled, and replaced
            by a clean one if the image does not show all main garments.
        photos (GarmentPhotos, optional): Photographs that cloth of other
            garments and the background are cut from, as often as not.

    Returns:
        tuple[np.ndarray, dict, list[DrawnGarment]]: (h, w, 3) BGR uint8
        image; its items, ``item1`` and so on as in a raw annotation file; and
        all garments as drawn, whose landmarks may lie outside the image.
    """
    user, given = source == 'user', shot is not None
    image_size = _size(rng, size)
    shot = shot or random_shot(rng, source, clean)
    if len(mains) > 1 and shot.view == 'flat':
        shot = Shot(source, 'front', 0.1, 'garment')
    flat = shot.view == 'flat'
    specs = _dress(rng, mains, shot, clean, photos)
    pose = _flat_pose(rng) if flat else random_pose(rng, 1.0 if user else 0.3)
    matrix = _camera(rng, shot, _bounds(mains, pose, shot.view), image_size)
    warp = random_warp(rng, matrix, 0.16 if user else 0.07)
    canvas = Canvas(_background(rng, shot, image_size, photos), warp)
    light = random_light(rng, 1.0 if user else 0.6)
    person = random_person(rng, shot.view == 'back', shot.turn)
    if not flat:
        draw_body(canvas, person, pose)
    drawn = _draw_garments(canvas, specs, shot, pose, light)
    if not flat:
        draw_head(canvas, person)
    if not flat and not clean:
        draw_occluders(rng, canvas, person, pose, user)
    viewpoint = 1 if flat else 2 if shot.view == 'front' else 3
    if shot.turn > 0.5:
        viewpoint = 3
    annotation = annotate(canvas, drawn, viewpoint)
    visible = {item['category_id'] for item in annotation.values()}
    complete = {spec.category for spec in mains} <= visible
    if not complete and not clean and not given:
        # Too close, or hidden: an image must show its main garments.
        return render_image(rng, source, mains, size, True, photos=photos)
    image = canvas.image
    if user:
        image = backgrounds.simulate_phone_photo(rng, image)
    return image, annotation, drawn
