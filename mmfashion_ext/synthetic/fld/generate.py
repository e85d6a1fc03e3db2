# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A look-alike of FLD in its raw layout.

::

    OUT/Anno/list_landmarks.txt       OUT/Eval/list_eval_partition.txt
    OUT/Anno/list_bbox.txt            OUT/Img/img/img_00000001.jpg ...

The clothes are those of the DeepFashion2 look-alike: FLD's landmarks are some
of DeepFashion2's, see :mod:`mmfashion_ext.formats.fld.constants`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from ...formats.fld.constants import (
    CLOTHES_TYPES,
    SPLITS,
    VARIATIONS,
    ClothesType,
)
from ..deepfashion2.annotate import Worn
from ..deepfashion2.generate import JPEG_QUALITY, MIN_SIZE
from ..deepfashion2.scene import Item, Shot, random_item, render
from ..output import check_at_least, new_folder, one_thread

CONTENTS = ('Anno', 'Eval', 'Img')

#: Size of the item relative to the frame for the variations that zoom in.
ZOOM = {4: (1.0, 1.3), 5: (1.3, 2.0)}
_ATTEMPTS = 12


@dataclass(frozen=True)
class Record:
    """What the lists say of a picture.

    Attributes:
        name (str): ``img/img_00000001.jpg``.
        split (str): ``train``, ``val`` or ``test``.
        clothes (ClothesType), variation (int): As written.
        landmarks (np.ndarray): (K, 3) int: state, x, y in px.
        box (np.ndarray): (4,) int: x1, y1, x2, y2 in px.
    """

    name: str
    split: str
    clothes: ClothesType
    variation: int
    landmarks: np.ndarray
    box: np.ndarray


def random_shot(rng: np.random.Generator, variation: int) -> Shot:
    """Draw view and framing of a variation.

    Args:
        rng (np.random.Generator): Source of chance.
        variation (int): 1..5, see ``VARIATIONS``.
    """
    framing = str(rng.choice(['figure', 'garment']))
    slight = rng.uniform(0, 0.15)
    if variation == 1:
        if rng.random() < 0.1:
            return Shot('shop', 'flat', 0.0, 'garment')
        return Shot('shop', 'front', slight, framing)
    if variation == 2:
        return Shot('user', 'front', rng.uniform(0.35, 0.65), framing)
    if variation == 3:
        if rng.random() < 0.5:
            return Shot('user', 'back', slight, framing)
        return Shot('user', 'front', rng.uniform(0.8, 1.1), framing)
    source = str(rng.choice(['user', 'shop']))
    return Shot(source, 'front', slight, 'crop', ZOOM[variation], 1.5)


