# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Joints of a person by a pose model of mmpose, as OpenPose's 18."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...formats.viton.constants import JOINTS, NUM_JOINTS
from ...hub import get_model
from ...plugins import require_package
from ...utils.host_scope import host_scope

#: Least score, 0-1, of a joint that is written.
SCORE_THR = 0.3


def to_openpose(
    points: np.ndarray, scores: np.ndarray, names: Sequence[str]
) -> np.ndarray:
    """Return the joints of a model in OpenPose's order (COCO, 18 joints).

    Args:
        points (np.ndarray): (K, 2) x, y px.
        scores (np.ndarray): (K,) 0-1.
        names (Sequence[str]): K names, such as ``left_shoulder``. The neck is
            the middle of the shoulders.

    Returns:
        np.ndarray: (18, 3) float32, x, y px and confidence; 0 for a joint
        below ``SCORE_THR`` or that the model does not have.

    Raises:
        UserError: The model has none of the joints, or no shoulders.
    """
    row = {name.replace('_', ' '): n for n, name in enumerate(names)}
    shoulders = [f'{side} shoulder' for side in ('left', 'right')]
    if not all(name in row for name in shoulders):
        raise UserError(
            f'the pose model has the points {", ".join(names)[:80]}, expected '
            'joints of a body named as in COCO (left_shoulder ...)'
        )
    joints = np.zeros((NUM_JOINTS, 3), np.float32)
    for n, name in enumerate(JOINTS):
        rows = [row[name]] if name in row else []
        if name == 'neck':
            rows = [row[shoulder] for shoulder in shoulders]
        if rows and scores[rows].min() >= SCORE_THR:
            joints[n, :2] = points[rows].mean(axis=0)
            joints[n, 2] = scores[rows].min()
    return joints


def pose_file(joints: np.ndarray) -> dict:
    """Return joints (18, 3) as the content of an OpenPose file."""
    return {'people': [{'pose_keypoints_2d': joints.ravel().tolist()}]}


def pose_estimator(
    config: str, weights: str | Path, device: str | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """Build a function that finds the joints of the person of an image.

    Args:
        config (str): Config file of a top-down model of mmpose for bodies.
        weights (str | Path): Its checkpoint, file or URL; never unpickled.
        device (str, optional): None: the CPU.

    Returns:
        Callable: Image (h, w, 3) BGR uint8 -> joints (18, 3) float32.

    Raises:
        UserError: There is no such config, or the weights do not fit.
        ImportError: mmpose is missing.
    """
    require_package('mmpose', f'the pose model {config}')
    model = get_model(config, weights, device=device)
    with host_scope('mmpose'):
        from mmpose.apis.inference import (
            dataset_meta_from_config,
            inference_topdown,
        )

        # joints are named after the config's dataset, whatever the file says
        model.dataset_meta = dataset_meta_from_config(model.cfg, 'test')
    if model.dataset_meta is None:
        raise UserError(
            f'{config}: the config has no test dataset whose joints have '
            'names; inherit one of mmpose'
        )
    id2name = model.dataset_meta['keypoint_id2name']
    names = [id2name[n] for n in sorted(id2name)]

    def estimate(image: np.ndarray) -> np.ndarray:
        with host_scope('mmpose'):
            (sample,) = inference_topdown(model, image)
        found = sample.pred_instances
        return to_openpose(
            np.asarray(found.keypoints[0], float),
            np.asarray(found.keypoint_scores[0], float),
            names,
        )

    return estimate
