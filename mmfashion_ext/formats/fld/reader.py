# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""FLD from disk: a COCO file or the raw data set, one type of clothes."""

import json
from pathlib import Path

import numpy as np
from mmengine.fileio import get_text

from .constants import FLDSplit, Subset, clothes_type
from .raw import RawFLD

_CONVERT = (
    'tools/dataset_converters/fld.py ROOT --split {} --subset {} --out '
    'OUT.json'
)
_REQUIRED = ('id', 'image_id', 'category_id', 'bbox', 'keypoints')


def read_fld(
    ann_file: str, subset: Subset, split: FLDSplit = 'train'
) -> tuple[dict[int, dict], list[dict]]:
    """Read the images and items of a type of clothes.

    Args:
        ann_file (str): One of

            - the JSON of ``tools/dataset_converters/fld.py``, or mmpose's
              ``fld_{upper,lower,full}_{train,val,test}.json``;
            - the root of the raw data set (the folder of ``Anno``, ``Eval``
              and ``Img``), converted while it is read; every defect is an
              error.
        subset (str): ``upper``, ``lower`` or ``full``.
        split (str): Part of the raw data set; a JSON has one split.

    Returns:
        tuple[dict[int, dict], list[dict]]: COCO images by id, and COCO
        annotations, ``num_keypoints`` counted. A raw image has its path as
        ``img_path``.

    Raises:
        FileNotFoundError: ``ann_file`` does not exist.
        ValueError: It cannot be used; the message names the entry.
    """
    how = _CONVERT.format(split, subset)
    local = '://' not in ann_file
    if local and not Path(ann_file).exists():
        raise FileNotFoundError(
            f'{ann_file} does not exist. Make it from raw FLD: {how}'
        )
    if local and Path(ann_file).is_dir():
        return _read_raw(Path(ann_file), subset, split)
    try:
        content = json.loads(get_text(ann_file))
        images, annotations = content['images'], content['annotations']
        by_id = {image['id']: image for image in images}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f'{ann_file} is no COCO file with images and annotations '
            f'({type(error).__name__}: {error}). Make it again: {how}'
        ) from None
    for annotation in annotations:
        try:
            _check(annotation, by_id, subset)
        except ValueError as error:
            raise ValueError(
                f'{ann_file}: annotation {annotation.get("id")} {error}'
            ) from None
    return by_id, annotations


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
        raise ValueError(
            f'{root}/{defects[0]}. This is the first of {len(defects)} '
            'defects; see all with tools/dataset_converters/fld.py ROOT '
            '--check'
        )
    return images, annotations


def _check(annotation: dict, images: dict, subset: Subset) -> None:
    """Check an annotation of a COCO file and count its landmarks.

    Raises:
        ValueError: What is wrong with it.
    """
    if missing := [key for key in _REQUIRED if key not in annotation]:
        raise ValueError(f'lacks {", ".join(missing)}')
    if annotation['image_id'] not in images:
        raise ValueError(
            f'belongs to image {annotation["image_id"]}, which is not in '
            'images'
        )
    check_box(annotation['bbox'])
    clothes = clothes_type(subset)
    keypoints = np.asarray(annotation['keypoints'])
    if keypoints.shape != (3 * clothes.num_landmarks,):
        raise ValueError(
            f'has keypoints of shape {keypoints.shape}, expected '
            f'{3 * clothes.num_landmarks} numbers (x, y, v of the '
            f'{clothes.num_landmarks} landmarks of {subset!r} clothes); does '
            'the subset fit the file?'
        )
    if keypoints.dtype.kind not in 'if' or not np.isfinite(keypoints).all():
        raise ValueError('has keypoints that are no finite numbers')
    v = keypoints[2::3]
    if not np.isin(v, (0, 1, 2)).all():
        raise ValueError('has landmarks with v other than 0, 1 or 2')
    annotation['num_keypoints'] = int((v > 0).sum())


def check_box(box: object) -> None:
    """Check that a box is four finite numbers.

    Raises:
        ValueError: It is not.
    """
    numbers = np.asarray(box)
    if (
        numbers.shape != (4,)
        or numbers.dtype.kind not in 'if'
        or not np.isfinite(numbers).all()
    ):
        raise ValueError(f'has bbox {box!r:.60}, expected 4 numbers xywh')


def read_boxes(bbox_file: str) -> list[dict]:
    """Read detected boxes.

    Args:
        bbox_file (str): JSON, a list of ``image_id``, ``category_id``,
            ``bbox`` xywh px and ``score``.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It cannot be used; the message names the entry.
    """
    if '://' not in bbox_file and not Path(bbox_file).is_file():
        raise FileNotFoundError(
            f'bbox_file {bbox_file} does not exist; write the detections of '
            'a detector in COCO form, or leave it out to use annotated boxes'
        )
    try:
        entries = json.loads(get_text(bbox_file))
    except ValueError as error:
        raise ValueError(f'{bbox_file} is not JSON ({error})') from None
    if not isinstance(entries, list):
        raise ValueError(
            f'{bbox_file} holds a {type(entries).__name__}, expected a list '
            'of detections'
        )
    needed = ('image_id', 'category_id', 'bbox', 'score')
    for index, entry in enumerate(entries):
        try:
            if missing := [key for key in needed if key not in entry]:
                raise ValueError(f'lacks {", ".join(missing)}')
            check_box(entry['bbox'])
        except ValueError as error:
            raise ValueError(f'{bbox_file}: entry {index} {error}') from None
    return entries
