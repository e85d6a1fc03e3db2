# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Read, resize and check the images of a try-on item; no PyTorch."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from ...errors import UserError
from ...formats.viton.cloth_mask import make_mask
from ...formats.viton.files import (
    check_size,
    describe_size,
    name_of,
    read_file,
)
from ...utils.images import ImageInput


def read_cloth(
    source: ImageInput, mask: ImageInput | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read a garment and its mask, which is made if there is none.

    Args:
        source (ImageInput): The garment.
        mask (ImageInput, optional): Its mask, on from 128.

    Returns:
        tuple[np.ndarray, np.ndarray]: (h, w, 3) uint8 RGB and (h, w) uint8.

    Raises:
        UserError: A file is missing or damaged, the mask is empty, has
            another size or cannot be made.
    """
    cloth = read_file('cloth', source)
    if mask is None:
        return cloth, make_mask(cloth, name_of(source))
    read = read_file('cloth_mask', mask)
    check_size(mask, read, source, cloth)
    return cloth, read


def resize(
    array: np.ndarray, size: tuple[int, int], nearest: bool = False
) -> np.ndarray:
    """Resize an image or map with Pillow, bilinear and antialiased.

    Args:
        array (np.ndarray): (h, w, 3) or (h, w) uint8.
        size (tuple[int, int]): (h, w) px.
        nearest (bool): Use the nearest pixel, for labels.

    Returns:
        np.ndarray: The same of that size.
    """
    if array.shape[:2] == tuple(size):
        return array
    kind = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(array).resize(size[::-1], kind))


def check_one_size(item: Mapping[str, Any], kinds: Iterable[str]) -> None:
    """Check that images of an item have the size of its person.

    Args:
        item (Mapping[str, Any]): Arrays (h, w, ...) by kind, and where they
            were read from as ``{kind}_path``.
        kinds (Iterable[str]): Kinds to check.

    Raises:
        UserError: One has another size.
    """

    def described(kind: str) -> str:
        return describe_size(item.get(f'{kind}_path', kind), item[kind])

    for kind in kinds:
        if item[kind].shape[:2] != item['person'].shape[:2]:
            raise UserError(
                f'{described("person")}, but {described(kind)}: give images '
                'of one size, or have them resized (--size H W of '
                'tools/try_on.py, size=(h, w) of TryOnInferencer, '
                'ResizeTryOn in a pipeline)'
            )
