# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert CC0 garments to COCO JSON or to clothes of try-on, or check them.

Both need a mask of each garment, see :mod:`.flat_mask`. A garment whose mask
is not plausible is left out, and named with ``--check``.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...utils.files import atomic_write
from ...utils.images import read_image, write_image
from ...utils.parallel import run_parallel
from ...utils.progress import show_progress
from ..defects import Defect, print_defects
from ..image_files import reason_of
from ..run_lengths import decode_mask, encode_mask
from ..viton.layout import LAYOUTS
from .constants import CLASSES
from .flat_mask import MaskError, mask_garment
from .raw import UNUSABLE, GarmentPhoto, RawGarments, find_defect

_FOLDERS = LAYOUTS['folder', 'test'].folders
_LEFT_OUT = 'the garment is left out'


@dataclass
class Garments:
    """Photographs that can be used.

    Attributes:
        photos (list[GarmentPhoto]): In the order of the dataset.
        masks (list[dict]): Of each, run lengths of (h, w) px; none before
            they are cut out.
        defects (list[Defect]): What is wrong, notes included.
    """

    photos: list[GarmentPhoto] = field(default_factory=list)
    masks: list[dict] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)


def convert_garments(
    raw: RawGarments,
    out: Path | None = None,
    clothes: Path | None = None,
    *,
    check: bool = False,
    skip_invalid: bool = False,
    jobs: int = 1,
) -> None:
    """Convert garments, and print what there is and what is wrong.

    Args:
        raw (RawGarments): What to convert.
        out (Path, optional): COCO JSON to write; boxes are (x, y, w, h) in px
            of the pixels as they are stored.
        clothes (Path, optional): Folder to write, in the try-on layout
            ``folder``; one of the two. Neither: only check.
        check (bool): Print counts, and every defect and note. Otherwise only
            the first defects, to stderr.
        skip_invalid (bool): Leave out what cannot be used.
        jobs (int): Processes.

    Raises:
        UserError: Something cannot be used and ``skip_invalid`` is False, or
            nothing can, or ``out`` is a folder. Nothing is written then.
    """
    if out and out.is_dir():
        raise UserError(f'--out {out} is a folder, expected a file name')
    target = out or clothes
    found = read_usable(raw, decode=check and not target)
    if target and (skip_invalid or not _fatal(found)):
        # viewers of try-on follow the EXIF orientation
        found = cut_out(found, orientation=clothes is not None, jobs=jobs)
    print_defects(found.defects, _report(raw, found) if check else None)
    bad, outcome = _fatal(found), f'; {target} was not written'
    if bad and not skip_invalid:
        raise UserError(
            f'{bad} defects in {raw.root}{outcome if target else ""}. Correct '
            'them, or leave the photographs out with --skip-invalid'
        )
    if not found.photos:
        raise UserError(
            f'{raw.root} holds no usable photograph{outcome if target else ""}'
        )
    if out:
        write_coco(out, found, raw.folder)
    if clothes:
        write_clothes(clothes, found)
    if target:
        names = f'; file names are relative to {raw.folder}' if out else ''
        print(
            f'wrote {target}: {len(found.photos):,} garments, {bad:,} defects '
            f'left out, {len(found.defects) - bad:,} notes (--check lists '
            f'them){names}'
        )


def read_usable(raw: RawGarments, *, decode: bool = False) -> Garments:
    """Return the photographs that are images.

    Args:
        raw (RawGarments): The dataset.
        decode (bool): Decode their pixels; otherwise read their headers.
    """
    found = Garments(defects=list(raw.defects))
    photos = show_progress(raw.photos, f'reading {raw.root}', len(raw))
    for photo in photos:
        defect = find_defect(photo, decode)
        if defect:
            found.defects.append(defect)
        else:
            found.photos.append(photo)
    return found


def cut_out(garments: Garments, *, orientation: bool, jobs: int) -> Garments:
    """Cut the garments out of their photographs, and show the progress.

    Args:
        garments (Garments): Photographs.
        orientation (bool): Rotate them as their EXIF orientation says.
        jobs (int): Processes.

    Returns:
        Garments: Those with a plausible mask (h, w); the others are notes.
    """
    found = Garments(defects=list(garments.defects))
    photos = garments.photos
    results = run_parallel(
        partial(_cut, orientation=orientation), photos, jobs
    )
    results = show_progress(results, 'masks', len(photos))
    for photo, result in zip(photos, results, strict=True):
        if isinstance(result, Defect):
            found.defects.append(result)
        else:
            found.photos.append(photo)
            found.masks.append(result)
    return found


