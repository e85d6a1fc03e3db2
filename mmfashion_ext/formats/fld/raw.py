# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Raw FLD annotations: read, checked, converted to COCO.

The dataset is three lists and the images::

    ROOT/Anno/list_landmarks.txt       name type variation [state x y] * K
    ROOT/Anno/list_bbox.txt            name x1 y1 x2 y2
    ROOT/Eval/list_eval_partition.txt  name train|val|test
    ROOT/Img/...

Row 1 of a list is the number of rows, row 2 the names of the columns. Rows of
upper and lower clothes have 6 or 4 landmarks, or are padded to 8 with zeros.
Coordinates, in pixels, are copied verbatim.

What is wrong is collected as ``Defect``, never raised: a user with 123,016
images wants to see all defects at once.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from ...utils.sources import check_regular_file
from ..checks import Fields, find_problems, parse_integer, parse_integers
from ..defects import ConvertedImage, Defect, orientation_notes
from ..image_files import stored_size, with_any_ending
from ..rules import Choice, Integer, show
from .constants import (
    CATEGORY_ID,
    CATEGORY_NAME,
    CLOTHES_TYPE_BY_ID,
    MAX_LANDMARKS,
    RAW_VISIBILITY,
    SPLITS,
    VARIATIONS,
    ClothesType,
    FLDSplit,
    Subset,
)

LANDMARKS = 'Anno/list_landmarks.txt'
BOXES = 'Anno/list_bbox.txt'
PARTITION = 'Eval/list_eval_partition.txt'

_FIX_ROW = 'correct the row or leave it out with --skip-invalid'
_FIX_LIST = 'extract the list again or go on with --skip-invalid'
_FIX_IMAGE = 'extract it again or leave the row out with --skip-invalid'
_ROW: Fields = {
    'clothes type': Choice((*CLOTHES_TYPE_BY_ID,)),
    'variation': Integer(min(VARIATIONS), max(VARIATIONS)),
}
_SPLIT: Fields = {'split': Choice(SPLITS)}


@dataclass(frozen=True)
class LandmarkRow:
    """A row of the list of landmarks.

    Attributes:
        clothes (ClothesType): Type of the item.
        variation (int): 1..5, see ``VARIATIONS``.
        points (np.ndarray): (K, 3) int32: x, y in px, v = 2 visible,
            1 occluded, 0 truncated with x = y = 0.
    """

    clothes: ClothesType
    variation: int
    points: np.ndarray


@dataclass(frozen=True)
class FLDEntry:
    """An image as the three lists describe it.

    Attributes:
        name (str): As in the lists, ``img/img_00000001.jpg``.
        id (int): The number in the name.
        split (str): ``train``, ``val`` or ``test``.
        landmarks (LandmarkRow): Type, variation, landmarks.
        box (tuple[int, int, int, int]): (x1, y1, x2, y2) in px.
        lines (tuple[int, int]): Lines (1-based) in the lists of landmarks
            and of boxes.
    """

    name: str
    id: int
    split: FLDSplit
    landmarks: LandmarkRow
    box: tuple[int, int, int, int]
    lines: tuple[int, int]


