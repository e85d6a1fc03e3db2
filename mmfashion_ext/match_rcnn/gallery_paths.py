# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Paths of the images of a gallery: files and folders that a user names."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import UserError
from ..utils.images import find_images


def find_gallery_images(paths: Iterable[str | Path]) -> list[Path]:
    """Return the images among files and, recursively, in folders.

    Args:
        paths (Iterable[str | Path]): Files, whatever their ending, and
            folders, of which the image files are used.

    Returns:
        list[Path]: Absolute, each once, in order; of a folder in the natural
        order of the names.

    Raises:
        UserError: A path does not exist, a folder holds no image, or no path
            is given.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += find_images(path, recursive=True)
        elif path.exists() or path.is_symlink():
            found.append(path)  # a link that leads nowhere is skipped later
        else:
            raise UserError(f'{path} does not exist; give images or folders')
    if not found:
        raise UserError('no images: give image files, or folders of them')
    return list(dict.fromkeys(path.absolute() for path in found))


def is_below(path: str, roots: list[Path]) -> bool:
    """Check whether a path is one of some files, or in one of folders."""
    return any(Path(path).is_relative_to(root) for root in roots)
