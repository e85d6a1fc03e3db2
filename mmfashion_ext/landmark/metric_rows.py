# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Rows of labelled landmarks that the landmark metric collects by garment."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UserError
from ..evaluation.result_files import to_numpy

#: Columns of no landmark: positions, boxes (xyxy) and image sizes (w, h) in
#: px; states (2 visible, 1 occluded, 0 unknown); landmark numbers (0-based).
_NO_ROWS: dict[str, np.ndarray] = {
    'predicted': np.empty((0, 2)),
    'truth': np.empty((0, 2)),
    'boxes': np.empty((0, 4)),
    'sizes': np.empty((0, 2)),
    'states': np.empty(0, np.uint8),
    'types': np.empty(0, int),
}


def labelled_rows(
    sample: dict,
    predicted: np.ndarray,
    landmarks: np.ndarray,
    need_states: bool = False,
) -> dict[str, np.ndarray] | None:
    """Return one row for each labelled landmark of a garment.

    Args:
        sample (dict): See ``LandmarkMetric.process``.
        predicted (np.ndarray): (K, 2) px of the original image.
        landmarks (np.ndarray): (L,) int, the landmarks (0-based, among K) of
            the garment's category.
        need_states (bool): Whether ``landmark_states`` must be known.

    Returns:
        dict[str, np.ndarray] | None: With N labelled landmarks ``predicted``
        and ``truth`` (N, 2) px, ``boxes`` (N, 4) xyxy px, ``sizes`` (N, 2)
        (w, h) px of the image, ``states`` (N,) uint8 and ``types`` (N,) int,
        the landmarks' numbers. None of a detected box, whose landmarks are
        not known.

    Raises:
        UserError: The sample lacks metainfo, or its box has no area.
    """
    gt, states = sample['gt_instances'], sample.get('landmark_states')
    truth = to_numpy(gt['keypoints'])[0]
    labelled = to_numpy(gt['keypoints_visible'])[0, landmarks] > 0
    types = landmarks[labelled]
    if states is None:
        if not len(types):
            return None
        if need_states:
            sample_meta(sample, 'landmark_states')  # raises
        states = np.zeros((1, len(truth)), np.uint8)
    height, width = sample_meta(sample, 'ori_shape')[:2]
    box = to_numpy(gt['bboxes'])[0]
    if not (box[2:] > box[:2]).all():
        raise UserError(
            f'the ground-truth box {box.tolist()} (xyxy px) has no area to '
            'divide errors by; remove the item from the dataset'
        )
    num = len(types)
    return {
        'predicted': predicted[types],
        'truth': truth[types],
        'boxes': np.tile(box, (num, 1)),
        'sizes': np.tile((width, height), (num, 1)),
        'states': to_numpy(states)[0, types],
        'types': types,
    }


def concatenate_rows(
    rows: Sequence[dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Concatenate the rows of many garments, column by column.

    Args:
        rows (Sequence[dict[str, np.ndarray]]): See :func:`labelled_rows`;
            may be empty.

    Returns:
        dict[str, np.ndarray]: The same columns with all N rows: landmarks
        (N, 2) px, boxes (N, 4) xyxy px ...
    """
    return {
        key: np.concatenate([empty, *(columns[key] for columns in rows)])
        for key, empty in _NO_ROWS.items()
    }


def sample_meta(sample: dict, key: str) -> Any:
    """Return the metainfo ``key`` of a sample.

    Raises:
        UserError: The test pipeline does not pack it.
    """
    if key not in sample:
        raise UserError(
            f'the sample has no {key!r}; add it to meta_keys of '
            'PackPoseInputs in the test pipeline'
        )
    return sample[key]
