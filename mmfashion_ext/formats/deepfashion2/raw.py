# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Raw DeepFashion2 annotations: read, checked, converted to COCO.

A split is a folder with ``image/000001.jpg`` and ``annos/000001.json``; one
annotation file holds ``source``, ``pair_id`` and ``item1``, ``item2`` ... in
any order. The conversion is the official one (annotation ids follow the
order of the items in the file, ``area`` is the area of the box, coordinates
in pixels are copied verbatim) plus what it leaves out: ``source``,
``pair_id`` and the four attribute codes.

What is wrong with a file is collected as ``Defect``, never raised: the
published data has several hundred thousand items, and its user wants to see
all defects at once.
"""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ..defects import ConvertedImage, Defect
from .constants import (
    ATTRIBUTES,
    CATEGORIES,
    CATEGORY_BY_ID,
    NUM_LANDMARKS,
    SOURCES,
)

_MEND_ITEM = 'correct the item or leave it out with --skip-invalid'
_MEND_IMAGE = 'correct the file or leave the image out with --skip-invalid'
_ITEM_KEYS = (
    'category_id',
    'style',
    'bounding_box',
    'landmarks',
    'segmentation',
    *ATTRIBUTES,
)


class RawSplit:
    """A raw split as an iterable of ``ConvertedImage``, sorted by file name.

    Args:
        folder (str | Path): Folder that holds ``image/`` and ``annos/``.
        visible_only (bool): Keep landmarks with v = 2 only, as the official
            "visible" ground truth does; the others become x = y = v = 0.

    Raises:
        FileNotFoundError: One of the two folders is missing, or both are
            empty.
    """

    def __init__(self, folder: str | Path, visible_only: bool = False) -> None:
        self.folder = Path(folder)
        self.visible_only = visible_only
        images = self._stems('image', '.jpg')
        annos = self._stems('annos', '.json')
        self.stems = sorted(images | annos)
        if not self.stems:
            raise FileNotFoundError(
                f'{self.folder} holds neither image/*.jpg nor annos/*.json'
            )
        self._complete = images & annos
        self._with_image = images

    def _stems(self, name: str, suffix: str) -> set[str]:
        folder = self.folder / name
        if not folder.is_dir():
            raise FileNotFoundError(
                f'{folder} is not a folder: a DeepFashion2 split holds '
                'image/000001.jpg ... and annos/000001.json ... (the test '
                'split is published without annotations). Name the folder '
                'that holds both, such as .../train'
            )
        return {
            entry.name.removesuffix(suffix)
            for entry in os.scandir(folder)
            if entry.name.endswith(suffix) and not entry.name.startswith('.')
        }

    def __len__(self) -> int:
        return len(self.stems)

    def __iter__(self) -> Iterator[ConvertedImage]:
        next_id, image_ids = 1, set()
        for stem in self.stems:
            raw = self._read(stem)
            if raw.image and raw.image['id'] in image_ids:
                raw = _unusable(
                    f'{stem}.jpg',
                    f'another file has image id {raw.image["id"]} too',
                    'rename one of them',
                )
            if raw.image:
                image_ids.add(raw.image['id'])
            for annotation in raw.annotations:
                annotation['id'] = next_id
                next_id += 1
            yield raw

    def _read(self, stem: str) -> ConvertedImage:
        """Read one image's size and annotation, and convert them."""
        image_file, anno_file = f'{stem}.jpg', f'{stem}.json'
        if stem not in self._complete:
            if stem in self._with_image:
                return _unusable(
                    image_file,
                    f'has no annotation annos/{anno_file}',
                    'put it back or leave the image out with --skip-invalid',
                )
            return _unusable(
                anno_file,
                f'has no image image/{image_file}',
                'put it back or leave the image out with --skip-invalid',
            )
        if not (stem.isascii() and stem.isdigit()):
            return _unusable(
                image_file,
                'the name is not a number, so it gives no image id',
                'rename image and annotation to six digits',
            )
        try:
            with Image.open(self.folder / 'image' / image_file) as image:
                size = image.size
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            return _unusable(
                image_file,
                f'is not a readable image ({type(error).__name__})',
                'extract it again or leave it out with --skip-invalid',
            )
        try:
            with open(self.folder / 'annos' / anno_file, 'rb') as file:
                content = json.load(file)
        except (OSError, ValueError, RecursionError) as error:
            return _unusable(
                anno_file,
                f'is not readable JSON ({error})',
                'extract it again or leave it out with --skip-invalid',
            )
        return _convert(stem, content, size, self.visible_only)


