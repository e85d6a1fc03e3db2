# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Inputs of each system by which an export is compared with its model.

They are drawn by the generators of :mod:`mmfashion_ext.synthetic`, the same
for the same seed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import UserError


def check_inputs(
    system: str, folder: Path, count: int, seed: int = 0
) -> tuple[Any, ...]:
    """Draw inputs of a system.

    Args:
        system (str): Key of ``plugins.SYSTEMS``.
        folder (Path): An empty folder for files.
        count (int): Images, pairs, or tracklets, 1 or more.
        seed (int): Of the generator.

    Returns:
        tuple: Arguments of the system's inferencer: lists of files of images
        (h, w, 3), of tracklets' folders a query and a gallery.

    Raises:
        UserError: The number is not positive.
    """
    if count < 1:
        raise UserError(f'the number of inputs must be positive, got {count}')
    return _DRAW[system](folder, count, seed)


def _photographs(folder: Path, count: int, seed: int) -> tuple[Any, ...]:
    from ..synthetic import generate_deepfashion2

    generate_deepfashion2(
        folder, num=count, val=1, seed=seed, size=320, progress=False
    )
    return (_files(folder / 'train' / 'image'),)


def _tracklets(folder: Path, count: int, seed: int) -> tuple[Any, ...]:
    from ..synthetic import generate_video_reid

    persons = max(2, -(-count // 2))
    generate_video_reid(
        folder,
        num=persons,
        seed=seed,
        size=64,
        frames=(12, 20),
        progress=False,
    )
    found = sorted({file.parent for file in folder.rglob('person*/*.png')})
    cameras = sorted({path.parent for path in found})
    sides = [[path for path in found if path.parent == c] for c in cameras]
    queries = max(1, count // 2)
    return [*map(str, sides[0])][:queries], [*map(str, sides[1])]


def _pairs(folder: Path, count: int, seed: int) -> tuple[Any, ...]:
    from ..synthetic import generate_viton

    generate_viton(
        folder, num=max(2, count), test=0, seed=seed, size=256, progress=False
    )
    kinds = ('train_img', 'train_color', 'train_edge')
    sides = [_files(next(folder.rglob(kind)))[:count] for kind in kinds]
    # each person in the garment of the next one
    return sides[0], *(side[1:] + side[:1] for side in sides[1:])


def _files(folder: Path) -> list[str]:
    """Return the images (h, w, 3) of a folder, sorted."""
    return sorted(str(file) for file in folder.iterdir())


_DRAW: dict[str, Callable[[Path, int, int], tuple[Any, ...]]] = {
    'match_rcnn': _photographs,
    'landmark': _photographs,
    'scan': _tracklets,
    'tryon': _pairs,
}
