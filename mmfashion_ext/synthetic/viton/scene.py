# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Render a person in a top: image, parse map, DensePose, joints and flow."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ...formats.viton.constants import NOISE, UPPER_CLOTHES
from ..drawing.canvas import random_light
from ..drawing.pattern import SHORTS, SKIRT, TROUSERS
from ..drawing.person import Person, random_person
from ..drawing.textures import random_style
from ..drawing.warp import random_warp
from ..garments.factory import random_cut
from .garment import FlatCloth, Top
from .person import Bottom, draw_person
from .person_canvas import PersonCanvas
from .pose import ModelPose, random_model_pose
from .worn_top import Drape, WornTop, random_drape

#: Pixels of the drawing per pixel of the image, along each side. Pixel i of
#: the image has the centre of pixel ``OVERSAMPLING * i`` of the drawing.
OVERSAMPLING = 2


@dataclass(frozen=True)
class Scene:
    """A person in front of the camera, without the top.

    Attributes:
        person (Person): Appearance of the person.
        pose (ModelPose): Pose of the person.
        bottom (Bottom): Trousers, shorts or skirt.
        matrix (np.ndarray): (2, 3) affine map from body units to an image of
            height 1 and width 0.75.
        drape (Drape): How the top hangs.
        noisy (bool): Whether a spot of the top is labelled as noise.
        seed (int): Seed of light, warp and background.
    """

    person: Person
    pose: ModelPose
    bottom: Bottom
    matrix: np.ndarray
    drape: Drape
    noisy: bool
    seed: int


@dataclass(frozen=True)
class Sample:
    """Image of a person and its annotations.

    Attributes:
        image (np.ndarray): (h, w, 3) BGR uint8.
        parse_map (np.ndarray): (h, w) uint8, labels of VITON.
        densepose (np.ndarray): (h, w) uint8, parts of DensePose; 0: none.
        joints (np.ndarray): (18, 3) x, y in px and confidence; all 0 if
            absent.
        flow (np.ndarray): (h, w, 2) float32 x, y in px of the flat image,
            NaN where the top is not visible.
    """

    image: np.ndarray
    parse_map: np.ndarray
    densepose: np.ndarray
    joints: np.ndarray
    flow: np.ndarray


def drawing_size(size: int) -> tuple[int, int]:
    """Return the size of the drawing of an image.

    Args:
        size (int): Height of the image, px; its width is three quarters of it.

    Returns:
        tuple[int, int]: (h, w) of the drawing, px.
    """
    return OVERSAMPLING * size, OVERSAMPLING * (size * 3 // 4)


def downsample(drawing: np.ndarray) -> np.ndarray:
    """Reduce a drawing to an image of half its size, anti-aliased.

    Args:
        drawing (np.ndarray): (2h, 2w, 3) or (2h, 2w) uint8.

    Returns:
        np.ndarray: (h, w, 3) or (h, w) uint8.
    """
    soft = cv2.GaussianBlur(drawing, (3, 3), 0.85)  # 1/4, 1/2, 1/4
    return np.ascontiguousarray(soft[::OVERSAMPLING, ::OVERSAMPLING])


def random_scene(rng: np.random.Generator) -> Scene:
    """Sample a person, a pose, a bottom and how the top will hang.

    Args:
        rng (np.random.Generator): Source of randomness.

    Returns:
        Scene: With a (2, 3) matrix; eight in a hundred show the person down
        to the shoes.
    """
    person = random_person(rng, from_behind=False, turn=0.0)
    pose = random_model_pose(rng)
    category = int(rng.choice([SHORTS, TROUSERS, SKIRT], p=[0.12, 0.66, 0.22]))
    bottom = Bottom(
        category, random_cut(category, rng), random_style(rng, category)
    )
    whole = rng.random() < 0.08  # down to the shoes
    scale = rng.uniform(0.1, 0.105) if whole else rng.uniform(0.135, 0.17)
    x = 0.375 + rng.uniform(-0.03, 0.03)
    y = rng.uniform(0.02, 0.06) + 1.72 * scale
    return Scene(
        person,
        pose,
        bottom,
        np.array([[scale, 0, x], [0, scale, y]]),
        random_drape(rng),
        bool(rng.random() < 0.3),
        int(rng.integers(2**31)),
    )


def _background(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Draw a pale backdrop, (h, w, 3) BGR uint8."""
    tone = rng.uniform(228, 255) - rng.uniform(0, 5, 3)
    ramp = np.linspace(0, rng.uniform(-14, 0), 16)[:, None, None]
    slope = np.linspace(-1, 1, 16)[:, None] * rng.uniform(-5, 5)
    small = np.clip(tone + ramp + slope, 0, 255).astype(np.uint8)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)


def draw_scene(scene: Scene, top: Top, flat: FlatCloth) -> Sample:
    """Render a person in a top.

    Args:
        scene (Scene): The person.
        top (Top): The top.
        flat (FlatCloth): Drawing of the flat top, as large as that of the
            person: ``OVERSAMPLING`` times the image.

    Returns:
        Sample: (h, w, 3) BGR uint8 image and its annotations.
    """
    rng = np.random.default_rng(scene.seed)
    k = OVERSAMPLING
    shape = flat.mask.shape
    matrix = scene.matrix * (shape[0] / k)
    matrix[:, 2] -= 0.5  # from corners to centres of pixels
    warp = random_warp(rng, matrix * k, 0.12)
    light = replace(
        random_light(rng, 0.4), edge_darkness=rng.uniform(0.06, 0.14)
    )
    canvas = PersonCanvas(_background(rng, shape), warp)
    worn = WornTop(top, scene.drape, scene.pose)
    draw_person(canvas, scene.person, scene.bottom, worn, flat, light)
    parse_map, densepose, flow = (
        array[::k, ::k].copy()
        for array in (canvas.layers, canvas.densepose, canvas.flow)
    )
    flow /= k
    flow[parse_map != UPPER_CLOTHES] = np.nan
    if scene.noisy:
        _add_noise(rng, parse_map)
    joints = warp(scene.pose.joints()) / k
    height, width = parse_map.shape
    inside = ((joints > 1) & (joints < (width - 1, height - 1))).all(1)
    joints = np.column_stack([joints, rng.uniform(0.6, 0.95, 18)])
    joints[~inside] = 0
    image = downsample(canvas.image)
    return Sample(image, parse_map, densepose, joints, flow)


def _add_noise(rng: np.random.Generator, label: np.ndarray) -> None:
    """Label a spot of the top as noise, in place; label is (h, w) uint8."""
    rows, columns = np.nonzero(label == UPPER_CLOTHES)
    if not len(rows):
        return
    at = int(rng.integers(len(rows)))
    centre = int(columns[at]), int(rows[at])
    axes = 1 + np.round(rng.uniform(0.015, 0.05, 2) * len(label)).astype(int)
    blob = np.zeros_like(label)
    turn = float(rng.uniform(0, 180))
    cv2.ellipse(blob, centre, axes.tolist(), turn, 0, 360, 1, -1)
    label[(blob > 0) & (label == UPPER_CLOTHES)] = NOISE
