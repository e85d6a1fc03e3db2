# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""People of CCP and flat garments: which there are, and how they are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from ...errors import UserError
from ...formats.ccp.constants import TAGS
from ...formats.ccp.labels import read_label_map
from ...formats.ccp.raw import LAYOUTS, RawCCP
from ...utils.images import is_image_file, read_image
from . import PHOTO_WIDTH
from .flat_garment import Kind

Split = Literal['train', 'validation']
#: Folders of clothing-dataset-small by kind of garment.
GARMENT_FOLDERS: dict[Kind, tuple[str, ...]] = {
    'upper': ('t-shirt', 'longsleeve', 'shirt'),
    'trousers': ('pants',),
    'shorts': ('shorts',),
    'skirt': ('skirt',),
    'dress': ('dress',),
}


@dataclass(frozen=True)
class Person:
    """A photograph with its labels.

    Attributes:
        name (str): Stem of its files.
        photo (np.ndarray): (h, w, 3) BGR uint8, as stored.
        labels (np.ndarray): (h', w') uint8 label map in the photo frame.
        scale (float): px of ``photo`` by px of the photo frame.
    """

    name: str
    photo: np.ndarray
    labels: np.ndarray
    scale: float


class People:
    """The photographs of a copy of CCP.

    Args:
        root (str | Path): See :class:`~mmfashion_ext.formats.ccp.raw.RawCCP`.

    Raises:
        UserError: It is not a copy of CCP.
    """

    def __init__(self, root: str | Path) -> None:
        try:
            self._raw = RawCCP(root)
        except FileNotFoundError as error:
            raise UserError(str(error)) from error
        self.root = Path(root)
        self._order = np.zeros(len(self._raw.tags), np.uint8)
        for index, tag in enumerate(self._raw.tags):
            if tag in TAGS:
                self._order[index] = TAGS.index(tag)

    def names(self, split: Split) -> list[str]:
        """Return the stems of a split, see :mod:`...formats.ccp.splits`."""
        return list(RawCCP(self.root, split).stems)

    def read(self, name: str) -> Person:
        """Read a photograph and its labels.

        Args:
            name (str): Stem.

        Returns:
            Person: Labels are those of the published order.

        Raises:
            UserError: A file cannot be read, or their sizes differ.
        """
        layout = LAYOUTS[self._raw.layout]
        photo = read_image(self.root / 'photos' / f'{name}.jpg')
        path = self.root / layout.labels / f'{name}{layout.endings[0]}'
        labels = self._order[read_label_map(path, len(self._raw.tags))]
        if labels.shape != photo.shape[:2]:
            raise UserError(
                f'{path} has {labels.shape[1]} x {labels.shape[0]} px, but '
                f'the photograph {photo.shape[1]} x {photo.shape[0]} px'
            )
        scale = photo.shape[1] / PHOTO_WIDTH
        size = PHOTO_WIDTH, max(1, round(photo.shape[0] / scale))
        if labels.shape[::-1] != size:
            labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
        return Person(name, photo, labels, scale)


class Garments:
    """Photographs of single garments, a folder a class.

    Args:
        root (str | Path): Folder with ``train/CLASS/*.jpg`` and
            ``validation/CLASS/*.jpg``, or ``CLASS/*.jpg``, as
            clothing-dataset-small has them.

    Raises:
        UserError: No class has an image.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._split = (self.root / 'train').is_dir()
        if not any(self.names('train', kind) for kind in GARMENT_FOLDERS):
            classes = sum(GARMENT_FOLDERS.values(), ())
            raise UserError(
                f'{self.root} has no images of garments: expected train/ and '
                f'validation/ with folders {", ".join(classes)}, as '
                'https://github.com/alexeygrigorev/clothing-dataset-small has'
            )

    def names(self, split: Split, kind: Kind) -> list[str]:
        """Return the files of a kind, relative to the root, sorted.

        Without folders of splits every tenth file is for validation.
        """
        found: list[str] = []
        base = self.root / split if self._split else self.root
        for folder in GARMENT_FOLDERS[kind]:
            path = base / folder
            files = sorted(path.iterdir()) if path.is_dir() else []
            files = [file for file in files if is_image_file(file)]
            if not self._split:
                files = [
                    file
                    for index, file in enumerate(files)
                    if (index % 10 == 9) == (split == 'validation')
                ]
            found += [file.relative_to(self.root).as_posix() for file in files]
        return found

    def read(self, name: str) -> np.ndarray:
        """Read the photograph of a garment, (h, w, 3) BGR uint8."""
        return read_image(self.root / name)
