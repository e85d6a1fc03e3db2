# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Contact sheet of raw iLIDS-VID: frames of each person in both cameras."""

from pathlib import Path

import numpy as np

from ...utils.image_grid import write_sheet
from ...utils.images import read_image
from ..output import check_sheet
from .generate import SEQUENCES

_FRAMES = 5  # of each tracklet
_HEIGHT = 128  # px of a frame on the sheet


def contact_sheet(root: str | Path, out: str | Path, num: int = 16) -> None:
    """Draw five frames of each of the first persons in both cameras.

    Each row shows two persons; a label names person and camera. Frames are
    (128, 64, 3) on the sheet.

    Args:
        root (str or Path): What ``generate_video_reid`` wrote.
        out (str or Path): Image file to write; its ending chooses the format.
        num (int): Number of persons, frames 128 px high. Defaults to 16.

    Raises:
        UserError: ``out`` cannot be written, or ``root`` has no persons.
    """
    check_sheet(Path(out))
    cameras = [Path(root, SEQUENCES, f'cam{camera}') for camera in (1, 2)]
    strips: list[np.ndarray] = []
    labels: list[str] = []
    for person in sorted(path.name for path in cameras[0].iterdir())[:num]:
        for number, camera in enumerate(cameras, 1):
            files = sorted((camera / person).glob('*.png'))
            shown = np.linspace(0, len(files) - 1, _FRAMES).round().astype(int)
            frames = [read_image(files[i]) for i in shown]
            strips.append(np.concatenate(frames, axis=1))
            labels.append(f'{person}, camera {number}')
    height, width = strips[0].shape[:2] if strips else (1, 1)
    write_sheet(
        strips,
        out,
        columns=4,
        cell=(width * _HEIGHT // height, _HEIGHT),
        labels=labels,
        gap=8,
    )
