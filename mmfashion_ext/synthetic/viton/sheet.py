# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Contact sheet of synthetic VITON: a person and all their conditions."""

import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from ...utils.image_grid import write_sheet
from ...utils.images import open_image, read_image
from ..output import check_sheet
from .generate import SPLITS

TITLES = (
    'person',
    'cloth',
    'parse map',
    'DensePose',
    'pose',
    'warped cloth',
)
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
_RIGHT = (2, 3, 4, 8, 9, 10, 14, 16)  # joints of the person's right side


def draw_pose(image: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Draw the joints and bones of a person on a paler image.

    Args:
        image (np.ndarray): (h, w, 3) BGR uint8.
        joints (np.ndarray): (18, 3) x, y in px and confidence; 0 if absent.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8, a drawn copy.
    """
    image = image // 2 + 120
    points = np.round(joints[:, :2]).astype(int).tolist()
    for a, b in _BONES:
        if joints[a, 2] and joints[b, 2]:
            cv2.line(image, points[a], points[b], (0, 120, 0), 1, cv2.LINE_AA)
    for number, (x, y) in enumerate(points):
        if joints[number, 2]:
            colour = (0, 0, 230) if number in _RIGHT else (230, 80, 0)
            cv2.circle(image, (x, y), 3, colour, -1, cv2.LINE_AA)
    return image


def warp_cloth(cloth: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Warp a flat cloth by a flow of pixel positions.

    Args:
        cloth (np.ndarray): (h, w[, 3]) uint8.
        flow (np.ndarray): (H, W, 2) float x, y in px of the cloth, NaN where
            it is not seen.

    Returns:
        np.ndarray: (H, W[, 3]) uint8, grey (127) where the flow is NaN.
    """
    at = np.nan_to_num(flow, nan=-9).astype(np.float32)
    return cv2.remap(
        cloth,
        at,
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(127, 127, 127),
    )


def _conditions(folders: Mapping[str, Path], name: str) -> list[np.ndarray]:
    """Return the images of ``TITLES`` of a person, each (h, w, 3) BGR."""
    person = read_image(folders['person'] / f'{name}.jpg')
    cloth = read_image(folders['cloth'] / f'{name[:-1]}1.jpg')
    label = np.asarray(open_image(folders['parse'] / f'{name}.png'))
    parts = np.load(folders['densepose'] / f'{name}.npy')
    pose = json.loads((folders['pose'] / f'{name}_keypoints.json').read_text())
    joints = np.reshape(pose['people'][0]['pose_keypoints'], (18, 3))
    with np.load(folders['flow'] / f'{name}.npz') as packed:
        warped = warp_cloth(cloth, packed['flow'])
    densepose = cv2.applyColorMap(parts * 10, cv2.COLORMAP_TURBO)
    densepose[parts == 0] = 0
    parse_map = _LABELS[label][:, :, ::-1]
    pose_image = draw_pose(person, joints)
    return [person, cloth, parse_map, densepose, pose_image, warped]


def contact_sheet(
    root: str | Path,
    out: str | Path,
    *,
    split: str = 'train',
    num: int = 24,
    columns: int = 2,
) -> None:
    """Draw person, cloth, parse map, DensePose, pose and warped cloth.

    Args:
        root (str or Path): What ``generate_viton`` wrote.
        out (str or Path): Image file to write; its ending chooses the format.
        split (str): ``train`` or ``test``. Defaults to ``train``.
        num (int): Number of persons, six images of (h, w) px each. Defaults
            to 24.
        columns (int): Persons a row. Defaults to 2.

    Raises:
        UserError: ``out`` cannot be written, or the split has no persons.
    """
    check_sheet(Path(out))
    layout = SPLITS[split]
    folders: dict[str, Path] = {
        kind: Path(root, layout.base, name)
        for kind, name in layout.folders.items()
    }
    images = []
    for file in sorted(folders['person'].iterdir())[:num]:
        images += _conditions(folders, file.stem)
    height, width = images[0].shape[:2] if images else (1, 1)
    write_sheet(
        images,
        out,
        columns=columns * len(TITLES),
        cell=(width, height),
        column_titles=TITLES * columns,
    )
