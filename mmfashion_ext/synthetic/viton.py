# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A look-alike of VITON as PF-AFN takes it, and the truth of the warp.

::

    OUT/VITON_traindata/train_{img,color,edge,label,pose,densepose,flow}
    OUT/VITON_test/test_{img,clothes,edge,label,pose,densepose,flow}
    OUT/VITON_test/test_pairs.txt  test_pairs_paired.txt

Persons are ``000001_0.jpg``, their clothes ``000001_1.jpg``.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from .drawing import random_light, random_warp
from .garments import SHORTS, SKIRT, TROUSERS
from .output import UsageError, check_at_least, new_folder, one_thread
from .person import Person, random_person
from .textures import random_style
from .viton_figure import Stance, random_stance
from .viton_garment import (
    Drape,
    Flat,
    Top,
    draw_flat,
    random_drape,
    random_top,
)
from .viton_person import NOISE, UPPER, Model, Outfit, draw_model
from .wardrobe import random_cut

TRAIN, TEST = 'VITON_traindata', 'VITON_test'
CONTENTS = (TRAIN, TEST)
#: Folders of a split: person, cloth, cloth mask, then what belongs to the
#: person.
FOLDERS = {
    TRAIN: {'img': 'train_img', 'cloth': 'train_color', 'edge': 'train_edge'},
    TEST: {'img': 'test_img', 'cloth': 'test_clothes', 'edge': 'test_edge'},
}
for _split, _name in ((TRAIN, 'train'), (TEST, 'test')):
    for _kind in ('label', 'pose', 'densepose', 'flow'):
        FOLDERS[_split][_kind] = f'{_name}_{_kind}'
MIN_SIZE = 64
JPEG_QUALITY = 95
#: Pixels of the drawing a pixel of the picture, along each side. Odd, so that
#: the centre of a pixel is the centre of one of the drawing.
OVERSAMPLING = 3


