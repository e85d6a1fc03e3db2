# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Files of joints of try-on datasets: those of OpenPose and of DressCode."""

from pathlib import Path

import numpy as np

from ...utils.files import read_json
from ...utils.sources import check_regular_file
from ..checks import require
from ..rules import MAX_SIDE, ListOf, Numbers
from .constants import BODY_25_JOINTS, NUM_JOINTS

_JOINTS = Numbers(
    (3 * NUM_JOINTS, 75), 'x, y, confidence of 18 or 25 joints', MAX_SIDE
)
_DRESSCODE_JOINTS = Numbers(
    (4 * NUM_JOINTS,), 'x, y, confidence, number of 18 joints', MAX_SIDE
)
#: (h, w) px of the images that joints of DressCode's files are for.
DRESSCODE_POSE_SIZE = 512, 384


def read_pose(
    path: str | Path, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Read the joints of the first person of a file of OpenPose or DressCode.

    Args:
        path (str | Path): JSON; ``people[0]`` has ``pose_keypoints`` (older)
            or ``pose_keypoints_2d``: x, y in px and confidence of 18 joints
            (COCO), or of 25 (BODY_25), of which those 18 are used. Or
            DressCode's ``keypoints``: x, y, confidence and number of 18
            joints, px of an image of ``DRESSCODE_POSE_SIZE``.
        size (tuple[int, int], optional): (h, w) px of the person's image,
            which joints of DressCode's files are scaled to. None: they stay.

    Returns:
        np.ndarray: (18, 3) float32, rows of x, y and confidence in the order
        of :data:`~.constants.JOINTS`; 0 for a joint that was not found. All 0
        if no person was found.

    Raises:
        UserError: It is missing, damaged or not such a file.
    """
    where, again = str(path), 'make it again with OpenPose'
    if Path(path).exists():
        check_regular_file(Path(path))
    content = read_json(path, 'pose')
    if isinstance(content, dict) and {*content} & {'keypoints', 'people'} == {
        'keypoints'
    }:
        return _dresscode_pose(content, where, size)
    require(content, {'people': ListOf(None, 'people')}, where, again)
    if not content['people']:
        return np.zeros((NUM_JOINTS, 3), np.float32)
    person = content['people'][0]
    keys = ('pose_keypoints', 'pose_keypoints_2d')
    older = not isinstance(person, dict) or keys[1] not in person
    key = keys[0] if older or keys[0] in person else keys[1]
    require(person, {key: _JOINTS}, f'{where}: people[0]', again)
    joints = np.array(person[key], np.float32).reshape(-1, 3)
    if len(joints) == NUM_JOINTS:
        return joints
    return joints[list(BODY_25_JOINTS)]


def _dresscode_pose(
    content: dict, where: str, size: tuple[int, int] | None
) -> np.ndarray:
    """Return the joints of a file of DressCode, see :func:`read_pose`."""
    rows = content['keypoints']
    if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        rows = [number for row in rows for number in row]
    again = 'download it again'
    require(
        {'keypoints': rows}, {'keypoints': _DRESSCODE_JOINTS}, where, again
    )
    joints = np.array(rows, np.float32).reshape(-1, 4)[:, :3]
    found = (joints[:, :2] > 1).all(axis=1, keepdims=True)
    if size is not None:
        scale = np.array(size, np.float32) / DRESSCODE_POSE_SIZE
        # joints that were found stay above 1, where they are drawn
        above_1 = np.nextafter(np.float32(1), np.float32(2))
        joints[:, :2] = np.maximum(joints[:, :2] * scale[::-1], above_1)
    return np.where(found, joints, np.float32(0))
