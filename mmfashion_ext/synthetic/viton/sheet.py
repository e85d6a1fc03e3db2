# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A contact sheet of raw VITON with everything that belongs to a person."""

import json
from pathlib import Path

import cv2
import numpy as np

from ...utils.image_grid import write_sheet
from ..deepfashion2.sheet import check_sheet
from .generate import SPLITS

# RGB of the parse labels 0..13
_LABELS = np.array(
    [
        (0, 0, 0),
        (120, 70, 20),
        (0, 0, 0),
        (0, 0, 0),
        (230, 120, 30),
        (160, 160, 40),
        (100, 160, 40),
        (255, 0, 255),
        (40, 80, 200),
        (60, 180, 180),
        (120, 220, 220),
        (60, 200, 90),
        (240, 190, 160),
        (160, 230, 120),
    ],
    np.uint8,
)
_BONES = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8)),
    *((8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),
    *((0, 14), (14, 16), (0, 15), (15, 17)),
)


def draw_pose(image: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """A drawn copy of (h, w, 3) BGR with (18, 3) joints."""
    image = image // 2 + 120
    at = np.round(joints[:, :2]).astype(int).tolist()
    for a, b in _BONES:
        if joints[a, 2] and joints[b, 2]:
            cv2.line(image, at[a], at[b], (0, 120, 0), 1, cv2.LINE_AA)
    for number, (x, y) in enumerate(at):
        if joints[number, 2]:
            right = number in (2, 3, 4, 8, 9, 10, 14, 16)
            colour = (0, 0, 230) if right else (230, 80, 0)
            cv2.circle(image, (x, y), 3, colour, -1, cv2.LINE_AA)
    return image


def warp_cloth(cloth: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Sample (h, w, 3) uint8 with (h, w, 2) px positions; grey at NaN."""
    at = np.nan_to_num(flow, nan=-9).astype(np.float32)
    return cv2.remap(
        cloth,
        at,
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(127, 127, 127),
    )


def contact_sheet(
    root: str | Path,
    out: str | Path,
    *,
    split: str = 'train',
    num: int = 24,
    columns: int = 2,
) -> None:
    """Draw person, cloth, labels, parts, joints and the cloth warped.

    Args:
        root (str | Path): What ``generate_viton`` wrote.
        out (str | Path): Picture to write; its ending chooses the format.
        split (str): ``train`` or ``test``.
        num (int): Persons. Defaults to 24.
        columns (int): Persons a row. Defaults to 2.
    """
    check_sheet(Path(out))
    layout = SPLITS[split]
    folders = {
        kind: Path(root, layout.base, name)
        for kind, name in layout.folders.items()
    }
    rows = []
    for file in sorted(folders['person'].iterdir())[:num]:
        name = file.stem
        person = cv2.imread(str(file))
        garment = name[:-1] + '1.jpg'
        cloth = cv2.imread(str(folders['cloth'] / garment))
        label = cv2.imread(str(folders['parse'] / f'{name}.png'), 0)
        parts = np.load(folders['densepose'] / f'{name}.npy')
        pose = json.loads(
            (folders['pose'] / f'{name}_keypoints.json').read_text()
        )
        joints = np.reshape(pose['people'][0]['pose_keypoints'], (18, 3))
        with np.load(folders['flow'] / f'{name}.npz') as packed:
            warped = warp_cloth(cloth, packed['flow'])
        tones = cv2.applyColorMap(parts * 10, cv2.COLORMAP_TURBO)
        tones[parts == 0] = 0
        rows.append(
            np.concatenate(
                [
                    person,
                    cloth,
                    _LABELS[label][:, :, ::-1],
                    tones,
                    draw_pose(person, joints),
                    warped,
                ],
                axis=1,
            )
        )
    height, width = rows[0].shape[:2]
    write_sheet(rows, out, columns=columns, cell=(width, height))
