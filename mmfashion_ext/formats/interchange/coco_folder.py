# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Predictions as COCO JSON, and as a folder that FiftyOne reads.

::

    FOLDER/data/street.jpg   the images
    FOLDER/labels.json       COCO: boxes, masks, landmarks, scores

FiftyOne loads it as ``fiftyone.types.COCODetectionDataset``, supervision by
``DetectionDataset.from_coco``.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from ...utils.files import atomic_write, make_folder, write_json
from ...utils.images import image_size
from ..deepfashion2.constants import CATEGORIES
from ..deepfashion2.landmark_names import LANDMARK_NAMES
from ..run_lengths import encode_mask

DATA, LABELS = 'data', 'labels.json'
_VISIBLE = 2


def to_coco(
    predictions: Iterable[dict],
    sizes: Mapping[str, tuple[int, int]] | None = None,
) -> dict:
    """Return predictions of images as COCO ground truth with scores.

    Args:
        predictions (Iterable[dict]): Of the inferencers of Match R-CNN and
            landmarks: ``input``, ``bboxes`` (N, 4) xyxy px, ``scores``,
            ``labels`` (N,) 0..12; if there are any ``masks``, (N, h, w) bool
            or RLE, and ``keypoints``, (K, 2) px of each item.
        sizes (Mapping[str, tuple[int, int]], optional): ``input`` -> (w, h)
            px. Defaults to None: read from the files.

    Returns:
        dict: ``images``, ``annotations`` and DeepFashion2's ``categories``;
        boxes are (x, y, w, h) in px, masks RLE, landmarks x, y, 2.

    Raises:
        UserError: An image is not a file and has no size.
    """
    images: list[dict] = []
    annotations: list[dict] = []
    for number, prediction in enumerate(predictions, 1):
        name = str(prediction['input'])
        width, height = (sizes or {}).get(name) or _size(name)
        images.append(
            {'id': number, 'file_name': name, 'width': width, 'height': height}
        )
        for item in range(len(prediction['scores'])):
            annotation = _annotation(prediction, item)
            annotations.append(
                {'id': len(annotations) + 1, 'image_id': number, **annotation}
            )
    return {
        'images': images,
        'annotations': annotations,
        'categories': _categories(),
    }


class CocoFolder:
    """Collect predictions in a folder of images and COCO JSON.

    Images are (h, w) px files; they are linked, or copied to another disk.

    Args:
        folder (str | Path): Made if missing.

    Raises:
        UserError: It holds something already.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        make_folder(self.folder)
        if any(self.folder.iterdir()):
            raise UserError(
                f'{folder} is not empty; name a new folder for COCO'
            )
        self._predictions: list[dict] = []
        self._sizes: dict[str, tuple[int, int]] = {}

    def add(self, prediction: dict) -> None:
        """Add a prediction of an image file, see :func:`to_coco`.

        Masks (N, h, w) are kept as run lengths.

        Raises:
            UserError: The image is not a file.
        """
        source = Path(str(prediction['input'])).expanduser()
        if 'frame_id' in prediction or not source.is_file():
            raise UserError(
                f'{prediction["input"]}: COCO needs image files, got a frame '
                'of a video, a URL or an array; write it as an image first'
            )
        name = source.name
        number = 2
        while name in self._sizes:
            name = f'{source.stem}-{number}{source.suffix}'
            number += 1
        self._sizes[name] = _size(str(source))
        _link(source, self.folder / DATA / name)
        kept = {**prediction, 'input': name}
        if 'masks' in prediction:
            kept['masks'] = [_rle(mask) for mask in prediction['masks']]
        self._predictions.append(kept)

    def discard(self) -> None:
        """Remove the folder, after an error."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Write ``labels.json``."""
        content = to_coco(self._predictions, self._sizes)
        write_json(self.folder / LABELS, content)


def _annotation(prediction: dict, item: int) -> dict[str, Any]:
    """Return the COCO annotation of one item."""
    x1, y1, x2, y2 = (float(v) for v in prediction['bboxes'][item])
    annotation: dict[str, Any] = {
        'category_id': int(prediction['labels'][item]) + 1,
        'bbox': [x1, y1, x2 - x1, y2 - y1],
        'area': (x2 - x1) * (y2 - y1),
        'iscrowd': 0,
        'score': float(prediction['scores'][item]),
    }
    if 'masks' in prediction:
        annotation['segmentation'] = _rle(prediction['masks'][item])
    if 'keypoints' in prediction:
        points = np.asarray(prediction['keypoints'][item], float)
        visible = np.full((len(points), 1), _VISIBLE)
        flat = np.hstack([points.reshape(-1, 2), visible])
        annotation['keypoints'] = flat.ravel().tolist()
        annotation['num_keypoints'] = len(points)
    return annotation


def _categories() -> list[dict]:
    """Return DeepFashion2's categories, each with its own landmarks."""
    return [
        {
            'id': category.id,
            'name': category.name,
            'supercategory': 'clothes',
            'keypoints': list(LANDMARK_NAMES[label]),
            'skeleton': [],
        }
        for label, category in enumerate(CATEGORIES)
    ]


def _rle(mask: Any) -> dict:
    return mask if isinstance(mask, dict) else encode_mask(np.asarray(mask))


def _size(path: str) -> tuple[int, int]:
    """Return (w, h) px of an image file."""
    if not Path(path).expanduser().is_file():
        raise UserError(
            f'{path} is not an image file; pass its (w, h) in sizes'
        )
    width, height = image_size(Path(path).expanduser())[:2]
    return int(width), int(height)


def _link(source: Path, target: Path) -> None:
    make_folder(target.parent)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        with atomic_write(target) as temporary:
            shutil.copyfile(source, temporary)
