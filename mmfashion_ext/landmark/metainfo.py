# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Metainfo of landmark datasets for mmpose, built from our constants."""

from collections.abc import Sequence
from typing import Literal

from ..formats.deepfashion2.constants import (
    CATEGORIES,
    PALETTE,
    SIGMAS,
    flip_indices,
)
from ..formats.deepfashion2.landmark_names import LANDMARK_NAMES


def pose_metainfo(
    dataset_name: str,
    names: Sequence[str],
    sigmas: Sequence[float],
    flip_pairs: Sequence[tuple[int, int]],
    skeleton: Sequence[tuple[int, int]],
    colors: Sequence[tuple[int, int, int]],
) -> dict:
    """Build the dictionary that mmpose's ``parse_pose_metainfo`` reads.

    Args:
        dataset_name (str): Name of the dataset.
        names (Sequence[str]): Names of the K landmarks, all different.
        sigmas (Sequence[float]): K OKS sigmas.
        flip_pairs (Sequence[tuple[int, int]]): Landmarks (0-based) that
            are swapped in a mirrored image.
        skeleton (Sequence[tuple[int, int]]): Lines to draw, 0-based.
        colors (Sequence[tuple[int, int, int]]): (K, 3) colours, RGB 0-255; a
            line has the colour of its first landmark.

    Returns:
        dict: ``keypoint_info``, ``skeleton_info``, ``joint_weights`` (K,) and
        ``sigmas`` (K,), as fractions of the square root of a garment's area.
    """
    partner: dict[int, str] = {}
    for a, b in flip_pairs:
        partner |= {a: names[b], b: names[a]}
    return {
        'dataset_name': dataset_name,
        'keypoint_info': {
            k: {
                'name': name,
                'id': k,
                'color': list(colors[k]),
                'type': '',
                'swap': partner.get(k, ''),
            }
            for k, name in enumerate(names)
        },
        'skeleton_info': {
            k: {
                'link': (names[a], names[b]),
                'id': k,
                'color': list(colors[a]),
            }
            for k, (a, b) in enumerate(skeleton)
        },
        'joint_weights': [1.0] * len(names),
        'sigmas': list(sigmas),
    }


def deepfashion2_metainfo(
    outwear_flip_pairs: Literal['sigmas', 'figure'] = 'sigmas',
) -> dict:
    """Build the metainfo of the 294 landmarks of DeepFashion2.

    They are named as in mmpose's table (``sss_kpt1`` ...). mmpose's own table
    has no sigmas (294,), so no AP, and its flip indices lose one landmark of
    vests and have another twice.

    Args:
        outwear_flip_pairs (str): Layout of short sleeve outwear, see
            :func:`~mmfashion_ext.formats.deepfashion2.constants.flip_indices`.

    Returns:
        dict: See :func:`pose_metainfo`; K = 294.
    """
    flipped = enumerate(flip_indices(outwear_flip_pairs).tolist())
    return pose_metainfo(
        'deepfashion2',
        [name for names in LANDMARK_NAMES for name in names],
        SIGMAS,
        [(a, b) for a, b in flipped if a < b],
        [
            (category.offset + a - 1, category.offset + b - 1)
            for category in CATEGORIES
            for a, b in category.skeleton
        ],
        [
            color
            for category, color in zip(CATEGORIES, PALETTE, strict=True)
            for _ in range(category.num_landmarks)
        ],
    )
