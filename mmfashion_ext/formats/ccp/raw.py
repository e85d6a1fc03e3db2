# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Raw Clothing Co-Parsing: read, checked, converted to COCO.

Two layouts are read. The one that is published::

    ROOT/photos/0001.jpg
    ROOT/annotations/pixel-level/0001.mat   photographs 0001 to 1004
    ROOT/annotations/image-level/1005.mat   tags alone of 1005 to 2098
    ROOT/label_list.mat

and one of images, for instance a smaller copy::

    ROOT/photos/0001.jpg
    ROOT/labels/0001.png
    ROOT/label_names.json

Either can have lists of splits, see :mod:`.splits`. What is wrong with a
photograph is collected as ``Defect``, never raised.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import UserError
from ...utils.images import IMAGE_SUFFIXES
from ..defects import ConvertedImage, Defect, orientation_notes
from ..image_files import stored_size
from .constants import TAGS, GroupSet
from .items import find_items
from .labels import read_image_tags, read_label_map, read_tag_list
from .splits import SPLITS, CCPSplit, default_stems, read_split

LayoutName = Literal['original', 'images']

_RENAME = 'rename photograph and labels to a number such as 0001'
_AGAIN = 'download it again or leave it out with --skip-invalid'
_PUT_BACK = 'put it back or leave the photograph out with --skip-invalid'


@dataclass(frozen=True)
class Layout:
    """Where the files of a copy of the dataset are.

    Attributes:
        labels (str): Folder of the pixel labels.
        endings (tuple[str, ...]): Of its files, in lower case.
        tags (str): File of the names of the labels.
    """

    labels: str
    endings: tuple[str, ...]
    tags: str


LAYOUTS: dict[LayoutName, Layout] = {
    'original': Layout('annotations/pixel-level', ('.mat',), 'label_list.mat'),
    'images': Layout('labels', ('.png',), 'label_names.json'),
}
PHOTOS = 'photos'
IMAGE_LEVEL = 'annotations/image-level'


