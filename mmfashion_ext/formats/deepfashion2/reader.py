# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2 reader: COCO files or a raw split, image by image."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import UserError
from ..checks import Fields, name_record
from ..coco import (
    ANNOTATION_FIELDS,
    IMAGE_FIELDS,
    CocoFields,
    Segmentation,
    read_coco,
)
from ..rules import (
    MAX_SIDE,
    Choice,
    Integer,
    Number,
    Numbers,
    OptionalField,
    as_numbers,
    is_integer,
)
from .constants import ATTRIBUTES, CATEGORY_BY_ID, NUM_LANDMARKS
from .raw import RawSplit

_CONVERT = 'tools/dataset_converters/deepfashion2.py SPLIT_DIR --out OUT.json'
_AGAIN = f'make it again with {_CONVERT}'
_KEYPOINTS = Numbers(
    3 * NUM_LANDMARKS, 'x, y, v of 294 landmarks', limit=MAX_SIDE
)
_IMAGE: Fields = {
    **IMAGE_FIELDS,
    'source': OptionalField(Choice(('', 'user', 'shop'))),
    'pair_id': OptionalField(Integer()),
}
_ANNOTATION: Fields = {
    **ANNOTATION_FIELDS,
    'category_id': Integer(1, len(CATEGORY_BY_ID)),
    'area': Number(0, MAX_SIDE**2, 'px^2'),
    'keypoints': None,
    'segmentation': OptionalField(Segmentation()),
    'style': OptionalField(Integer()),
    'pair_id': OptionalField(Integer()),
    **{name: OptionalField(Integer(0, 3)) for name in ATTRIBUTES},
}


def read_images(
    ann_file: str,
    annotated: bool = True,
    backend_args: dict | None = None,
) -> Iterator[tuple[dict, list[dict]]]:
    """Read a split: image records, each with its annotations.

    Args:
        ann_file (str): One of

            - the JSON that ``tools/dataset_converters/deepfashion2.py``
              writes;
            - a COCO file of the official converter, which leaves out
              ``source`` and the attribute codes;
            - the ``annos`` folder of a raw split (or the split itself),
              converted while it is read; every defect is an error.
        annotated (bool): Whether the file must have annotations; the test
            split is published without.
        backend_args (dict, optional): MMEngine's file backend.

    Yields:
        tuple[dict, list[dict]]: Image and annotations as in the COCO file,
        but ``keypoints`` is (n, 3) float32: x, y in pixels of the image and
        v of the n landmarks of the item's category.

    Raises:
        FileNotFoundError: ``ann_file`` does not exist.
        UserError: It cannot be read; the message names the item.
    """
    local = '://' not in ann_file
    if local and not backend_args and not Path(ann_file).exists():
        raise FileNotFoundError(
            f'{ann_file} does not exist. Make it from a raw '
            f'DeepFashion2 split: {_CONVERT}'
        )
    if local and Path(ann_file).is_dir():
        yield from _read_raw(Path(ann_file))
        return
    fields = CocoFields(
        _IMAGE, _ANNOTATION, annotated=annotated, remedy=_AGAIN
    )
    # 882 Python numbers for each item of train do not fit into memory; the
    # hook reduces each item as soon as it is parsed
    truth = read_coco(
        ann_file, fields, object_hook=_compact, backend_args=backend_args
    )
    for index, annotation in enumerate(truth.annotations):
        _finish(annotation, f'{ann_file}: annotation', index)
        image = truth.images[annotation['image_id']]
        _check_mask_size(annotation, image, ann_file)
    yield from truth.by_image()


def _read_raw(folder: Path) -> Iterator[tuple[dict, list[dict]]]:
    """Read a raw split; ``folder`` is its ``annos`` or the split itself."""
    split = folder if (folder / 'annos').is_dir() else folder.parent
    for raw in RawSplit(split):
        for defect in raw.defects:
            if defect.fatal:
                raise UserError(
                    f'{folder}/{defect}. See all defects with: {_CONVERT} '
                    '--check'
                )
        for index, annotation in enumerate(raw.annotations):
            _finish(_compact(annotation), f'{folder}: annotation', index)
        assert raw.image is not None  # no fatal defect
        yield raw.image, raw.annotations


def _compact(record: dict) -> dict:
    """Keep the landmarks of an annotation's own category: (n, 3) float32.

    Whatever is wrong is left as it is, for the checks that follow.
    """
    category_id = record.get('category_id')
    if not is_integer(category_id) or category_id not in CATEGORY_BY_ID:
        return record
    keypoints = as_numbers(record.get('keypoints'))
    if keypoints is not None and keypoints.shape == (3 * NUM_LANDMARKS,):
        part = CATEGORY_BY_ID[category_id].slice
        local = keypoints.reshape(NUM_LANDMARKS, 3)[part]
        if (np.abs(local) <= MAX_SIDE).all():  # NaN is not
            record['keypoints'] = local.astype(np.float32)
    return record


def _check_mask_size(annotation: dict, image: dict, ann_file: str) -> None:
    """Check that a mask of run lengths is as large as its image."""
    mask = annotation.get('segmentation')
    size = [image['height'], image['width']]
    if isinstance(mask, dict) and list(mask['size']) != size:
        raise UserError(
            f'{ann_file}: annotation {annotation["id"]} has segmentation of '
            f'size {list(mask["size"])} (h, w in px), expected {size}, that '
            f'of its image {image["file_name"]}; {_AGAIN}'
        )


def _finish(annotation: dict, where: str, index: int) -> None:
    """Check the landmarks of an annotation and count the labelled ones."""
    keypoints, problem = annotation['keypoints'], ''
    if not isinstance(keypoints, np.ndarray):
        problem = _KEYPOINTS(keypoints)
    elif not np.isin(keypoints[:, 2], (0, 1, 2)).all():
        problem = ' with a visibility other than 0, 1 or 2'
    if problem:
        raise UserError(
            f'{where} {name_record(annotation, index)} has keypoints{problem}'
            f'; {_AGAIN}'
        )
    annotation['num_keypoints'] = int((keypoints[:, 2] > 0).sum())