def fld_landmarks(
    worn: Worn, marked: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """FLD's landmarks of a garment.

    Args:
        worn (Worn): The garment as it was drawn.
        marked (np.ndarray): (n, 3) x, y, v, its DeepFashion2 landmarks.
        size (tuple[int, int]): (w, h) of the picture.

    Returns:
        np.ndarray: (K, 3) int: state, x, y. Landmarks deep under other
        clothes, which DeepFashion2 leaves out, are occluded here.
    """
    (numbers,) = (
        clothes.deepfashion2[worn.category]
        for clothes in CLOTHES_TYPES
        if worn.category in clothes.deepfashion2
    )
    own = np.array(numbers) - 1
    xy = np.round(worn.landmarks[own]).astype(int)
    outside = ((xy < 0) | (xy >= size)).any(1)
    state = np.where(outside, 2, np.where(marked[own, 2] == 2, 0, 1))
    xy[outside] = 0
    return np.concatenate([state[:, None], xy], 1)


def _attempt(
    rng: np.random.Generator, item: Item, shot: Shot, size: int, clean: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Picture, landmarks (K, 3) and box (4,); None if it hides the item."""
    image, items, worn = render(rng, shot.source, [item], size, clean, shot)
    seen = [i for i in items.values() if i['category_id'] == item.category]
    if not seen:
        return None
    height, width = image.shape[:2]
    (garment,) = (w for w in worn if w.category == item.category)
    marked = np.reshape(seen[0]['landmarks'], (-1, 3))
    landmarks = fld_landmarks(garment, marked, (width, height))
    box = np.array(seen[0]['bounding_box'])
    inside = landmarks[landmarks[:, 0] < 2, 1:]
    low = np.minimum(box[:2], inside.min(0, initial=width + height))
    high = np.maximum(box[2:], inside.max(0, initial=0))
    return image, landmarks, np.concatenate([low, high])


def draw(
    rng: np.random.Generator, clothes: ClothesType, variation: int, size: int
) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
    """Draw an item until the picture shows what was wanted.

    Args:
        rng (np.random.Generator): The picture's own source of chance.
        clothes (ClothesType): Type of the item.
        variation (int): 1..5, see ``VARIATIONS``.
        size (int): Longer side in pixels.

    Returns:
        tuple[np.ndarray, int, np.ndarray, np.ndarray]: BGR uint8 picture,
        variation (1 if the one wanted did not succeed), landmarks (K, 3) and
        box (4,) as in ``Record``.
    """
    for _ in range(_ATTEMPTS):
        item = random_item(rng, tuple(clothes.deepfashion2))
        shot = random_shot(rng, variation)
        taken = _attempt(rng, item, shot, size, clean=False)
        if taken is None:
            continue
        image, landmarks, box = taken
        states = landmarks[:, 0]
        if (2 in states) == (variation in ZOOM) and 0 in states:
            return image, variation, landmarks, box
    shot = Shot('shop', 'front', 0.0, 'figure')
    image, landmarks, box = _attempt(rng, item, shot, size, clean=True)
    return image, 1, landmarks, box


def _pictures(
    split: str, first: int, num: int, seed: int, size: int
) -> Iterator[tuple[Record, np.ndarray]]:
    """Records and pictures of a split, types and variations in turn."""
    for index in range(num):
        rng = np.random.default_rng([seed, SPLITS.index(split), index])
        clothes = CLOTHES_TYPES[index % len(CLOTHES_TYPES)]
        variation = 1 + index // len(CLOTHES_TYPES) % len(VARIATIONS)
        image, variation, landmarks, box = draw(rng, clothes, variation, size)
        name = f'img/img_{first + index:08d}.jpg'
        yield Record(name, split, clothes, variation, landmarks, box), image


def _write_lists(root: Path, records: list[Record]) -> None:
    landmarks = 'landmark_visibility_{0} landmark_location_x_{0} '
    landmarks += 'landmark_location_y_{0}'
    columns = ' '.join(landmarks.format(k) for k in range(1, 9))
    lists = {
        'Anno/list_landmarks.txt': (
            f'image_name clothes_type variation_type {columns}',
            lambda r: (
                f'{r.name} {r.clothes.id} {r.variation} '
                + ' '.join(f'{s} {x:06d} {y:06d}' for s, x, y in r.landmarks)
            ),
        ),
        'Anno/list_bbox.txt': (
            'image_name x_1 y_1 x_2 y_2',
            lambda r: ' '.join([r.name, *(f'{v:03d}' for v in r.box)]),
        ),
        'Eval/list_eval_partition.txt': (
            'image_name evaluation_status',
            lambda r: f'{r.name} {r.split}',
        ),
    }
    for file, (header, row) in lists.items():
        lines = [str(len(records)), header, *map(row, records)]
        (root / file).write_text('\n'.join(lines) + '\n')


def generate_fld(
    out: str | Path,
    *,
    num: int = 200,
    val: int | None = None,
    test: int | None = None,
    seed: int = 0,
    size: int = 512,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a look-alike of FLD.

    Every file is the same to the byte for the same arguments and the same
    versions of NumPy and OpenCV. Nothing is left behind if it fails.

    Args:
        out (str | Path): Folder to create; its parent must exist.
        num (int): Pictures of the split ``train``. Defaults to 200.
        val (int, optional): Pictures of ``val``. Defaults to ``num // 4``.
        test (int, optional): Pictures of ``test``. Defaults to ``num // 4``.
        seed (int): Seed, not negative. Defaults to 0.
        size (int): Longer side of the pictures in pixels. Defaults to 512.
        overwrite (bool): Replace an earlier data set at ``out``.
        progress (bool): Show a progress bar.

    Returns:
        Path: ``out``.

    Raises:
        UserError: A number is out of range, or ``out`` is not empty.
    """
    out = Path(out).absolute()
    val = num // 4 if val is None else val
    test = num // 4 if test is None else test
    check_at_least(
        num=(num, 1),
        val=(val, 0),
        test=(test, 0),
        seed=(seed, 0),
        size=(size, MIN_SIZE),
    )
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    with one_thread(), new_folder(out, CONTENTS, overwrite) as folder:
        for name in ('Anno', 'Eval', 'Img/img'):
            (folder / name).mkdir(parents=True)
        pictures = (
            picture
            for split, first, count in zip(
                SPLITS,
                (1, 1 + num, 1 + num + val),
                (num, val, test),
                strict=True,
            )
            for picture in _pictures(split, first, count, seed, size)
        )
        records = []
        for record, image in track(
            pictures,
            'synthetic FLD',
            num + val + test,
            disable=not progress,
        ):
            _, packed = cv2.imencode('.jpg', image, quality)
            (folder / 'Img' / record.name).write_bytes(packed)
            records.append(record)
        _write_lists(folder, records)
    return out
