# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Generate a synthetic dataset in the raw layout of DeepFashion2.

::

    OUT/train/image/000001.jpg        OUT/train/annos/000001.json
    OUT/validation/image/000001.jpg   OUT/validation/annos/000001.json
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from ..drawing.photographs import GarmentPhotos
from ..drawing.textures import random_style
from ..garments.factory import random_cut
from ..garments.scene import (
    BOTTOMS,
    CATEGORY_WEIGHTS,
    JPEG_QUALITY,
    MIN_SIZE,
    TOPS,
    GarmentSpec,
    Source,
    render_image,
)
from ..output import check_at_least, new_folder, one_thread

SPLITS = ('train', 'validation')
#: Pair ids of validation start above this, so that no split has those of the
#: other.
VALIDATION_PAIRS = 1_000_000

#: Main category of one pair after the other: each as often as its weight says
#: and spread evenly, so that small datasets have all of them.
_SCHEDULE = tuple(
    category
    for _, category in sorted(
        ((k + category * 0.618 % 1) / weight, category)
        for category, weight in CATEGORY_WEIGHTS.items()
        for k in range(weight)
    )
)


@dataclass(frozen=True)
class ProductPair:
    """A product and the numbers of its user and shop images.

    Attributes:
        id (int): ``pair_id``.
        users (int), shops (int): Numbers of images.
        variants (tuple[tuple[GarmentSpec, ...], ...]): The main garments of
            image k (of users, and of shops) are
            ``variants[k % len(variants)]``.
    """

    id: int
    users: int
    shops: int
    variants: tuple[tuple[GarmentSpec, ...], ...]


@dataclass(frozen=True)
class ImagePlan:
    """What image ``index`` (from 1) of a split is to show.

    Attributes:
        split (str), index (int), source (str), pair_id (int): As written.
        garments (tuple[GarmentSpec, ...]): The main garments.
        paired (bool): Whether the whole pair is in the split.
        clean (bool): Frontal and unoccluded, as the first shop image of each
            style is.
    """

    split: str
    index: int
    source: Source
    pair_id: int
    garments: tuple[GarmentSpec, ...]
    paired: bool
    clean: bool


def make_product_pair(
    seed: int, pair_id: int, photos: GarmentPhotos | None = None
) -> ProductPair:
    """Sample a product and how often it was photographed.

    Six in ten pairs have one style, two in ten come in two styles of one cut,
    and two in ten are an outfit of a top and a bottom, both identified.

    Args:
        seed (int): Seed of the dataset.
        pair_id (int): From 1.
        photos (GarmentPhotos, optional): Photographs to cut cloth from.

    Returns:
        ProductPair: With one or two user and one to three shop images, at
        least two of each if there are two styles.
    """
    rng = np.random.default_rng([seed, pair_id, 0])
    category = _SCHEDULE[(seed + pair_id) % len(_SCHEDULE)]
    users, shops = int(rng.integers(1, 3)), int(rng.integers(1, 4))

    def specify(category: int, style_id: int) -> GarmentSpec:
        style_rng = np.random.default_rng([seed, pair_id, style_id])
        style = random_style(style_rng, category)
        if photos:
            style = photos.style(style_rng, category, style)
        return GarmentSpec(category, cut[category], style, style_id)

    cut = {category: random_cut(category, rng)}
    variants: list[tuple[GarmentSpec, ...]]
    chance = rng.random()
    if chance < 0.2 and category in (*TOPS, *BOTTOMS):
        other = int(rng.choice(BOTTOMS if category in TOPS else TOPS))
        cut[other] = random_cut(other, rng)
        variants = [(specify(category, 1), specify(other, 2))]
    elif chance < 0.4:
        users, shops = max(users, 2), max(shops, 2)
        variants = [(specify(category, 1),), (specify(category, 2),)]
    else:
        variants = [(specify(category, 1),)]
    return ProductPair(pair_id, users, shops, tuple(variants))


def plan_images(
    split: str, num: int, seed: int, photos: GarmentPhotos | None = None
) -> Iterator[ImagePlan]:
    """Decide what each image of a split shows.

    Image i does not depend on ``num``, except that the garments of a last
    pair which ``num`` cuts short are marked as not part of a pair.

    Args:
        split (str): ``train`` or ``validation``.
        num (int): Number of images.
        seed (int): Seed of the dataset.
        photos (GarmentPhotos, optional): Photographs to cut cloth from.

    Yields:
        ImagePlan: In the order of the file names.
    """
    index = 0
    pair_id = VALIDATION_PAIRS if split == 'validation' else 0
    while index < num:
        pair_id += 1
        pair = make_product_pair(seed, pair_id, photos)
        whole = index + pair.users + pair.shops <= num
        counts: dict[Source, int] = {'user': pair.users, 'shop': pair.shops}
        for source, count in counts.items():
            for k in range(count):
                index += 1
                if index > num:
                    return
                garments = pair.variants[k % len(pair.variants)]
                clean = source == 'shop' and k < len(pair.variants)
                yield ImagePlan(
                    split, index, source, pair.id, garments, whole, clean
                )


def _write(
    plan: ImagePlan,
    root: Path,
    seed: int,
    size: int,
    photos: GarmentPhotos | None,
) -> None:
    """Render an image and write it with its annotation."""
    rng = np.random.default_rng([seed, SPLITS.index(plan.split), plan.index])
    image, items, _ = render_image(
        rng, plan.source, plan.garments, size, plan.clean, photos=photos
    )
    if not plan.paired:
        for item in items.values():
            item['style'] = 0
    annotation = {**items, 'source': plan.source, 'pair_id': plan.pair_id}
    stem = f'{plan.index:06d}'
    folder = root / plan.split
    _, packed = cv2.imencode(
        '.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    (folder / 'image' / f'{stem}.jpg').write_bytes(packed.tobytes())
    (folder / 'annos' / f'{stem}.json').write_text(json.dumps(annotation))


def generate_deepfashion2(
    out: str | Path,
    *,
    num: int = 200,
    val: int | None = None,
    seed: int = 0,
    size: int = 512,
    textures: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a synthetic dataset in the raw layout of DeepFashion2.

    Images are (h, w, 3), their longer side is ``size`` px; coordinates of
    the annotations are in px.

    Every file is the same to the byte for the same arguments and the same
    versions of NumPy and OpenCV. Nothing is left behind if it fails.

    Args:
        out (str or Path): Folder to create.
        num (int): Images in ``train``. Defaults to 200.
        val (int, optional): Images in ``validation``, of products that
            ``train`` does not have. Defaults to ``num // 4``.
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
    check_at_least(
        num=(num, 1), val=(val, 0), seed=(seed, 0), size=(size, MIN_SIZE)
    )
    photos = {
        split: GarmentPhotos(textures, split, seed) if textures else None
        for split in SPLITS
    }
    with one_thread(), new_folder(out, SPLITS, overwrite) as folder:
        for split in SPLITS:
            (folder / split / 'image').mkdir(parents=True)
            (folder / split / 'annos').mkdir()
        plans = itertools.chain.from_iterable(
            plan_images(split, count, seed, photos[split])
            for split, count in zip(SPLITS, (num, val), strict=True)
        )
        for plan in track(
            plans, 'synthetic DeepFashion2', num + val, disable=not progress
        ):
            _write(plan, folder, seed, size, photos[plan.split])
    return out
