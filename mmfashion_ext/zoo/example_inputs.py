# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Example inputs of each system, by which speed and work are measured.

They are drawn by the generators of :mod:`mmfashion_ext.synthetic` with seed 0,
the same on every machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..utils.images import read_image


@dataclass(frozen=True)
class Example:
    """What an inferencer is called with.

    Attributes:
        inputs (tuple): Its arguments; images are (h, w, 3) uint8 BGR.
        count (int): Items of one call.
        unit (str): What an item is, plural.
        text (str): What the inputs are.
    """

    inputs: tuple[Any, ...]
    count: int
    unit: str
    text: str


def example_inputs(system: str, folder: Path) -> Example:
    """Draw the example inputs of a system.

    Args:
        system (str): Key of ``plugins.SYSTEMS``.
        folder (Path): An empty folder for files.

    Returns:
        Example: Images (h, w, 3), or folders of them.

    Raises:
        UserError: The system has no example.
    """
    if system not in _EXAMPLES:
        raise UserError(
            f'no example inputs of the system {system!r}, so its models '
            f'cannot be measured; there are those of {sorted(_EXAMPLES)}'
        )
    return _EXAMPLES[system](folder)


def _photograph(folder: Path) -> Example:
    from ..synthetic import generate_deepfashion2

    generate_deepfashion2(folder, num=1, val=1, size=640, progress=False)
    image = read_image(folder / 'train' / 'image' / '000001.jpg')
    h, w = image.shape[:2]
    return Example((image,), 1, 'images', f'one image of {w} x {h} px')


def _garment(folder: Path) -> Example:
    example = _photograph(folder)
    text = f'one garment, {example.text}'
    return Example(example.inputs, 1, 'garments', text)


def _tracklets(folder: Path) -> Example:
    from ..synthetic import generate_video_reid

    generate_video_reid(folder, num=2, frames=(32, 32), progress=False)
    person = sorted({p.parent for p in folder.rglob('person*/*.png')})[:2]
    inputs = tuple([str(path)] for path in person)
    text = 'two tracklets of 32 frames of 64 x 128 px, compared'
    return Example(inputs, 2, 'tracklets', text)


def _person_and_cloth(folder: Path) -> Example:
    from ..synthetic import generate_viton

    generate_viton(folder, num=2, test=0, size=256, progress=False)
    kinds = ('*_img', '*_color')
    files = [sorted(folder.rglob(f'{kind}/*.jpg'))[0] for kind in kinds]
    person, cloth = map(read_image, files)
    h, w = person.shape[:2]
    text = f'one person and one garment of {w} x {h} px'
    return Example((person, cloth), 1, 'pairs', text)


_EXAMPLES: dict[str, Callable[[Path], Example]] = {
    'match_rcnn': _photograph,
    'landmark': _garment,
    'scan': _tracklets,
    'tryon': _person_and_cloth,
}
