# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2 from disk: COCO files or a raw split, item by item."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.fileio import get_text

from .constants import CATEGORY_BY_ID, NUM_LANDMARKS
from .raw import RawSplit

_CONVERT = 'tools/dataset_converters/deepfashion2.py SPLIT_DIR --out OUT.json'
_REQUIRED = ('id', 'image_id', 'category_id', 'bbox', 'area', 'keypoints')


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
        ValueError: It cannot be read; the message names the item.
    """
    local = '://' not in ann_file
    if local and not Path(ann_file).exists():
        raise FileNotFoundError(
            f'{ann_file} does not exist. Make it from a raw '
            f'DeepFashion2 split: {_CONVERT}'
        )
    if local and Path(ann_file).is_dir():
        yield from _read_raw(Path(ann_file))
    else:
        text = get_text(ann_file, backend_args=backend_args)
        needed = ('images', 'annotations')[: 2 if annotated else 1]
        yield from _read_coco(ann_file, text, needed)


def _read_raw(folder: Path) -> Iterator[tuple[dict, list[dict]]]:
    """Read a raw split; ``folder`` is its ``annos`` or the split itself."""
    split = folder if (folder / 'annos').is_dir() else folder.parent
    for raw in RawSplit(split):
        for defect in raw.defects:
            if defect.fatal:
                raise ValueError(
                    f'{folder}/{defect}. See all defects with: {_CONVERT} '
                    '--check'
                )
        annotations = [
            _compact_keypoints(annotation, str(folder))
            for annotation in raw.annotations
        ]
        yield raw.image, annotations


def _read_coco(
    path: str, text: str, needed: tuple[str, ...]
) -> Iterator[tuple[dict, list[dict]]]:
    """Read a COCO file, images in the order of the file."""

    def compact(entry: dict) -> dict:
        if 'category_id' in entry and 'image_id' in entry:
            return _compact_keypoints(entry, path)
        return entry

    try:
        # 882 Python numbers for each item of train do not fit into memory;
        # the hook reduces each item as soon as it is parsed.
        content = json.loads(text, object_hook=compact)
    except json.JSONDecodeError as error:
        raise ValueError(
            f'{path} is not readable JSON ({error}). Make it again: {_CONVERT}'
        ) from None
    missing = [key for key in needed if key not in content]
    if missing or not isinstance(content, dict):
        raise ValueError(
            f'{path} has no {" and no ".join(missing)}: it is not a COCO '
            f'annotation file. Make one: {_CONVERT}'
        )
    by_image = {image['id']: [] for image in content['images']}
    annotations = content.get('annotations', [])
    for annotation in annotations:
        where = f'{path}: annotation {annotation.get("id")}'
        missing = [key for key in _REQUIRED if key not in annotation]
        if missing:
            raise ValueError(f'{where} lacks {", ".join(missing)}')
        if annotation['image_id'] not in by_image:
            raise ValueError(
                f'{where} belongs to image {annotation["image_id"]}, which is '
                'not in images'
            )
        by_image[annotation['image_id']].append(annotation)
    ids = {annotation['id'] for annotation in annotations}
    for name, unique in ('images', by_image), ('annotations', ids):
        if len(unique) != len(content.get(name, [])):
            raise ValueError(f'{path}: ids of {name} are not unique')
    for image in content['images']:
        yield image, by_image[image['id']]


def _compact_keypoints(annotation: dict, path: str) -> dict:
    """Keep the landmarks of the item's category only: (n, 3) float32."""
    where = f'{path}: annotation {annotation.get("id")}'
    category = CATEGORY_BY_ID.get(annotation['category_id'])
    if category is None:
        raise ValueError(
            f'{where} has category_id {annotation["category_id"]}, expected '
            '1..13'
        )
    keypoints = np.array(annotation.get('keypoints', ()))
    if keypoints.shape != (3 * NUM_LANDMARKS,):
        raise ValueError(
            f'{where} has keypoints of shape {keypoints.shape}, expected '
            f'{3 * NUM_LANDMARKS} numbers (294 x [x, y, v]). Make the file '
            f'again: {_CONVERT}'
        )
    local = keypoints.reshape(NUM_LANDMARKS, 3)[category.slice]
    if local.dtype.kind not in 'if' or not np.isfinite(local).all():
        raise ValueError(f'{where} has keypoints that are no finite numbers')
    if not np.isin(local[:, 2], (0, 1, 2)).all():
        raise ValueError(
            f'{where} has landmarks with a visibility other than 0, 1 or 2'
        )
    annotation['keypoints'] = local.astype(np.float32)
    annotation['num_keypoints'] = int((local[:, 2] > 0).sum())
    return annotation
