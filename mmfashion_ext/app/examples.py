# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Examples of the pages: photographs in the public domain, drawn people."""

import shutil
from pathlib import Path
from typing import NamedTuple

from ..hub import root
from ..synthetic.video_reid.generate import SEQUENCES, generate_video_reid
from ..synthetic.viton.generate import SPLITS, generate_viton
from ..utils.images import find_images, read_image
from ..utils.video import VideoWriter

#: Seed of people that no published weights learned from.
_SEED = 7
_PERSONS = 4
_WALKERS = 4
_FPS = 12.0


class Examples(NamedTuple):
    """Files that visitors may try the pages with.

    Attributes:
        garments (list[Path]): Photographs of garments, CC0 (see
            ``demo/images/README.md``).
        persons (list[Path]): Drawn people.
        walker (Path): Clip of a drawn person, who walks past a camera.
        walkers (list[Path]): Clips of people, that person among them, who
            walk past another camera.
    """

    garments: list[Path]
    persons: list[Path]
    walker: Path
    walkers: list[Path]


#: Of the garments, those that a try-on of tops can use.
TOPS = 't-shirt', 'shirt', 'sweater', 'green_jacket', 'red_jacket'


def garment_photos() -> list[Path]:
    """Return the photographs of garments that come with the package."""
    return find_images(root() / 'demo' / 'images')


def make_examples(folder: Path) -> Examples:
    """Copy photographs and draw people.

    Args:
        folder (Path): Where to; it exists.

    Returns:
        Examples: Files in the folder.
    """
    garments = [
        Path(shutil.copy(file, folder / file.name))
        for file in garment_photos()
    ]
    generate_viton(
        folder / 'viton', num=_PERSONS, test=0, seed=_SEED, progress=False
    )
    layout = SPLITS['train']
    drawn = folder / 'viton' / layout.base / layout.folders['person']
    persons = [
        Path(shutil.copy(file, folder / f'person_{number}.jpg'))
        for number, file in enumerate(find_images(drawn), 1)
    ]
    generate_video_reid(
        folder / 'walkers',
        num=_WALKERS,
        size=64,
        frames=(16, 24),
        seed=_SEED,
        progress=False,
    )
    cameras = [
        sorted((folder / 'walkers' / SEQUENCES / camera).iterdir())
        for camera in ('cam1', 'cam2')
    ]
    walker = _write_clip(cameras[0][0], folder / 'walker_1_camera_1.mp4')
    walkers = [
        _write_clip(frames, folder / f'walker_{number}_camera_2.mp4')
        for number, frames in enumerate(cameras[1], 1)
    ]
    for name in ('viton', 'walkers'):
        shutil.rmtree(folder / name)
    return Examples(garments, persons, walker, walkers)


def _write_clip(frames: Path, out: Path) -> Path:
    """Write the frames of a folder as a video; return its path."""
    images = [read_image(file) for file in find_images(frames)]
    writer = VideoWriter(out, _FPS, images[0].shape[1::-1])
    for image in images:
        writer.write(image)
    writer.close()
    return out