def write_coco(path: Path, garments: Garments, folder: Path) -> None:
    """Write a COCO file, whole or not at all.

    Args:
        path (Path): JSON to write. Categories are the classes, ids from 1;
            each image has one item: its mask (run lengths of (h, w)), and the
            box (x, y, w, h) in px around it.
        garments (Garments): Photographs with masks.
        folder (Path): File names are relative to it.
    """
    ids = {garment.name: id for id, garment in enumerate(CLASSES, 1)}
    content: dict[str, list | dict] = {
        'info': {'description': 'clothing-dataset-small (CC0-1.0)'},
        'licenses': [],
        'categories': [
            {'id': id, 'name': name, 'supercategory': 'clothes'}
            for name, id in ids.items()
        ],
        'images': (images := []),
        'annotations': (annotations := []),
    }
    pairs = zip(garments.photos, garments.masks, strict=True)
    for id, (photo, mask) in enumerate(pairs, 1):
        h, w = mask['size']
        name = photo.path.relative_to(folder).as_posix()
        images.append({'id': id, 'file_name': name, 'width': w, 'height': h})
        item = {
            'id': id,
            'image_id': id,
            'category_id': ids[photo.garment.name],
            **_box(decode_mask(mask)),
            'iscrowd': 0,
            'segmentation': mask,
            'candidates': [label + 1 for label in photo.garment.candidates],
        }
        annotations.append(item)
    with atomic_write(path) as temporary, temporary.open('w') as file:
        json.dump(content, file)


def write_clothes(folder: Path, garments: Garments) -> None:
    """Write clothes and masks in the try-on layout ``folder``.

    Args:
        folder (Path): Folder to write, or to add to: ``clothes/NAME.jpg``,
            the photographs as they are, and ``masks/NAME.png``, (h, w) px,
            0 or 255.
        garments (Garments): Photographs with masks.
    """
    for photo, mask in zip(garments.photos, garments.masks, strict=True):
        target = folder / _FOLDERS['cloth_mask'] / f'{photo.path.stem}.png'
        write_image(target, decode_mask(mask) * np.uint8(255))
        target = folder / _FOLDERS['cloth'] / photo.path.name
        with atomic_write(target) as temporary:
            temporary.write_bytes(photo.path.read_bytes())


def _cut(photo: GarmentPhoto, orientation: bool) -> dict | Defect:
    """Return the mask of a garment as run lengths, or what is wrong."""
    try:
        image = read_image(photo.path, orientation=orientation)
    except UserError as error:
        return Defect(photo.name, '', reason_of(error, photo.path), UNUSABLE)
    try:
        return encode_mask(mask_garment(image) > 0)
    except MaskError as error:
        what = f'no plausible mask: {error}'
        return Defect(photo.name, '', what, _LEFT_OUT, fatal=False)


def _box(mask: np.ndarray) -> dict:
    """Return ``bbox`` (x, y, w, h) in px and ``area`` of a mask (h, w)."""
    columns, rows = (np.flatnonzero(mask.any(axis)) for axis in (0, 1))
    x, y = int(columns[0]), int(rows[0])
    right, bottom = int(columns[-1]) + 1, int(rows[-1]) + 1
    return {'bbox': [x, y, right - x, bottom - y], 'area': int(mask.sum())}


def _fatal(garments: Garments) -> int:
    return sum(defect.fatal for defect in garments.defects)


def _report(raw: RawGarments, garments: Garments) -> str:
    """Return the table of classes and splits."""
    counts = Counter((p.garment.name, p.split) for p in garments.photos)
    splits = list(dict.fromkeys(photo.split for photo in raw.photos))
    lines = [f'{"class":<16}' + ''.join(f'{s:>12}' for s in splits)]
    for garment in CLASSES:
        cells = ''.join(f'{counts[garment.name, s]:>12,}' for s in splits)
        lines.append(f'{garment.name:<16}{cells}')
    lines.append(f'{"hats, shoes":<16}{raw.others:>12,} left out')
    return '\n'.join(lines)