def coco_categories() -> list[dict]:
    """The 13 ``categories`` of the official COCO files."""
    numbers = [str(i) for i in range(1, NUM_LANDMARKS + 1)]
    return [
        {
            'id': category.id,
            'name': category.name,
            'supercategory': 'clothes',
            'keypoints': numbers,
            'skeleton': [],
        }
        for category in CATEGORIES
    ]


def _unusable(
    file: str, what: str, remedy: str = _MEND_IMAGE
) -> ConvertedImage:
    return ConvertedImage(defects=[Defect(file, '', what, remedy)])


def _convert(
    stem: str, content: object, size: tuple[int, int], visible_only: bool
) -> ConvertedImage:
    """Convert one annotation file; ``size`` is (w, h) in pixels."""
    file = f'{stem}.json'
    if not isinstance(content, dict):
        return _unusable(
            file, f'holds a {type(content).__name__}, expected an object'
        )
    source, pair_id = content.get('source'), content.get('pair_id')
    if source not in SOURCES:
        return _unusable(
            file, f"source is {source!r}, expected 'user' or 'shop'"
        )
    if not _is_int(pair_id):
        return _unusable(file, f'pair_id is {pair_id!r}, expected an integer')
    raw = ConvertedImage(
        image={
            'coco_url': '',
            'date_captured': '',
            'file_name': f'{stem}.jpg',
            'flickr_url': '',
            'id': int(stem),
            'license': 0,
            'width': size[0],
            'height': size[1],
            'source': source,
            'pair_id': pair_id,
        }
    )
    for key, item in content.items():
        if key in ('source', 'pair_id'):
            continue
        faults = list(_item_faults(item, size))
        raw.defects += [Defect(file, key, *fault) for fault in faults]
        if not any(fatal for _, _, fatal in faults):
            raw.annotations.append(
                {
                    'image_id': raw.image['id'],
                    'source': source,
                    'pair_id': pair_id,
                    **_convert_item(item, visible_only),
                }
            )
    return raw


def _convert_item(item: dict, visible_only: bool) -> dict:
    """Convert an item without fatal faults."""
    x1, y1, x2, y2 = item['bounding_box']
    local = np.reshape(item['landmarks'], (-1, 3)).astype(float)
    if visible_only:
        local[local[:, 2] != 2] = 0
    keypoints = np.zeros((NUM_LANDMARKS, 3))
    keypoints[CATEGORY_BY_ID[item['category_id']].slice] = local
    outline, *parts = item['segmentation']
    return {
        'category_id': item['category_id'],
        'style': item['style'],
        'bbox': [x1, y1, x2 - x1, y2 - y1],
        'area': (x2 - x1) * (y2 - y1),
        'iscrowd': 0,
        'segmentation': [
            outline,
            *(part for part in parts if not _polygon_fault(part)),
        ],
        'keypoints': keypoints.ravel().tolist(),
        'num_keypoints': int((local[:, 2] > 0).sum()),
        **{name: item[name] for name in ATTRIBUTES},
    }


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _numbers(value: object) -> np.ndarray | None:
    """A flat list of finite numbers as an array; None if it is not one."""
    if not isinstance(value, list):
        return None
    try:
        numbers = np.array(value)
    except ValueError:  # lists of different lengths inside
        return None
    if numbers.ndim != 1 or numbers.dtype.kind not in 'if':
        return None
    return numbers if np.isfinite(numbers).all() else None


# A fault: what is wrong, the remedy, whether the item is unusable.
_Fault = tuple[str, str, bool]


def _item_faults(item: object, size: tuple[int, int]) -> Iterator[_Fault]:
    """What is wrong with an item of an image of ``size`` (w, h)."""
    if not isinstance(item, dict):
        yield f'is {item!r:.40}, expected an item (object)', _MEND_ITEM, True
        return
    missing = [key for key in _ITEM_KEYS if key not in item]
    if missing:
        yield f'lacks {", ".join(missing)}', _MEND_ITEM, True
        return
    yield from _box_faults(item['bounding_box'], size)
    yield from _landmark_faults(item)
    yield from _segmentation_faults(item['segmentation'])
    style = item['style']
    if not _is_int(style) or style < 0:
        what = f'style is {style!r}, expected an integer from 0'
        yield what, _MEND_ITEM, True
    for name in ATTRIBUTES:
        code = item[name]
        if not _is_int(code) or code not in ATTRIBUTES[name]:
            what = f'{name} is {code!r}, expected 1, 2 or 3'
            yield what, _MEND_ITEM, True


