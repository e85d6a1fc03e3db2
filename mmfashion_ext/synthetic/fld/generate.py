# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Generate a synthetic dataset in the raw layout of FLD.

::

    OUT/Anno/list_landmarks.txt       OUT/Eval/list_eval_partition.txt
    OUT/Anno/list_bbox.txt            OUT/Img/img/img_00000001.jpg ...

The clothes are those of the synthetic DeepFashion2: the landmarks of FLD are
some of DeepFashion2's, see :mod:`mmfashion_ext.formats.fld.constants`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from rich.progress import track

from ...formats.fld.constants import (
    CLOTHES_TYPES,
    SPLITS,
    VARIATIONS,
    ClothesType,
    FLDSplit,
)
from ..drawing.photographs import GarmentPhotos
from ..garments.annotate import DrawnGarment
from ..garments.scene import (
    JPEG_QUALITY,
    MIN_SIZE,
    Framing,
    GarmentSpec,
    Shot,
    Source,
    random_garment_spec,
    render_image,
)
from ..output import check_at_least, new_folder, one_thread

CONTENTS = ('Anno', 'Eval', 'Img')

#: Variations that zoom in -> least and greatest size of the item relative to
#: the frame.
ZOOM = {4: (1.0, 1.3), 5: (1.3, 2.0)}
_ATTEMPTS = 12


@dataclass(frozen=True)
class FLDRecord:
    """What the lists of FLD say about an image.

    Attributes:
        name (str): ``img/img_00000001.jpg``.
        split (str): ``train``, ``val`` or ``test``.
        clothes (ClothesType), variation (int): As written.
        landmarks (np.ndarray): (K, 3) int: state, x, y in px.
        bbox (np.ndarray): (4,) int: x1, y1, x2, y2 in px.
    """

    name: str
    split: str
    clothes: ClothesType
    variation: int
    landmarks: np.ndarray
    bbox: np.ndarray


def random_fld_shot(rng: np.random.Generator, variation: int) -> Shot:
    """Sample view and framing of a variation.

    Args:
        rng (np.random.Generator): Source of randomness.
        variation (int): 1..5, see ``VARIATIONS``.

    Returns:
        Shot: View and framing.
    """
    framing = cast('Framing', str(rng.choice(['figure', 'garment'])))
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
    source = cast('Source', str(rng.choice(['user', 'shop'])))
    return Shot(source, 'front', slight, 'crop', ZOOM[variation], 1.5)


