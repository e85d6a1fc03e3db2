# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Image files of raw datasets: found whatever their ending, and measured."""

import os
from pathlib import Path

from ..errors import UserError
from ..utils.images import IMAGE_SUFFIXES, image_size, open_image


def with_any_ending(path: Path) -> Path:
    """Return an image file, or else the one of its stem with another ending.

    Raw datasets that were copied or converted have ``.JPG``, ``.jpeg`` or
    ``.png`` where the published lists have ``.jpg``.

    Args:
        path (Path): File as it is published.

    Returns:
        Path: An existing file; ``path`` if there is none.
    """
    if os.path.lexists(path):
        return path
    for suffix in IMAGE_SUFFIXES:
        for ending in (suffix, suffix.upper()):
            other = path.parent / f'{path.stem}{ending}'
            if os.path.isfile(other):
                return other
    return path


def stored_size(path: Path, decode: bool = False) -> tuple[int, int]:
    """Return the size of an image as it is stored, which annotations mean.

    Args:
        path (Path): Image file.
        decode (bool): Decode the pixels too, which finds a file that is cut
            off. Defaults to False: the header is read.

    Returns:
        tuple[int, int]: (w, h) in px.

    Raises:
        UserError: What is wrong, to follow the name of the file.
    """
    try:
        if decode:
            return open_image(path, orientation=False).size
        return image_size(path, orientation=False)
    except UserError as error:
        raise UserError(reason_of(error, path)) from None


def reason_of(error: UserError, path: Path) -> str:
    """Return what an error says of a file, without the name of the file."""
    text = str(error).removeprefix(str(path)).lstrip(': ')
    what, unreadable, _ = text.partition('cannot be read as an image')
    return unreadable if unreadable and not what else text
