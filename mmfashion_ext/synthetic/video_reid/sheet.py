# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A contact sheet of raw iLIDS-VID: one row a person, one half a camera."""

from pathlib import Path

import cv2
import numpy as np

from ...utils.image_grid import write_sheet
from ..deepfashion2.sheet import check_sheet
from .generate import SEQUENCES

_FRAMES = 5  # of each tracklet


def contact_sheet(root: str | Path, out: str | Path, num: int = 16) -> None:
    """Draw frames of the first persons as both cameras see them.

    Args:
        root (str | Path): What ``generate_video_reid`` wrote.
        out (str | Path): Picture to write; its ending chooses the format.
        num (int): Number of persons, two a row. Defaults to 16.
    """
    check_sheet(Path(out))
    cameras = [Path(root, SEQUENCES, f'cam{camera}') for camera in (1, 2)]
    images = []
    for person in sorted(path.name for path in cameras[0].iterdir())[:num]:
        for camera in cameras:
            files = sorted((camera / person).glob('*.png'))
            shown = np.linspace(0, len(files) - 1, _FRAMES).round().astype(int)
            frames = [cv2.imread(str(files[i])) for i in shown]
            images.append(np.concatenate(frames, axis=1))
    height, width = images[0].shape[:2]
    margin = 8
    cell = (width + margin) * 128 // height, 128 + margin
    write_sheet(
        [
            cv2.copyMakeBorder(
                image,
                0,
                margin,
                0,
                margin,
                cv2.BORDER_CONSTANT,
                value=[255] * 3,
            )
            for image in images
        ],
        out,
        columns=4,
        cell=cell,
    )