class RawFLD:
    """The raw FLD dataset: its lists, compared, and its images.

    Args:
        root (str | Path): Folder that holds ``Anno``, ``Eval`` and ``Img``.

    Attributes:
        entries (list[FLDEntry]): Images that all lists describe, in the order
            of the list of landmarks.
        images (Path): Folder that file names are relative to: ``Img`` or, if
            the images were unpacked there, the root.
        defects (list[Defect]): What is wrong with the lists.

    Raises:
        FileNotFoundError: A list is missing.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.defects: list[Defect] = []
        landmarks = self._read_list(LANDMARKS, parse_landmarks)
        boxes = self._read_list(BOXES, parse_box)
        splits = self._read_list(PARTITION, parse_split)
        self._compare({LANDMARKS: landmarks, BOXES: boxes, PARTITION: splits})
        self.entries: list[FLDEntry] = []
        names: dict[int, str] = {}
        for name, (line, points) in landmarks.items():
            box_line, box = boxes.get(name, (0, None))
            _, split = splits.get(name, (0, None))
            if points is None or box is None or split is None:
                continue  # a defect says so
            number = re.search(r'(\d+)$', Path(name).stem, re.ASCII)
            if number is None:
                what = f'image {name} has no number, which would be its id'
                self._add(LANDMARKS, line, what)
                continue
            image_id = int(number[1])
            other = names.setdefault(image_id, name)
            if other != name:
                what = f'image {name} has the number of {other}'
                self._add(LANDMARKS, line, what)
                continue
            self.entries.append(
                FLDEntry(name, image_id, split, points, box, (line, box_line))
            )
        self.images, self._flat = self._find_images()

    def select(
        self, split: FLDSplit | None = None, subset: Subset | None = None
    ) -> list[FLDEntry]:
        """Return the entries of a split and type of clothes; None: all."""
        return [
            entry
            for entry in self.entries
            if split in (None, entry.split)
            and subset in (None, entry.landmarks.clothes.name)
        ]

    def read(self, entries: Sequence[FLDEntry]) -> Iterator[ConvertedImage]:
        """Check images and entries, and convert them to COCO.

        Args:
            entries (Sequence[FLDEntry]): Some of ``self.entries``.

        Yields:
            ConvertedImage: For each entry the COCO records and the defects:
            size (w, h), ``bbox`` (x, y, w, h) and ``keypoints``, the rows of
            (K, 3), in px. ``file_name`` is relative to ``self.images``.
        """
        for entry in entries:
            raw = ConvertedImage()
            name = entry.name
            file_name = Path(name).name if self._flat else name
            path = with_any_ending(self.images / file_name)
            try:
                size = stored_size(path)
            except UserError as error:
                where = _at(LANDMARKS, entry.lines[0])
                what = f'image {file_name} {error}'
                if not os.path.lexists(path):
                    what = f'image {file_name} is not in {self.images}'
                raw.defects.append(Defect(*where, what, _FIX_IMAGE))
                yield raw
                continue
            file_name = path.relative_to(self.images).as_posix()
            raw.defects += orientation_notes(path, name)
            raw.defects += _find_defects(entry, size)
            if not any(defect.fatal for defect in raw.defects):
                raw.image = {
                    'id': entry.id,
                    'file_name': file_name,
                    'width': size[0],
                    'height': size[1],
                }
                raw.annotations.append(_annotation(entry))
            yield raw

    def _find_images(self) -> tuple[Path, bool]:
        """Return where the images are, and whether in one flat folder.

        Both depend on how their archive was unpacked.
        """
        images = self.root / 'Img'
        for entry in self.entries:
            name = entry.name
            if os.path.isfile(with_any_ending(images / name)):
                return images, False
            if os.path.isfile(with_any_ending(images / Path(name).name)):
                return images, True
            if os.path.isfile(with_any_ending(self.root / name)):
                return self.root, False
        return images, False

    def _add(
        self, file: str, line: int, what: str, remedy: str = _FIX_ROW
    ) -> None:
        self.defects.append(Defect(*_at(file, line), what, remedy))

    def _read_list(
        self, file: str, parse: Callable[[list[str]], Any]
    ) -> dict[str, tuple[int, Any]]:
        """Return name -> line and the parsed row, None if it is wrong."""
        path = self.root / file
        if not path.exists():
            raise FileNotFoundError(
                f'{path} does not exist: the root of FLD holds {LANDMARKS}, '
                f'{BOXES}, {PARTITION} and Img/'
            )
        check_regular_file(path)
        lines = path.read_text('utf-8-sig', 'replace').splitlines()
        rows: dict[str, tuple[int, Any]] = {}
        repeated = 0
        for number, line in enumerate(lines[2:], 3):
            name, *columns = line.split() or ['']
            if not name:
                continue
            if name in rows:
                repeated += 1
                what = f'image {name} stands in line {rows[name][0]} already'
                self._add(file, number, what)
                continue
            try:
                rows[name] = number, parse(columns)
            except ValueError as error:
                rows[name] = number, None
                self._add(file, number, f'image {name} {error}')
        count = lines[0].strip() if lines else ''
        found = len(rows) + repeated
        if parse_integer(count) != found:
            what = f'is {show(count)}, but there are {found} rows'
            self._add(file, 1, what, _FIX_LIST)
        return rows

    def _compare(self, lists: dict[str, dict]) -> None:
        """Name the images that are not in all lists."""
        for file, rows in lists.items():
            for other, others in lists.items():
                for name in rows.keys() - others.keys():
                    what = f'image {name} is not in {other}'
                    self._add(file, rows[name][0], what)
        self.defects.sort(key=lambda d: (d.file, int(d.item.split()[1])))


def parse_landmarks(columns: Sequence[str]) -> LandmarkRow:
    """Parse a row of landmarks, the name left out, to ``points`` (K, 3).

    Raises:
        ValueError: What is wrong, as the end of a sentence about the image.
    """
    type_id, variation, *values = _parse_row(columns, 2)
    row = {'clothes type': type_id, 'variation': variation}
    for problem in find_problems(row, _ROW):
        raise ValueError(problem.text)
    clothes = CLOTHES_TYPE_BY_ID[type_id]
    count = 3 * clothes.num_landmarks
    if len(values) not in (count, 3 * MAX_LANDMARKS):
        raise ValueError(
            f'has {len(values)} numbers of landmarks, expected {count} '
            f'(3 x {clothes.num_landmarks} of {clothes.name} clothes), or '
            f'{3 * MAX_LANDMARKS} if padded with zeros'
        )
    points = np.array(values, np.int32).reshape(-1, 3)
    if points[clothes.num_landmarks :, 1:].any():
        raise ValueError(
            f'has more than the {clothes.num_landmarks} landmarks of '
            f'{clothes.name} clothes'
        )
    state = points[: clothes.num_landmarks, 0]
    if unknown := set(state.tolist()) - RAW_VISIBILITY.keys():
        raise ValueError(
            f'has a landmark with visibility {min(unknown)}, expected 0, 1 '
            'or 2'
        )
    xy = np.where(state[:, None] == 2, 0, points[: len(state), 1:])
    points = np.concatenate([xy, 2 - state[:, None]], 1)
    return LandmarkRow(clothes, variation, points)


def parse_box(columns: Sequence[str]) -> tuple[int, ...]:
    """Parse a row of boxes, the name left out, to (x1, y1, x2, y2) in px.

    Raises:
        ValueError: What is wrong, as the end of a sentence about the image.
    """
    box = tuple(_parse_row(columns, 4))
    if len(box) != 4:
        raise ValueError(f'has {len(box)} numbers, expected x1 y1 x2 y2')
    return box


def parse_split(columns: Sequence[str]) -> str:
    """Parse a row of the partition, the name left out.

    Raises:
        ValueError: What is wrong, as the end of a sentence about the image.
    """
    split = ' '.join(columns)
    for problem in find_problems({'split': split}, _SPLIT):
        raise ValueError(problem.text)
    return split


def coco_categories(clothes: ClothesType) -> list[dict]:
    """Return the ``categories`` that mmpose's dataset class expects."""
    return [
        {
            'id': CATEGORY_ID,
            'name': CATEGORY_NAME,
            'supercategory': 'clothes',
            'keypoints': list(clothes.landmarks),
            'skeleton': [list(link) for link in clothes.skeleton],
        }
    ]


