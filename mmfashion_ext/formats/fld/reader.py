# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""FLD reader: a COCO file or the raw dataset, one type of clothes."""

from pathlib import Path
from typing import Any

from ...errors import UserError
from ..checks import Fields
from ..coco import (
    ANNOTATION_FIELDS,
    IMAGE_FIELDS,
    CocoFields,
    read_coco,
    read_detections,
)
from ..rules import MAX_SIDE, Integer, Number, Numbers, OptionalField
from .constants import VARIATIONS, FLDSplit, Subset, clothes_type
from .raw import RawFLD

_CONVERT = (
    'tools/dataset_converters/fld.py ROOT --split {} --subset {} --out '
    'OUT.json'
)
_VARIATION_RANGE = min(VARIATIONS), max(VARIATIONS)


def read_fld(
    ann_file: str, subset: Subset, split: FLDSplit = 'train'
) -> tuple[dict[int, dict], list[dict]]:
    """Read the images and items of a type of clothes.

    Args:
        ann_file (str): One of

            - the JSON of ``tools/dataset_converters/fld.py``, or mmpose's
              ``fld_{upper,lower,full}_{train,val,test}.json``;
            - the root of the raw dataset (the folder of ``Anno``, ``Eval``
              and ``Img``), converted while it is read; every defect is an
              error.
        subset (str): ``upper``, ``lower`` or ``full``.
        split (str): Part of the raw dataset; a JSON has one split.

    Returns:
        tuple[dict[int, dict], list[dict]]: COCO images by id, and COCO
        annotations: ``bbox`` (x, y, w, h), ``keypoints``, the rows of
        (K, 3), in px, and ``num_keypoints``. A raw image has its path as
        ``img_path``.

    Raises:
        FileNotFoundError: ``ann_file`` does not exist.
        UserError: It cannot be used; the message names the entry.
    """
    how = _CONVERT.format(split, subset)
    local = '://' not in ann_file
    if local and not Path(ann_file).exists():
        raise FileNotFoundError(
            f'{ann_file} does not exist. Make it from raw FLD: {how}'
        )
    if local and Path(ann_file).is_dir():
        return _read_raw(Path(ann_file), subset, split)
    fields = CocoFields(
        IMAGE_FIELDS,
        _annotation_fields(subset),
        remedy=f'make it again with {how}',
    )
    truth = read_coco(ann_file, fields)
    for annotation in truth.annotations:
        annotation['num_keypoints'] = sum(
            v > 0 for v in annotation['keypoints'][2::3]
        )
    return truth.images, truth.annotations


def _annotation_fields(subset: Subset) -> Fields:
    """Return the fields of an annotation of a type of clothes."""
    clothes = clothes_type(subset)
    count = clothes.num_landmarks
    return {
        **ANNOTATION_FIELDS,
        'keypoints': _Keypoints(
            3 * count,
            f'x, y, v of the {count} landmarks of {subset!r} clothes; does '
            'the subset fit the file?',
            limit=MAX_SIDE,
        ),
        'area': OptionalField(Number(0, MAX_SIDE**2, 'px^2')),
        'variation': OptionalField(Integer(*_VARIATION_RANGE)),
    }


class _Keypoints(Numbers):
    """Rule for x, y, v of landmarks: v is 0, 1 or 2."""

    def __call__(self, value: Any) -> str:
        """Return what is wrong, an empty text if nothing is."""
        problem = super().__call__(value)
        if not problem and not {*value[2::3]} <= {0, 1, 2}:
            problem = ' with v other than 0, 1 or 2'
        return problem


def _read_raw(
    root: Path, subset: Subset, split: FLDSplit
) -> tuple[dict[int, dict], list[dict]]:
    raw = RawFLD(root)
    defects, images, annotations = list(raw.defects), {}, []
    for read in raw.read(raw.select(split, subset)):
        defects += [defect for defect in read.defects if defect.fatal]
        if read.image:
            path = raw.images / read.image['file_name']
            read.image['img_path'] = str(path)
            images[read.image['id']] = read.image
            annotations += read.annotations
    if defects:
        raise UserError(
            f'{root}/{defects[0]}. This is the first of {len(defects)} '
            'defects; see all with tools/dataset_converters/fld.py ROOT '
            '--check'
        )
    return images, annotations


def read_boxes(bbox_file: str) -> list[dict]:
    """Read detected boxes.

    Args:
        bbox_file (str): JSON, a list of ``image_id``, ``category_id``,
            ``bbox`` (x, y, w, h) in px and ``score``.

    Returns:
        list[dict]: The entries.

    Raises:
        FileNotFoundError: The file does not exist.
        UserError: It cannot be used; the message names the entry.
    """
    if '://' not in bbox_file and not Path(bbox_file).exists():
        raise FileNotFoundError(
            f'bbox_file {bbox_file} does not exist; write the detections of '
            'a detector in COCO form, or leave it out to use annotated boxes'
        )
    return read_detections(bbox_file)
