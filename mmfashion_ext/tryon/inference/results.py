# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Images and files of a try-on, and what an earlier run has written."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ...errors import UserError
from ...utils.image_inputs import NamedInput
from ...utils.images import read_image

#: Keys of a prediction that hold images.
IMAGES = ('try_on', 'warped_cloth', 'warped_mask')


class WholePhotograph(NamedTuple):
    """A photograph of which the network sees a part.

    Attributes:
        image (np.ndarray): (h, w, 3) uint8 RGB.
        region (tuple[slice, slice]): Rows and columns of the part, px.
    """

    image: np.ndarray
    region: tuple[slice, slice]

    def put_back(self, part: np.ndarray, empty: bool = False) -> np.ndarray:
        """Return the photograph with its part replaced.

        Args:
            part (np.ndarray): (h', w', 3) BGR or (h', w') uint8, of the
                region's size.
            empty (bool): Leave all else black.

        Returns:
            np.ndarray: (h, w, 3) BGR or (h, w) uint8.
        """
        if empty:
            size = self.image.shape[:2]
            out = np.zeros((*size, *part.shape[2:]), np.uint8)
        else:
            out = np.ascontiguousarray(self.image[..., ::-1])
        out[self.region] = part
        return out


@dataclass
class TryOnImages:
    """Images of one try-on; of an earlier run those that were read.

    Attributes:
        try_on (np.ndarray, optional): (h, w, 3) uint8 BGR.
        warped_cloth (np.ndarray, optional): (h, w, 3) uint8 BGR.
        warped_mask (np.ndarray, optional): (h, w) uint8, 0-255.
        strip (np.ndarray, optional): Person | masked garment | try-on,
            (h, 3 w, 3) uint8 BGR.
        notes (list[str]): What is not plausible about the inputs.
    """

    try_on: np.ndarray | None
    warped_cloth: np.ndarray | None = None
    warped_mask: np.ndarray | None = None
    strip: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the images that a prediction holds, by their key.

        Returns:
            dict[str, np.ndarray]: (h, w, 3) uint8 BGR, the mask (h, w) uint8;
            those that are None are missing.
        """
        images = {name: getattr(self, name) for name in IMAGES}
        return {name: x for name, x in images.items() if x is not None}

    def put_back(self, whole: WholePhotograph) -> None:
        """Put the images of a part back into the photograph; not the strip."""
        if self.try_on is not None:
            self.try_on = whole.put_back(self.try_on)
        if self.warped_cloth is not None:
            self.warped_cloth = whole.put_back(self.warped_cloth, empty=True)
        if self.warped_mask is not None:
            self.warped_mask = whole.put_back(self.warped_mask, empty=True)


def make_images(
    person: np.ndarray,
    cloth: np.ndarray,
    try_on: np.ndarray,
    warped_cloth: np.ndarray,
    warped_mask: np.ndarray,
    rounded: bool,
) -> TryOnImages:
    """Convert images of the network to 8 bits and BGR, and draw the strip.

    Args:
        person (np.ndarray): (3, h, w) float32, RGB in [-1, 1].
        cloth (np.ndarray): (3, h', w') float32, the same.
        try_on (np.ndarray): (3, h, w) float32, the same.
        warped_cloth (np.ndarray): (3, h, w) float32, the same.
        warped_mask (np.ndarray): (1, h, w) float32, 0-1.
        rounded (bool): Round grey levels, where the photograph is kept, so
            that it is; else they are truncated as in the published images.

    Returns:
        TryOnImages: (h, w, 3) uint8 BGR.
    """
    images = [
        np.ascontiguousarray(to_levels(image, rounded)[..., ::-1])
        for image in (person, cloth, try_on, warped_cloth)
    ]
    mask = np.rint(warped_mask[0] * 255).astype(np.uint8)
    if images[1].shape != images[0].shape:  # a photograph at its own size
        size = images[0].shape[1::-1]
        images[1] = cv2.resize(images[1], size, interpolation=cv2.INTER_AREA)
    return TryOnImages(images[2], images[3], mask, np.hstack(images[:3]))


def to_levels(image: np.ndarray, rounded: bool = False) -> np.ndarray:
    """Convert an image of the network to 8 bits.

    Values are truncated, not rounded, as in the published images: the grey
    levels 1 ... 63 of an image that went through the model's normalisation
    come out one lower.

    Args:
        image (np.ndarray): (3, h, w) float32, RGB in [-1, 1].
        rounded (bool): Round, so that grey levels that went through the
            model's normalisation come out as they were.

    Returns:
        np.ndarray: (h, w, 3) uint8 RGB, floor((x + 1) / 2 * 255).
    """
    levels = (np.clip(image, -1, 1) + 1) / 2 * 255
    if rounded:
        levels = np.rint(levels)
    return levels.astype(np.uint8).transpose(1, 2, 0)


def try_on_file(name: str) -> str:
    """Return where a try-on is written, relative to the folder of results."""
    return f'predictions/{name}.png'


def find_saved(
    folder: str | Path, item: NamedInput, *, try_on: bool, strip: bool
) -> TryOnImages | None:
    """Return the result that an earlier run wrote; None if there is none.

    Args:
        folder (str | Path): Folder of the results.
        item (NamedInput): The pair; its ``details`` are the person and cloth,
            which must be those of the earlier run.
        try_on (bool): Read the try-on.
        strip (bool): Read the strip.

    Returns:
        TryOnImages: With the try-on (h, w, 3) and the strip (h, 3 w, 3), uint8
        BGR, where they are to be read; None if a file is missing or damaged.
    """
    folder = Path(folder)
    record = folder / 'predictions' / f'{item.name}.json'
    try:
        content = json.loads(record.read_bytes())
        details = item.details or {}
        same = all(content[key] == value for key, value in details.items())
        # one that has none is not that of a box
        same = same and ('person_box' in content) == ('person_box' in details)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    files = folder / try_on_file(item.name), _strip_file(folder, item.name)
    if not same or not all(file.is_file() for file in files):
        return None
    try:
        return TryOnImages(
            read_image(files[0]) if try_on else None,
            strip=read_image(files[1]) if strip else None,
            notes=_notes(content.get('notes')),
        )
    except UserError:  # a file is damaged
        return None


def _strip_file(folder: Path, name: str) -> Path:
    return folder / 'visualizations' / f'{name}.jpg'


def _notes(value: object) -> list[str]:
    """Return the notes of a record; none if it holds something else."""
    return [str(note) for note in value] if isinstance(value, list) else []