def _parse_row(columns: Sequence[str], least: int) -> list[int]:
    """Parse at least ``least`` integers of at most 9 digits."""
    numbers = parse_integers(columns)
    if len(numbers) < least:
        raise ValueError(
            f'has {len(numbers)} numbers, expected {least} or more'
        )
    return numbers


def _at(file: str, line: int) -> tuple[str, str]:
    return file, f'line {line}'


def _annotation(entry: FLDEntry) -> dict:
    """Return the COCO annotation of an entry without fatal defects."""
    x1, y1, x2, y2 = entry.box
    points = entry.landmarks.points
    return {
        'id': entry.id,
        'image_id': entry.id,
        'category_id': CATEGORY_ID,
        'bbox': [x1, y1, x2 - x1, y2 - y1],
        'area': (x2 - x1) * (y2 - y1),
        'iscrowd': 0,
        'keypoints': points.ravel().tolist(),
        'num_keypoints': int((points[:, 2] > 0).sum()),
        'variation': entry.landmarks.variation,
    }


def _find_defects(entry: FLDEntry, size: tuple[int, int]) -> Iterator[Defect]:
    """Yield what is wrong with an entry whose image is of ``size`` (w, h)."""
    x1, y1, x2, y2 = entry.box
    box = f'box {x1} {y1} {x2} {y2} of image {entry.name}'
    at_box = _at(BOXES, entry.lines[1])
    if x2 < x1 or y2 < y1:
        what = f'{box} is inverted, expected x1 < x2 and y1 < y2'
        yield Defect(*at_box, what, _FIX_ROW)
    elif x1 == x2 or y1 == y2:
        yield Defect(*at_box, f'{box} has no area', _FIX_ROW)
    elif x1 >= size[0] or y1 >= size[1] or x2 <= 0 or y2 <= 0:
        what = f'{box} lies outside the image ({size[0]} x {size[1]} px)'
        yield Defect(*at_box, what, _FIX_ROW)
    x, y, v = entry.landmarks.points.T
    at_row = _at(LANDMARKS, entry.lines[0])
    if not v.any():
        what = f'image {entry.name} has truncated landmarks only'
        remedy = 'it is kept, but FLDDataset does not use it'
        yield Defect(*at_row, what, remedy, fatal=False)
    outside = (x < 0) | (y < 0) | (x > size[0]) | (y > size[1])
    for k in np.flatnonzero(outside & (v > 0)):
        what = (
            f'{entry.landmarks.clothes.landmarks[k]} ({x[k]}, {y[k]}) of '
            f'image {entry.name} lies outside the image ({size[0]} x '
            f'{size[1]} px)'
        )
        yield Defect(*at_row, what, 'kept as it is', fatal=False)