def _box_faults(value: object, size: tuple[int, int]) -> Iterator[_Fault]:
    box = _numbers(value)
    if box is None or len(box) != 4:
        what = (
            f'bounding_box is {value!r:.60}, expected 4 finite numbers '
            '[x1, y1, x2, y2]'
        )
        yield what, _MEND_ITEM, True
        return
    x1, y1, x2, y2 = box
    if x2 < x1 or y2 < y1:
        what = f'bounding_box {value} is inverted, expected x1 < x2, y1 < y2'
        yield what, _MEND_ITEM, True
    elif x2 - x1 < 1 or y2 - y1 < 1:
        what = f'bounding_box {value} is narrower or lower than 1 px'
        yield what, _MEND_ITEM, True
    elif x1 >= size[0] or y1 >= size[1] or x2 <= 0 or y2 <= 0:
        what = (
            f'bounding_box {value} lies outside the image '
            f'({size[0]} x {size[1]} px)'
        )
        yield what, _MEND_ITEM, True
    elif box.dtype.kind == 'f':
        what = f'bounding_box {value} has decimals, the data set has integers'
        yield what, 'kept as it is', False


def _landmark_faults(item: dict) -> Iterator[_Fault]:
    """Category and landmarks; the category says how many there must be."""
    category_id = item['category_id']
    if not _is_int(category_id) or category_id not in CATEGORY_BY_ID:
        what = f'category_id {category_id!r} is unknown, expected 1..13'
        yield what, _MEND_ITEM, True
        return
    category = CATEGORY_BY_ID[category_id]
    name = item.get('category_name', category.raw_name)
    if name != category.raw_name:
        what = (
            f'category_name is {name!r}, but category_id {category_id} is '
            f'{category.raw_name!r}'
        )
        yield what, 'the id is used', False
    landmarks = _numbers(item['landmarks'])
    if landmarks is None:
        what = 'landmarks is not a flat list of finite numbers'
        yield what, _MEND_ITEM, True
    elif len(landmarks) != 3 * category.num_landmarks:
        what = (
            f'landmarks has {len(landmarks)} numbers, expected '
            f'{3 * category.num_landmarks} (3 x {category.num_landmarks} of '
            f'{category.raw_name})'
        )
        yield what, _MEND_ITEM, True
    elif bad := set(item['landmarks'][2::3]) - {0, 1, 2}:
        what = f'landmarks has visibility {min(bad):g}, expected 0, 1 or 2'
        yield what, _MEND_ITEM, True


def _segmentation_faults(value: object) -> Iterator[_Fault]:
    """Only the first polygon, the whole outline, is indispensable."""
    if not isinstance(value, list) or not value:
        what = (
            f'segmentation is {value!r:.40}, expected a list of polygons '
            '[x1, y1, x2, y2, x3, y3, ...]'
        )
        yield what, _MEND_ITEM, True
        return
    for i, polygon in enumerate(value):
        fault = _polygon_fault(polygon)
        if fault:
            what = f'polygon {i + 1} of segmentation {fault}'
            if i == 0:
                yield what, _MEND_ITEM, True
                return
            yield what, 'the polygon is left out', False


def _polygon_fault(polygon: object) -> str:
    """What makes a polygon unusable; empty if nothing does."""
    numbers = _numbers(polygon)
    if numbers is None:
        return 'is not a flat list of finite numbers'
    if len(numbers) % 2:
        return f'has {len(numbers)} numbers, expected x, y pairs'
    if len(numbers) < 6:
        return f'has {len(numbers) // 2} points, expected 3 or more'
    x, y = numbers[::2] - numbers[0], numbers[1::2] - numbers[1]
    # the shoelace formula; seen from the first point the closing term is 0
    twice_area = x[:-1] @ y[1:] - y[:-1] @ x[1:]
    if math.isclose(twice_area, 0, abs_tol=1e-6):
        return 'has no area'
    return ''