def fld_landmarks(
    garment: DrawnGarment, annotated: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Return the FLD landmarks of a garment.

    Args:
        garment (DrawnGarment): The garment as it was drawn.
        annotated (np.ndarray): (n, 3) x, y in px and v, its DeepFashion2
            landmarks.
        size (tuple[int, int]): (w, h) of the image, px.

    Returns:
        np.ndarray: (K, 3) int: state, x, y in px. Landmarks deep under other
        clothes, which DeepFashion2 does not label, are occluded here.
    """
    (numbers,) = (
        clothes.deepfashion2[garment.category]
        for clothes in CLOTHES_TYPES
        if garment.category in clothes.deepfashion2
    )
    rows = np.array(numbers) - 1
    xy = np.round(garment.landmarks[rows]).astype(int)
    outside = ((xy < 0) | (xy >= size)).any(1)
    state = np.where(outside, 2, np.where(annotated[rows, 2] == 2, 0, 1))
    xy[outside] = 0
    return np.concatenate([state[:, None], xy], 1)


def _render(
    rng: np.random.Generator,
    spec: GarmentSpec,
    shot: Shot,
    size: int,
    clean: bool,
    photos: GarmentPhotos | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return image, (K, 3) landmarks, (4,) box; None if nothing is visible."""
    image, items, drawn = render_image(
        rng, shot.source, [spec], size, clean, shot, photos
    )
    visible = [i for i in items.values() if i['category_id'] == spec.category]
    if not visible:
        return None
    height, width = image.shape[:2]
    (garment,) = (d for d in drawn if d.category == spec.category)
    annotated = np.reshape(visible[0]['landmarks'], (-1, 3))
    landmarks = fld_landmarks(garment, annotated, (width, height))
    bbox = np.array(visible[0]['bounding_box'])
    inside = landmarks[landmarks[:, 0] < 2, 1:]
    low = np.minimum(bbox[:2], inside.min(0, initial=width + height))
    high = np.maximum(bbox[2:], inside.max(0, initial=0))
    return image, landmarks, np.concatenate([low, high])


def render_item(
    rng: np.random.Generator,
    clothes: ClothesType,
    variation: int,
    size: int,
    photos: GarmentPhotos | None = None,
) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
    """Render items until an image shows the variation as FLD defines it.

    Args:
        rng (np.random.Generator): Source of randomness of this image alone.
        clothes (ClothesType): Type of the item.
        variation (int): 1..5, see ``VARIATIONS``.
        size (int): Longer side of the image, px.
        photos (GarmentPhotos, optional): Photographs to cut cloth and
            backgrounds from.

    Returns:
        tuple[np.ndarray, int, np.ndarray, np.ndarray]: (h, w, 3) BGR uint8
        image, variation (1 after 12 attempts without success), landmarks
        (K, 3) and box (4,) as in :class:`FLDRecord`.
    """
    for _ in range(_ATTEMPTS):
        spec = random_garment_spec(rng, tuple(clothes.deepfashion2), photos)
        shot = random_fld_shot(rng, variation)
        rendered = _render(rng, spec, shot, size, False, photos)
        if rendered is None:
            continue
        image, landmarks, bbox = rendered
        states = landmarks[:, 0]
        if (2 in states) == (variation in ZOOM) and 0 in states:
            return image, variation, landmarks, bbox
    shot = Shot('shop', 'front', 0.0, 'figure')
    rendered = _render(rng, spec, shot, size, True, photos)
    assert rendered is not None  # a clean image shows its main garment
    image, landmarks, bbox = rendered
    return image, 1, landmarks, bbox


def _render_splits(
    counts: tuple[int, int, int],
    seed: int,
    size: int,
    photos: dict[FLDSplit, GarmentPhotos | None],
) -> Iterator[tuple[FLDRecord, np.ndarray]]:
    """Yield records and images of all splits, numbered from 1."""
    first = 1
    for split, count in zip(SPLITS, counts, strict=True):
        yield from _render_split(
            split, first, count, seed, size, photos[split]
        )
        first += count


def _render_split(
    split: FLDSplit,
    first: int,
    num: int,
    seed: int,
    size: int,
    photos: GarmentPhotos | None,
) -> Iterator[tuple[FLDRecord, np.ndarray]]:
    """Yield records and images of a split, types and variations in turn."""
    for index in range(num):
        rng = np.random.default_rng([seed, SPLITS.index(split), index])
        clothes = CLOTHES_TYPES[index % len(CLOTHES_TYPES)]
        variation = 1 + index // len(CLOTHES_TYPES) % len(VARIATIONS)
        image, variation, landmarks, bbox = render_item(
            rng, clothes, variation, size, photos
        )
        name = f'img/img_{first + index:08d}.jpg'
        record = FLDRecord(name, split, clothes, variation, landmarks, bbox)
        yield record, image


def _write_lists(root: Path, records: list[FLDRecord]) -> None:
    """Write the three lists of landmarks, boxes and splits."""
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
            lambda r: ' '.join([r.name, *(f'{v:03d}' for v in r.bbox)]),
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
    textures: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a synthetic dataset in the raw layout of FLD.

    Images are (h, w, 3), their longer side is ``size`` px; coordinates in the
    lists are in px.

    Every file is the same to the byte for the same arguments and the same
    versions of NumPy and OpenCV. Nothing is left behind if it fails.

    Args:
        out (str or Path): Folder to create.
        num (int): Images of the split ``train``. Defaults to 200.
        val (int, optional): Images of ``val``. Defaults to ``num // 4``.
        test (int, optional): Images of ``test``. Defaults to ``num // 4``.
        seed (int): Seed, not negative. Defaults to 0.
        size (int): Longer side of the images, px. Defaults to 512.
        textures (str or Path, optional): Folder of photographs of garments
            that cloth and backgrounds are cut from, see
            :class:`~mmfashion_ext.synthetic.drawing.photographs.GarmentPhotos`
            for its layout. Defaults to None: everything is drawn.
        overwrite (bool): Replace an earlier dataset at ``out``.
        progress (bool): Show a progress bar.

    Returns:
        Path: ``out``.

    Raises:
        UserError: A number is out of range, ``out`` is not empty, or
            ``textures`` has no images.
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
    photos = {
        split: GarmentPhotos(textures, split, seed) if textures else None
        for split in SPLITS
    }
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    with one_thread(), new_folder(out, CONTENTS, overwrite) as folder:
        for name in ('Anno', 'Eval', 'Img/img'):
            (folder / name).mkdir(parents=True)
        records = []
        for record, image in track(
            _render_splits((num, val, test), seed, size, photos),
            'synthetic FLD',
            num + val + test,
            disable=not progress,
        ):
            _, packed = cv2.imencode('.jpg', image, quality)
            (folder / 'Img' / record.name).write_bytes(packed)
            records.append(record)
        _write_lists(folder, records)
    return out