@dataclass(frozen=True)
class Scene:
    """A model in front of the camera.

    Attributes:
        person (Person), stance (Stance), outfit (Outfit): Who.
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


def random_scene(rng: np.random.Generator) -> Scene:
    """Draw a model."""
    person = random_person(rng, away=False, turn=0.0)
    stance = random_stance(rng)
    category = int(rng.choice([SHORTS, TROUSERS, SKIRT], p=[0.12, 0.66, 0.22]))
    outfit = Outfit(
        category,
        random_cut(category, rng),
        random_style(rng, category),
        bool(rng.random() < 0.3),
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
    ramp = np.linspace(0, rng.uniform(-14, 0), size[0])[:, None, None]
    slope = np.linspace(-1, 1, size[1])[:, None] * rng.uniform(-5, 5)
    return np.clip(tone + ramp + slope, 0, 255).astype(np.uint8)


def draw_scene(scene: Scene, top: Top, flat: Flat, size: int) -> Sample:
    """Photograph a model in a top.

    Args:
        scene (Scene): The model.
        top (Top): What is worn.
        flat (Flat): Its flat picture, ``OVERSAMPLING`` times as large.
        size (int): Height of the picture in px.
    """
    rng = np.random.default_rng(scene.seed)
    k = OVERSAMPLING
    height, width = k * size, k * (size * 3 // 4)
    matrix = scene.matrix * height
    matrix[:, 2] -= 0.5  # corners to centres of pixels
    warp = random_warp(rng, matrix, 0.12)
    light = replace(random_light(rng, 0.5), volume=rng.uniform(0.1, 0.18))
    model = Model(_background(rng, (height, width)), warp)
    dressed = (top, scene.drape, flat)
    draw_model(model, scene.person, scene.stance, scene.outfit, dressed, light)
    centre = slice(k // 2, None, k)
    label = model.owner[centre, centre].copy()
    flow = (model.flow[centre, centre] + 0.5) / k - 0.5
    flow[label != UPPER] = np.nan
    if scene.noisy:
        _add_noise(rng, label)
    image = cv2.resize(
        model.image, (width // k, size), interpolation=cv2.INTER_AREA
    )
    joints = (warp(scene.stance.joints()) + 0.5) / k - 0.5
    seen = (joints > 1).all(1) & (joints < (width // k - 1, size - 1)).all(1)
    joints = np.column_stack([joints, rng.uniform(0.6, 0.95, 18)])
    joints[~seen] = 0
    return Sample(
        image, label, model.parts[centre, centre].copy(), joints, flow
    )


def _add_noise(rng: np.random.Generator, label: np.ndarray) -> None:
    """Label a blob of the top as noise."""
    rows, columns = np.nonzero(label == UPPER)
    if not len(rows):
        return
    at = int(rng.integers(len(rows)))
    blob = np.zeros_like(label)
    axes = np.round(rng.uniform(0.015, 0.05, 2) * len(label)).astype(int)
    cv2.ellipse(
        blob,
        (int(columns[at]), int(rows[at])),
        (int(axes[0]) + 1, int(axes[1]) + 1),
        float(rng.uniform(0, 180)),
        0,
        360,
        1,
        -1,
    )
    label[(blob > 0) & (label == UPPER)] = NOISE


def _write(root: Path, split: str, number: int, seed: int, size: int) -> None:
    """Draw a person and a garment and write all their files."""
    rng = np.random.default_rng([seed, CONTENTS.index(split), number])
    top, scene = random_top(rng), random_scene(rng)
    k = OVERSAMPLING
    flat = draw_flat(top, (k * size, k * (size * 3 // 4)))
    sample = draw_scene(scene, top, flat, size)
    shape = size * 3 // 4, size
    cloth, cover = (
        cv2.resize(picture, shape, interpolation=cv2.INTER_AREA)
        for picture in (flat.picture, flat.cover)
    )
    edge = np.where(cover > 127, 255, 0).astype(np.uint8)
    pose = {
        'version': 1.0,
        'people': [
            {'pose_keypoints': np.round(sample.joints, 3).ravel().tolist()}
        ],
    }
    person, garment = f'{number:06d}_0', f'{number:06d}_1'
    files = {
        'img': (f'{person}.jpg', _packed('.jpg', sample.image)),
        'cloth': (f'{garment}.jpg', _packed('.jpg', cloth)),
        'edge': (f'{garment}.jpg', _packed('.jpg', edge)),
        'label': (f'{person}.png', _packed('.png', sample.label)),
        'pose': (f'{person}_keypoints.json', json.dumps(pose).encode()),
        'densepose': (
            f'{person}.npy',
            _bytes(lambda f: np.save(f, sample.parts)),
        ),
        'flow': (f'{person}.npz', _flow_file(sample.flow)),
    }
    for kind, (name, content) in files.items():
        (root / split / FOLDERS[split][kind] / name).write_bytes(content)


def _packed(suffix: str, image: np.ndarray) -> bytes:
    options = []
    if suffix == '.jpg':
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(suffix, image, options)[1].tobytes()


def _bytes(save: Callable[[io.BytesIO], None]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def _flow_file(flow: np.ndarray) -> bytes:
    """Rounded to 1/64 px, which packs well."""
    rounded = np.round(flow * 64) / 64
    return _bytes(lambda file: np.savez_compressed(file, flow=rounded))


def _write_pairs(root: Path, numbers: range, seed: int) -> None:
    """A fixed permutation that gives nobody the own garment, and the pairs."""
    order = np.random.default_rng([seed, len(CONTENTS)]).permutation(numbers)
    other = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
    lists = {
        'test_pairs.txt': other,
        'test_pairs_paired.txt': {n: n for n in numbers},
    }
    for name, pairs in lists.items():
        lines = [f'{p:06d}_0.jpg {pairs[p]:06d}_1.jpg\n' for p in numbers]
        (root / TEST / name).write_text(''.join(lines))


def generate_viton(
    out: str | Path,
    *,
    num: int = 200,
    test: int | None = None,
    seed: int = 0,
    size: int = 256,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a look-alike of VITON with the true flow.

    Every file is the same to the byte for the same arguments and the same
    versions of NumPy and OpenCV; person and garment i of a split do not
    depend on ``num``. Nothing is left behind if it fails.

    Args:
        out (str | Path): Folder to create.
        num (int): Persons in the training set. Defaults to 200.
        test (int, optional): Persons in the test set, 0 or at least 2.
            Defaults to ``num // 4``, at least 2.
        seed (int): Seed, not negative. Defaults to 0.
        size (int): Height of the pictures in px; the width is three quarters
            of it. Defaults to 256.
        overwrite (bool): Replace an earlier data set at ``out``.
        progress (bool): Show a progress bar.

    Returns:
        Path: ``out``.

    Raises:
        UsageError: A number is out of range, or ``out`` is not empty.
    """
    out = Path(out).absolute()
    test = max(2, num // 4) if test is None else test
    check_at_least(
        num=(num, 1), test=(test, 0), seed=(seed, 0), size=(size, MIN_SIZE)
    )
    if test == 1:
        raise UsageError('test must be 0 or at least 2, got 1: pairs need two')
    with one_thread(), new_folder(out, CONTENTS, overwrite) as folder:
        for split, folders in FOLDERS.items():
            for name in folders.values():
                (folder / split / name).mkdir(parents=True)
        jobs = [(TRAIN, n) for n in range(1, num + 1)]
        jobs += [(TEST, n) for n in range(1, test + 1)]
        for split, number in track(
            jobs, 'synthetic VITON', disable=not progress
        ):
            _write(folder, split, number, seed, size)
        _write_pairs(folder, range(1, test + 1), seed)
    return out
