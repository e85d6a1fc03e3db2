# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Raw CC0 garments: photographs in folders of splits and classes.

::

    ROOT/train/t-shirt/NAME.jpg
    ROOT/validation/... and ROOT/test/...

A folder of classes alone, such as ``ROOT/train``, is read too. What is wrong
is collected as ``Defect``, never raised.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError
from ...utils.images import is_image_file
from ..defects import Defect
from ..image_files import stored_size
from .constants import CLASS_BY_NAME, OTHER_CLASSES, SPLITS, GarmentClass

_CLONE = 'git clone https://github.com/alexeygrigorev/clothing-dataset-small'
_REMOVE = 'rename or remove one of them, or go on with --skip-invalid'
UNUSABLE = 'download it again or leave it out with --skip-invalid'


class GarmentPhoto(NamedTuple):
    """A photograph of one garment.

    Attributes:
        path (Path): Its file.
        name (str): Its file below the root, with ``/``.
        split (str): ``train``, ``validation``, ``test``; ``''`` of a folder
            without splits.
        garment (GarmentClass): Its class, with the candidates among
            DeepFashion2's categories.
    """

    path: Path
    name: str
    split: str
    garment: GarmentClass


class RawGarments:
    """The photographs of a split.

    Args:
        root (str | Path): Folder of the splits, or of the classes.
        split (str): ``train``, ``validation``, ``test`` or ``all``.
        classes (Sequence[str], optional): Classes to read. None: all eight.

    Attributes:
        photos (list[GarmentPhoto]): By split, class and name. Their files
            were not opened.
        folder (Path): Folder of the split, or the root of several.
        others (int): Photographs in the folders of hats and shoes.
        defects (list[Defect]): What is wrong with folders and names.

    Raises:
        FileNotFoundError: The folder is not that of the dataset.
        UserError: There is no such split or class.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = 'all',
        classes: Sequence[str] | None = None,
    ) -> None:
        self.root = Path(root)
        self.photos: list[GarmentPhoto] = []
        self.others = 0
        self.defects: list[Defect] = []
        self._classes = _check_classes(classes)
        self._names: dict[str, str] = {}  # stem -> file below the root
        splits = self._splits(split)
        self.folder = self.root / split if split in splits else self.root
        for name in splits:
            self._read_split(name)

    def __len__(self) -> int:
        return len(self.photos)

    def _splits(self, split: str) -> list[str]:
        """Return the splits to read, ``['']`` of a folder without."""
        if split not in (*SPLITS, 'all'):
            raise UserError(
                f'split must be one of {", ".join(SPLITS)}, all; got {split!r}'
            )
        existing = [name for name in SPLITS if (self.root / name).is_dir()]
        if not existing and self.root.is_dir():
            folders = {path.name for path in self.root.iterdir()}
            if folders & CLASS_BY_NAME.keys() and split == 'all':
                return ['']
        if not existing:
            raise FileNotFoundError(
                f'{self.root} is not a folder of the CC0 garments: expected '
                f'{", ".join(f"{name}/" for name in SPLITS)} with folders '
                f'such as t-shirt/ in them ({_CLONE})'
            )
        if split == 'all':
            return existing
        if split not in existing:
            raise UserError(
                f'{self.root} has no folder {split}, only '
                f'{", ".join(existing)}'
            )
        return [split]

    def _read_split(self, split: str) -> None:
        folder = self.root / split
        for path in sorted(folder.iterdir()):
            if not path.is_dir() or path.name.startswith('.'):
                continue
            garment = CLASS_BY_NAME.get(path.name)
            files = sorted(filter(_is_photo, os.listdir(path)))
            if garment is None:
                self._leave_out(path, len(files))
            elif garment.name in self._classes:
                self._read_class(path, files, split, garment)

    def _leave_out(self, folder: Path, count: int) -> None:
        if folder.name in OTHER_CLASSES:
            self.others += count
            return
        what = f'is not a class; expected {", ".join(CLASS_BY_NAME)}'
        remedy = f'its {count} photographs are left out'
        name = folder.relative_to(self.root).as_posix()
        self.defects.append(Defect(name, '', what, remedy, fatal=False))

    def _read_class(
        self, folder: Path, files: list[str], split: str, garment: GarmentClass
    ) -> None:
        place = folder.relative_to(self.root).as_posix()
        if not files:
            what = 'holds no photograph'
            remedy = 'the class is empty; clone the dataset again'
            self.defects.append(Defect(place, '', what, remedy, fatal=False))
        for file in files:
            name = f'{place}/{file}'
            stem = Path(file).stem
            other = self._names.setdefault(stem, name)
            if other != name:
                what = f'has the name of {other}'
                self.defects.append(Defect(name, '', what, _REMOVE))
                continue
            photo = GarmentPhoto(folder / file, name, split, garment)
            self.photos.append(photo)


def find_defect(photo: GarmentPhoto, decode: bool = False) -> Defect | None:
    """Return what is wrong with the file of a photograph, None if nothing.

    Args:
        photo (GarmentPhoto): Its header is read.
        decode (bool): Decode the pixels, to find a file that is cut off.
    """
    try:
        stored_size(photo.path, decode)
    except UserError as error:
        return Defect(photo.name, '', str(error), UNUSABLE)
    return None


def _check_classes(classes: Sequence[str] | None) -> set[str]:
    if classes is None:
        return {*CLASS_BY_NAME}
    for name in classes:
        if name not in CLASS_BY_NAME:
            raise UserError(
                f'no class {name!r}; the classes are '
                f'{", ".join(CLASS_BY_NAME)}'
            )
    return {*classes}


def _is_photo(name: str) -> bool:
    return is_image_file(name) and not name.startswith('.')
