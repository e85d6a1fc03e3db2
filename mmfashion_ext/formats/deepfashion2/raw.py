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
from typing import Any

import numpy as np

from ...errors import UserError
from ...utils.images import IMAGE_SUFFIXES
from ...utils.sources import check_regular_file
from ..checks import Fields, find_problems
from ..defects import ConvertedImage, Defect, orientation_notes
from ..image_files import reason_of, stored_size
from ..rules import MAX_SIDE, Choice, Integer, Numbers, show
from .constants import (
    ATTRIBUTES,
    CATEGORIES,
    CATEGORY_BY_ID,
    NUM_LANDMARKS,
    SOURCES,
)

_FIX_ITEM = 'correct the item or leave it out with --skip-invalid'
_FIX_IMAGE = 'correct the file or leave the image out with --skip-invalid'
_EXTRACT = 'extract it again or leave it out with --skip-invalid'
_PUT_BACK = 'put it back or leave the image out with --skip-invalid'
_IMAGE: Fields = {'source': Choice(SOURCES), 'pair_id': Integer()}
_ITEM: Fields = {
    'category_id': Integer(1, len(CATEGORIES)),
    'style': Integer(0),
    'bounding_box': Numbers(4, 'x1, y1, x2, y2 in px', MAX_SIDE),
    'landmarks': None,  # the category says how many there must be
    'segmentation': None,  # only the first polygon is indispensable
    **{name: Choice((*codes,)) for name, codes in ATTRIBUTES.items()},
}
_POLYGON = Numbers(note='x, y ... in px', limit=MAX_SIDE)


