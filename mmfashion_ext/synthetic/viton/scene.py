# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A model photographed in a top, with everything that is known of it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ...formats.viton.constants import NOISE, UPPER_CLOTHES
from ..drawing.canvas import random_light, random_warp
from ..drawing.pattern import SHORTS, SKIRT, TROUSERS
from ..drawing.person import Person, random_person
from ..drawing.textures import random_style
from ..garments.wardrobe import random_cut
from .figure import Stance, random_stance
from .garment import Flat, Top
from .model import Model
from .person import Outfit, draw_model
from .worn import Drape, random_drape

#: Pixels of a drawing a pixel of the picture, along each side: pixel i of the
#: picture has the centre of pixel ``OVERSAMPLING * i`` of the drawing.
OVERSAMPLING = 2


@dataclass(frozen=True)
class Scene:
    """A model in front of the camera.

    Attributes:
        person (Person): Looks.
        stance (Stance): Pose.
        outfit (Outfit): What is worn besides the top.
        matrix (np.ndarray): (2, 3) from body space to a picture 1 high and
            0.75 wide.
        drape (Drape): How the top hangs.
        noisy (bool): Whether a part of the top is labelled as noise.
        seed (int): Of light, warp and background.
    """

    person: Person
    stance: Stance
    outfit: Outfit
    matrix: np.ndarray
    drape: Drape
    noisy: bool
    seed: int


@dataclass(frozen=True)
class Sample:
    """A person's picture and all that belongs to it.

    Attributes:
        image (np.ndarray): (h, w, 3) BGR uint8.
        label (np.ndarray): (h, w) uint8, parse map.
        parts (np.ndarray): (h, w) uint8, DensePose's parts.
        joints (np.ndarray): (18, 3) x, y in px and confidence; 0 if absent.
        flow (np.ndarray): (h, w, 2) float32 x, y in px of the flat picture,
            NaN where the top is not seen.
    """

    image: np.ndarray
    label: np.ndarray
    parts: np.ndarray
    joints: np.ndarray
    flow: np.ndarray


def drawing_size(size: int) -> tuple[int, int]:
    """(h, w) px of the drawing of a picture ``size`` px high."""
    return OVERSAMPLING * size, OVERSAMPLING * (size * 3 // 4)


def shrink(drawing: np.ndarray) -> np.ndarray:
    """The picture of a (h, w[, 3]) uint8 drawing."""
    soft = cv2.GaussianBlur(drawing, (3, 3), 0.85)  # 1/4, 1/2, 1/4
    return np.ascontiguousarray(soft[::OVERSAMPLING, ::OVERSAMPLING])


def random_scene(rng: np.random.Generator) -> Scene:
    """Draw a model."""
    person = random_person(rng, away=False, turn=0.0)
    stance = random_stance(rng)
    category = int(rng.choice([SHORTS, TROUSERS, SKIRT], p=[0.12, 0.66, 0.22]))
    outfit = Outfit(
        category, random_cut(category, rng), random_style(rng, category)
    )
    whole = rng.random() < 0.08  # seen down to the shoes
    scale = rng.uniform(0.1, 0.105) if whole else rng.uniform(0.135, 0.17)
    x = 0.375 + rng.uniform(-0.03, 0.03)
    y = rng.uniform(0.02, 0.06) + 1.72 * scale
    return Scene(
        person,
        stance,
        outfit,
        np.array([[scale, 0, x], [0, scale, y]]),
        random_drape(rng),
        bool(rng.random() < 0.3),
        int(rng.integers(2**31)),
    )


def _background(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A pale backdrop, (h, w, 3) uint8."""
    tone = rng.uniform(228, 255) - rng.uniform(0, 5, 3)
    ramp = np.linspace(0, rng.uniform(-14, 0), 16)[:, None, None]
    slope = np.linspace(-1, 1, 16)[:, None] * rng.uniform(-5, 5)
    small = np.clip(tone + ramp + slope, 0, 255).astype(np.uint8)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)


def draw_scene(scene: Scene, top: Top, flat: Flat) -> Sample:
    """Photograph a model in a top.

    Args:
        scene (Scene): The model.
        top (Top): What is worn.
        flat (Flat): Its flat drawing; the model's is as large.
    """
    rng = np.random.default_rng(scene.seed)
    k = OVERSAMPLING
    shape = flat.cover.shape
    matrix = scene.matrix * (shape[0] / k)
    matrix[:, 2] -= 0.5  # from corners to centres of pixels
    warp = random_warp(rng, matrix * k, 0.12)
    light = replace(random_light(rng, 0.4), volume=rng.uniform(0.06, 0.14))
    model = Model(_background(rng, shape), warp)
    draw_model(
        model,
        scene.person,
        scene.stance,
        scene.outfit,
        (top, scene.drape, flat),
        light,
    )
    label, parts, flow = (
        array[::k, ::k].copy()
        for array in (model.owner, model.parts, model.flow)
    )
    flow /= k
    flow[label != UPPER_CLOTHES] = np.nan
    if scene.noisy:
        _add_noise(rng, label)
    joints = warp(scene.stance.joints()) / k
    height, width = label.shape
    seen = ((joints > 1) & (joints < (width - 1, height - 1))).all(1)
    joints = np.column_stack([joints, rng.uniform(0.6, 0.95, 18)])
    joints[~seen] = 0
    return Sample(shrink(model.image), label, parts, joints, flow)


def _add_noise(rng: np.random.Generator, label: np.ndarray) -> None:
    """Label a blob of the top as noise."""
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
