# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A look-alike of DeepFashion2 in its raw layout.

::

    OUT/train/image/000001.jpg        OUT/train/annos/000001.json
    OUT/validation/image/000001.jpg   OUT/validation/annos/000001.json
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from ..drawing.textures import random_style
from ..garments.wardrobe import random_cut
from ..output import check_at_least, new_folder, one_thread
from .scene import BOTTOMS, MAIN_SHARES, TOPS, Item, render

SPLITS = ('train', 'validation')
#: Pair ids of validation start here, so no split knows the other's.
VALIDATION_PAIRS = 1_000_000
JPEG_QUALITY = 92
MIN_SIZE = 64


#: What one pair after the other is about: each category as often as its
#: share says, and spread evenly, so that small data sets have all of them.
_SCHEDULE = tuple(
    category
    for _, category in sorted(
        ((k + category * 0.618 % 1) / share, category)
        for category, share in MAIN_SHARES.items()
        for k in range(share)
    )
)


@dataclass(frozen=True)
class Pair:
    """Pictures of one product: user pictures, then shop pictures.

    Attributes:
        id (int): ``pair_id``.
        users, shops (int): Numbers of pictures.
        variants (tuple[tuple[Item, ...], ...]): The items of picture k (of
            users, and of shops) are ``variants[k % len(variants)]``.
    """

    id: int
    users: int
    shops: int
    variants: tuple[tuple[Item, ...], ...]


@dataclass(frozen=True)
class Picture:
    """What picture ``index`` (1-based) of a split is to show.

    Attributes:
        split (str), index (int), source (str), pair_id (int): As written.
        items (tuple[Item, ...]): The garments it is about.
        paired (bool): Whether the whole pair is in the split.
        clean (bool): Frontal and unoccluded, as the first shop picture of
            each style is.
    """

    split: str
    index: int
    source: str
    pair_id: int
    items: tuple[Item, ...]
    paired: bool
    clean: bool


def make_pair(seed: int, pair_id: int) -> Pair:
    """Draw a product and how often it was photographed.

    Six in ten pairs have one style, two in ten come in two looks of one cut,
    and two in ten are an outfit of a top and a bottom, both identified.

    Args:
        seed (int): Seed of the data set.
        pair_id (int): 1-based.
    """
    rng = np.random.default_rng([seed, pair_id, 0])
    category = _SCHEDULE[(seed + pair_id) % len(_SCHEDULE)]
    users, shops = int(rng.integers(1, 3)), int(rng.integers(1, 4))

    def item(category: int, number: int) -> Item:
        look = np.random.default_rng([seed, pair_id, number])
        style = random_style(look, category)
        return Item(category, cut[category], style, number)

    cut = {category: random_cut(category, rng)}
    kind = rng.random()
    if kind < 0.2 and category in (*TOPS, *BOTTOMS):
        other = int(rng.choice(BOTTOMS if category in TOPS else TOPS))
        cut[other] = random_cut(other, rng)
        variants = ((item(category, 1), item(other, 2)),)
    elif kind < 0.4:
        users, shops = max(users, 2), max(shops, 2)
        variants = (item(category, 1),), (item(category, 2),)
    else:
        variants = ((item(category, 1),),)
    return Pair(pair_id, users, shops, variants)


def plan(split: str, num: int, seed: int) -> Iterator[Picture]:
    """Decide what each picture of a split shows.

    Picture i does not depend on ``num``, except that the garments of a last
    pair which ``num`` cuts short are marked as part of no pair.

    Args:
        split (str): ``train`` or ``validation``.
        num (int): Number of pictures.
        seed (int): Seed of the data set.

    Yields:
        Picture: In the order of their file names.
    """
    index = 0
    pair_id = VALIDATION_PAIRS if split == 'validation' else 0
    while index < num:
        pair_id += 1
        pair = make_pair(seed, pair_id)
        whole = index + pair.users + pair.shops <= num
        for source, count in (('user', pair.users), ('shop', pair.shops)):
            for k in range(count):
                index += 1
                if index > num:
                    return
                items = pair.variants[k % len(pair.variants)]
                clean = source == 'shop' and k < len(pair.variants)
                yield Picture(
                    split, index, source, pair.id, items, whole, clean
                )


def _write(picture: Picture, root: Path, seed: int, size: int) -> None:
    """Render one picture and write both files."""
    rng = np.random.default_rng(
        [seed, SPLITS.index(picture.split), picture.index]
    )
    image, items, _ = render(
        rng, picture.source, picture.items, size, picture.clean
    )
    if not picture.paired:
        for item in items.values():
            item['style'] = 0
    annotation = {
        **items,
        'source': picture.source,
        'pair_id': picture.pair_id,
    }
    stem = f'{picture.index:06d}'
    folder = root / picture.split
    _, packed = cv2.imencode(
        '.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    (folder / 'image' / f'{stem}.jpg').write_bytes(packed)
    (folder / 'annos' / f'{stem}.json').write_text(json.dumps(annotation))


def generate_deepfashion2(
    out: str | Path,
    *,
    num: int = 200,
    val: int | None = None,
    seed: int = 0,
    size: int = 512,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a look-alike of DeepFashion2.

    Every file is the same to the byte for the same arguments and the same
    versions of NumPy and OpenCV. Nothing is left behind if it fails.

    Args:
        out (str | Path): Folder to create; its parent must exist.
        num (int): Pictures in ``train``. Defaults to 200.
        val (int, optional): Pictures in ``validation``, of products that
            ``train`` does not have. Defaults to ``num // 4``.
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
    check_at_least(
        num=(num, 1), val=(val, 0), seed=(seed, 0), size=(size, MIN_SIZE)
    )
    pictures = [*plan('train', num, seed), *plan('validation', val, seed)]
    with one_thread(), new_folder(out, SPLITS, overwrite) as folder:
        for split in SPLITS:
            (folder / split / 'image').mkdir(parents=True)
            (folder / split / 'annos').mkdir()
        for picture in track(
            pictures, 'synthetic DeepFashion2', disable=not progress
        ):
            _write(picture, folder, seed, size)
    return out
