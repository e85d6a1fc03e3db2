# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Drawn people with label maps, and drawn garments, as photographs."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfashion_ext.formats.ccp.constants import TAGS
from mmfashion_ext.synthetic.tryon_photos.flat_garment import FlatGarment

LABEL = {tag: index for index, tag in enumerate(TAGS)}
#: Right half of a T-shirt in the flat frame, px; the axis is at 95.5.
_HALF = [(0, 46), (20, 38), (46, 46), (84, 92), (62, 110), (42, 88)]
_HALF += [(40, 150), (42, 215)]
MIDDLE = np.array([95.5, 127.5])


def tee_outline():
    """(N, 2) px of the flat frame, a point a pixel."""
    right = [(95.5 + x, y) for x, y in _HALF]
    left = [(95.5 - x, y) for x, y in _HALF[:0:-1]]
    corners = np.array(right + left, float)
    points = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        steps = max(2, int(np.hypot(*(b - a))))
        points.append(a + (b - a) * np.arange(steps)[:, None] / steps)
    return np.concatenate(points).astype(np.float32)


def bend(points):
    """The known deformation of the flat frame into the photo, px."""
    u, v = ((np.asarray(points, float) - MIDDLE) / 100).T
    x = 160 + 52 * u + 5 * np.sin(2 * v) + 3 * u * v
    y = 190 + 56 * v + 9 * u**2 + 3 * u
    return np.stack([x, y], axis=-1)


def fill(points, shape=(480, 320)):
    image = np.zeros(shape, np.uint8)
    fixed = np.round(np.asarray(points) * 16).astype(np.int32)
    cv2.fillPoly(image, [fixed], 1, cv2.LINE_8, 4)
    return image.astype(bool)


def draw_labels():
    """Label map (480, 320) of a person in a bent T-shirt and trousers."""
    labels = np.zeros((480, 320), np.uint8)
    arms = [(112, 168), (96, 250), (106, 252), (126, 180)]
    for sign in (1, -1):
        arm = [(160 + sign * (x - 160), y) for x, y in arms]
        labels[fill(arm)] = LABEL['skin']
    trousers = [(134, 225), (186, 225), (196, 400), (172, 400), (160, 290)]
    labels[fill([*trousers, (148, 400), (124, 400)])] = LABEL['jeans']
    labels[fill(bend(tee_outline()))] = LABEL['t-shirt']
    labels[cv2.ellipse(labels * 0, (160, 108), (17, 24), 0, 0, 360, 1, -1) > 0]
    head = cv2.ellipse(labels * 0, (160, 112), (16, 26), 0, 0, 360, 1, -1) > 0
    hair = cv2.ellipse(labels * 0, (160, 98), (20, 18), 0, 0, 360, 1, -1) > 0
    labels[head & (labels == 0)] = LABEL['skin']
    labels[hair & (labels == 0)] = LABEL['hair']
    return labels


def draw_photo(labels, seed=0):
    """(480, 320, 3) BGR uint8, every label in its own colour, with noise."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(30, 220, (len(TAGS), 3))
    colours[0] = 200
    y = np.arange(480)[:, None, None]
    photo = colours[labels] * (0.8 + 0.4 * y / 480)
    photo += rng.normal(0, 3, photo.shape)
    return np.clip(photo, 0, 255).astype(np.uint8)


def draw_garment_photo(outline, seed=0, size=(216, 288)):
    """A garment with a pattern on a plain bed, (288, 216, 3) BGR uint8."""
    rng = np.random.default_rng(seed)
    points = (outline - MIDDLE) * 1.0 + (np.array(size) - 1) / 2
    mask = fill(points, size[::-1])
    photo = np.full((*size[::-1], 3), (205, 210, 190), np.float32)
    y, x = np.mgrid[: size[1], : size[0]]
    stripes = (np.sin(y / 6) > 0)[..., None] * 40.0
    colour = rng.integers(20, 110, 3) + stripes + (x % 9 == 0)[..., None] * 30
    photo[mask] = colour[mask]
    photo += rng.normal(0, 2, photo.shape)
    return np.clip(photo, 0, 255).astype(np.uint8)


@pytest.fixture
def labels():
    return draw_labels()


@pytest.fixture
def photo(labels):
    return draw_photo(labels)


@pytest.fixture
def garment():
    """The T-shirt in the flat frame; its photograph is that frame."""
    return FlatGarment(
        'train/t-shirt/1.jpg',
        'upper',
        tee_outline(),
        np.array([[1.0, 0, 0], [0, 1.0, 0]]),
    )


def write_roots(root):
    """Write ``ccp`` of four people and ``garments`` of four T-shirts."""
    people, garments = Path(root, 'ccp'), Path(root, 'garments')
    for folder in ('photos', 'labels'):
        (people / folder).mkdir(parents=True)
    (people / 'label_names.json').write_text(json.dumps(TAGS))
    labels = draw_labels()
    for number in range(1, 5):
        shifted = np.roll(labels, 6 * number - 12, axis=1)
        name = f'{number:04d}'
        cv2.imwrite(str(people / 'labels' / f'{name}.png'), shifted)
        image = draw_photo(shifted, number)
        cv2.imwrite(str(people / 'photos' / f'{name}.jpg'), image)
    (people / 'train.txt').write_text('0001\n0002\n0003\n')
    (people / 'validation.txt').write_text('0004\n')
    for number, split in enumerate(('train', 'train', 'validation')):
        folder = garments / split / 't-shirt'
        folder.mkdir(parents=True, exist_ok=True)
        image = draw_garment_photo(tee_outline(), number)
        cv2.imwrite(str(folder / f'{number}.jpg'), image)
    return people, garments


@pytest.fixture(scope='session')
def roots(tmp_path_factory):
    return write_roots(tmp_path_factory.mktemp('photographs'))


@pytest.fixture(scope='session')
def pairs(tmp_path_factory, roots):
    """A cache of two training pairs and one for validation."""
    from mmfashion_ext.synthetic import generate_tryon_photos

    out = tmp_path_factory.mktemp('cache') / 'pairs'
    people, garments = roots
    generate_tryon_photos(out, people=people, garments=garments, num=2, val=1)
    return out