class RawCCP:
    """A split of the raw dataset as an iterable of ``ConvertedImage``.

    Photographs come in the order of the split's list. Boxes are
    (x, y, w, h) in px of the stored image, whose size is (w, h). Image ids
    are the numbers in the names, ``file_name`` is relative to ``photos``.

    Args:
        root (str | Path): Folder that holds ``photos``.
        split (str): ``train``, ``validation``, ``test`` or ``all``.
        groups (str): ``'nine'`` or ``'six'``, see
            :func:`~.items.find_items`.
        decode (bool): Decode the photographs, to find those that are cut
            off; otherwise their headers are read.

    Attributes:
        layout (str): ``'original'`` or ``'images'``.
        photos (Path): Folder that file names are relative to.
        tags (tuple[str, ...]): Names of the pixel labels.
        stems (list[str]): Photographs of the split.
        tagged (list[str]): Photographs with image-level tags alone.
        defects (list[Defect]): What is wrong with the lists.

    Raises:
        FileNotFoundError: The folder is not that of the dataset.
        UserError: The list of tags cannot be used, or there is no such split.
    """

    def __init__(
        self,
        root: str | Path,
        split: CCPSplit = 'all',
        groups: GroupSet = 'nine',
        *,
        decode: bool = False,
    ) -> None:
        self.root = Path(root)
        self.photos = self.root / PHOTOS
        if split not in SPLITS:
            raise UserError(
                f'split must be one of {", ".join(SPLITS)}, got {split!r}'
            )
        self.groups = groups
        self.decode = decode
        self.layout = _find_layout(self.root)
        self._folder = self.root / LAYOUTS[self.layout].labels
        self._images = _files(self.photos, IMAGE_SUFFIXES)
        self._labels = _files(self._folder, LAYOUTS[self.layout].endings)
        tagged = _files(self.root / IMAGE_LEVEL, ('.mat',))
        self.tagged = sorted(tagged.keys() - self._labels.keys())
        self.defects: list[Defect] = []
        self.tags = self._read_tags()
        self.stems = self._select(split)

    def __len__(self) -> int:
        return len(self.stems)

    def __iter__(self) -> Iterator[ConvertedImage]:
        annotation_id = 0
        numbers = Counter(
            int(stem)
            for stem in self._images.keys() | self._labels.keys()
            if _is_number(stem)
        )
        for stem in self.stems:
            raw = self._read(stem, numbers)
            for annotation in raw.annotations:
                annotation_id += 1
                annotation['id'] = annotation_id
            yield raw

    def read_image_tags(self) -> tuple[dict[str, list[str]], list[Defect]]:
        """Read the tags of the photographs without pixel labels.

        Returns:
            tuple[dict[str, list[str]], list[Defect]]: Stem -> names of its
            tags, the background left out; what is wrong.
        """
        found: dict[str, list[str]] = {}
        defects = []
        for stem in self.tagged:
            path = self.root / IMAGE_LEVEL / f'{stem}.mat'
            name = f'{IMAGE_LEVEL}/{path.name}'
            try:
                labels = read_image_tags(path, len(self.tags))
            except UserError as error:
                defects.append(Defect(name, '', str(error), _AGAIN))
                continue
            if stem not in self._images:
                what = f'has no photograph {PHOTOS}/{stem}.jpg'
                defects.append(Defect(name, '', what, _PUT_BACK))
                continue
            found[stem] = [self.tags[label] for label in labels if label]
        return found, defects

    def _read_tags(self) -> tuple[str, ...]:
        path = self.root / LAYOUTS[self.layout].tags
        if os.path.lexists(path):
            return read_tag_list(path)
        what = f'is not in {self.root}'
        remedy = 'the labels are read in the published order'
        self.defects.append(Defect(path.name, '', what, remedy, fatal=False))
        return TAGS

    def _select(self, split: CCPSplit) -> list[str]:
        """Return the stems of a split."""
        found = self._labels.keys() | (self._images.keys() - {*self.tagged})
        if split == 'all':
            return sorted(found)
        stems, defects = read_split(self.root, split)
        self.defects += defects
        if stems is not None:
            return stems
        expected = default_stems(split)
        missing = [stem for stem in expected if stem not in found]
        if len(missing) == len(expected):
            raise UserError(
                f'{self.root} has none of the {len(expected)} photographs of '
                f'the split {split}; name them in {self.root}/{split}.txt, or '
                'use --split all'
            )
        if missing:
            what = (
                f'{len(missing)} of its {len(expected)} photographs are not '
                f'in {self.root} ({", ".join(missing[:3])}'
                f'{" ..." if len(missing) > 3 else ""})'
            )
            remedy = 'the others are used; clone the dataset again for all'
            self.defects.append(
                Defect(f'split {split}', '', what, remedy, fatal=False)
            )
        return [stem for stem in expected if stem in found]

    def _read(self, stem: str, numbers: Counter) -> ConvertedImage:
        """Read one photograph's size and labels, and convert them."""
        ending = LAYOUTS[self.layout].endings[0]
        images = self._images.get(stem, [])
        labels = self._labels.get(stem, [])
        photo = f'{PHOTOS}/{min(images, default=f"{stem}.jpg")}'
        label = f'{LAYOUTS[self.layout].labels}/' + min(
            labels, default=f'{stem}{ending}'
        )
        for files in (images, labels):
            if len(files) > 1:
                what = f'there is {max(files)} of the same name too'
                return _unusable(
                    photo if files is images else label,
                    what,
                    'remove one of them',
                )
        if not images and not labels:
            what = f'is in the list of the split, but not in {self.root}'
            return _unusable(photo, what, _PUT_BACK)
        if not images:
            return _unusable(label, f'has no photograph {photo}', _PUT_BACK)
        if not labels:
            return _unusable(photo, f'has no pixel labels {label}', _PUT_BACK)
        if not _is_number(stem):
            what = 'the name is not a number, so it gives no image id'
            return _unusable(photo, what, _RENAME)
        if numbers[int(stem)] > 1:
            what = f'another file has the number {int(stem)} too'
            return _unusable(photo, what, 'remove one of them')
        return self._convert(int(stem), photo, label)

    def _convert(self, number: int, photo: str, label: str) -> ConvertedImage:
        try:
            # the labels are those of the stored pixels
            size = stored_size(self.root / photo, self.decode)
            notes = orientation_notes(self.root / photo, photo)
        except UserError as error:
            return _unusable(photo, str(error))
        try:
            labels = read_label_map(self.root / label, len(self.tags))
        except UserError as error:
            return _unusable(label, str(error))
        h, w = labels.shape
        if (w, h) != size:
            what = (
                f'has {w} x {h} px, but {photo} has {size[0]} x {size[1]} px: '
                'both must have one size'
            )
            return _unusable(label, what)
        image = {
            'id': number,
            'file_name': Path(photo).name,
            'width': w,
            'height': h,
        }
        items = find_items(labels, self.tags, self.groups)
        return ConvertedImage(
            image, [{'image_id': number, **item} for item in items], notes
        )


def _find_layout(root: Path) -> LayoutName:
    """Return which layout a folder has."""
    if (root / PHOTOS).is_dir():
        for name, layout in LAYOUTS.items():
            if (root / layout.labels).is_dir():
                return name
    raise FileNotFoundError(
        f'{root} is not a folder of Clothing Co-Parsing: expected {PHOTOS}/ '
        'and annotations/pixel-level/ (git clone '
        'https://github.com/bearpaw/clothing-co-parsing), or labels/ of PNGs'
    )


def _files(folder: Path, endings: tuple[str, ...]) -> dict[str, list[str]]:
    """Return stem -> names of the files of a folder, endings in any case."""
    files: dict[str, list[str]] = {}
    for file in sorted(os.listdir(folder)) if folder.is_dir() else ():
        stem, ending = os.path.splitext(file)
        if ending.lower() in endings and not file.startswith('.'):
            files.setdefault(stem, []).append(file)
    return files


def _is_number(stem: str) -> bool:
    return stem.isascii() and stem.isdigit() and len(stem) < 19


def _unusable(file: str, what: str, remedy: str = _AGAIN) -> ConvertedImage:
    return ConvertedImage(defects=[Defect(file, '', what, remedy)])