class RawSplit:
    """A raw split as an iterable of ``ConvertedImage``, sorted by file name.

    Boxes become (x, y, w, h), landmarks the rows of (294, 3), all in px of
    the stored image, whose size is (w, h).

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
        self._images = self._files('image', IMAGE_SUFFIXES)
        self._annos = self._files('annos', ('.json',))
        self.stems = sorted({*self._images, *self._annos})
        if not self.stems:
            raise FileNotFoundError(
                f'{self.folder} holds neither image/*.jpg nor annos/*.json'
            )

    def _files(
        self, name: str, suffixes: tuple[str, ...]
    ) -> dict[str, list[str]]:
        """Return stem -> names of the files of a folder, in any case."""
        folder = self.folder / name
        if not folder.is_dir():
            raise FileNotFoundError(
                f'{folder} is not a folder: a DeepFashion2 split holds '
                'image/000001.jpg ... and annos/000001.json ... (the test '
                'split is published without annotations). Name the folder '
                'that holds both, such as .../train'
            )
        files: dict[str, list[str]] = {}
        for file in os.listdir(folder):
            stem, suffix = os.path.splitext(file)
            if suffix.lower() in suffixes and not file.startswith('.'):
                files.setdefault(stem, []).append(file)
        return files

    def __len__(self) -> int:
        return len(self.stems)

    def __iter__(self) -> Iterator[ConvertedImage]:
        next_id, image_ids = 1, set()
        for stem in self.stems:
            raw = self._read(stem)
            if raw.image and raw.image['id'] in image_ids:
                raw = _unusable(
                    raw.image['file_name'],
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
        images = self._images.get(stem, [f'{stem}.jpg'])
        annos = self._annos.get(stem, [f'{stem}.json'])
        for files in (images, annos):
            if len(files) > 1:
                return _unusable(
                    min(files),
                    f'has the number of {max(files)}',
                    'remove one of them',
                )
        image_file, anno_file = images[0], annos[0]
        if stem not in self._annos:
            return _unusable(
                image_file, f'has no annotation annos/{anno_file}', _PUT_BACK
            )
        if stem not in self._images:
            return _unusable(
                anno_file, f'has no image image/{image_file}', _PUT_BACK
            )
        if not (stem.isascii() and stem.isdigit() and len(stem) < 19):
            return _unusable(
                image_file,
                'the name is not a number, so it gives no image id',
                'rename image and annotation to six digits',
            )
        try:
            # annotations refer to the stored pixels
            path = self.folder / 'image' / image_file
            size = stored_size(path)
            notes = orientation_notes(path, image_file)
        except UserError as error:
            return _unusable(image_file, str(error), _EXTRACT)
        path = self.folder / 'annos' / anno_file
        try:
            check_regular_file(path)
            content = json.loads(path.read_bytes())
        except UserError as error:
            return _unusable(anno_file, reason_of(error, path), _EXTRACT)
        except (OSError, ValueError, RecursionError) as error:
            what = f'is not valid JSON ({error})'
            return _unusable(anno_file, what, _EXTRACT)
        raw = _convert(
            (image_file, anno_file), content, size, self.visible_only
        )
        raw.defects += notes
        return raw


def coco_categories() -> list[dict]:
    """Return the 13 ``categories`` of the official COCO files."""
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
    file: str, what: str, remedy: str = _FIX_IMAGE
) -> ConvertedImage:
    return ConvertedImage(defects=[Defect(file, '', what, remedy)])


def _convert(
    files: tuple[str, str],
    content: Any,
    size: tuple[int, int],
    visible_only: bool,
) -> ConvertedImage:
    """Convert one annotation file; ``size`` is (w, h) in pixels."""
    image_file, file = files
    for problem in find_problems(content, _IMAGE):
        return _unusable(file, problem.text)
    source, pair_id = content['source'], content['pair_id']
    image = {
        'coco_url': '',
        'date_captured': '',
        'file_name': image_file,
        'flickr_url': '',
        'id': int(Path(image_file).stem),
        'license': 0,
        'width': size[0],
        'height': size[1],
        'source': source,
        'pair_id': pair_id,
    }
    raw = ConvertedImage(image)
    for key, item in content.items():
        if key in ('source', 'pair_id'):
            continue
        faults = list(_item_faults(item, size))
        raw.defects += [Defect(file, key, *fault) for fault in faults]
        if not any(fatal for _, _, fatal in faults):
            raw.annotations.append(
                {
                    'image_id': image['id'],
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


# A fault: what is wrong, the remedy, whether the item is unusable.
_Fault = tuple[str, str, bool]


def _item_faults(item: Any, size: tuple[int, int]) -> Iterator[_Fault]:
    """Yield what is wrong with an item of an image of ``size`` (w, h)."""
    wrong = set()
    for field, text in find_problems(item, _ITEM):
        wrong.add(field)
        yield text, _FIX_ITEM, True
    if '' in wrong:  # not an item, or a field is missing
        return
    if 'bounding_box' not in wrong:
        yield from _box_faults(item['bounding_box'], size)
    if 'category_id' not in wrong:
        yield from _landmark_faults(item)
    yield from _segmentation_faults(item['segmentation'])


def _box_faults(box: list[float], size: tuple[int, int]) -> Iterator[_Fault]:
    x1, y1, x2, y2 = box
    where = f'has bounding_box {box}'
    if x2 < x1 or y2 < y1:
        what = f'{where}, which is inverted, expected x1 < x2 and y1 < y2'
        yield what, _FIX_ITEM, True
    elif x2 - x1 < 1 or y2 - y1 < 1:
        yield f'{where}, narrower or lower than 1 px', _FIX_ITEM, True
    elif x1 >= size[0] or y1 >= size[1] or x2 <= 0 or y2 <= 0:
        what = f'{where}, outside the image ({size[0]} x {size[1]} px)'
        yield what, _FIX_ITEM, True
    elif np.array(box).dtype.kind == 'f':
        what = f'{where} with decimals, the dataset has integers'
        yield what, 'kept as it is', False


def _landmark_faults(item: dict) -> Iterator[_Fault]:
    """Yield what is wrong with the landmarks; the category is known."""
    category = CATEGORY_BY_ID[item['category_id']]
    name = item.get('category_name', category.raw_name)
    if name != category.raw_name:
        what = (
            f'has category_name {show(name)}, but category_id {category.id} '
            f'is {category.raw_name!r}'
        )
        yield what, 'the id is used', False
    count = category.num_landmarks
    rule = Numbers(3 * count, f'3 x {count} of {category.raw_name}', MAX_SIDE)
    if problem := rule(item['landmarks']):
        yield f'has landmarks{problem}', _FIX_ITEM, True
    elif bad := set(item['landmarks'][2::3]) - {0, 1, 2}:
        what = f'has a landmark with v = {min(bad):g}, expected 0, 1 or 2'
        yield what, _FIX_ITEM, True


def _segmentation_faults(value: object) -> Iterator[_Fault]:
    """Yield faults; only the first polygon, the outline, must be right."""
    if not isinstance(value, list) or not value:
        what = (
            f'has segmentation {show(value)}, expected a list of polygons '
            '[x1, y1, x2, y2, x3, y3, ...]'
        )
        yield what, _FIX_ITEM, True
        return
    for i, polygon in enumerate(value):
        if fault := _polygon_fault(polygon):
            what = f'has segmentation[{i}]{fault}'
            if i == 0:
                yield what, _FIX_ITEM, True
                return
            yield what, 'the polygon is left out', False


def _polygon_fault(polygon: Any) -> str:
    """Return what makes a polygon unusable; '' if nothing does."""
    if problem := _POLYGON(polygon):
        return problem
    if len(polygon) % 2:
        return f' of {len(polygon)} numbers, expected x, y pairs'
    if len(polygon) < 6:
        return f' of {len(polygon) // 2} points, expected 3 or more'
    numbers = np.array(polygon)
    x, y = numbers[::2] - numbers[0], numbers[1::2] - numbers[1]
    # the shoelace formula; seen from the first point the closing term is 0
    twice_area = x[:-1] @ y[1:] - y[:-1] @ x[1:]
    if math.isclose(twice_area, 0, abs_tol=1e-6):
        return ' without area'
    return ''
