# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Official result files: predictions as JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..utils.files import atomic_write


def to_numpy(values: Any) -> np.ndarray:
    """Return values as an array.

    Args:
        values (Tensor | array-like): A tensor on any device, or anything
            that NumPy converts, of any shape.

    Returns:
        np.ndarray: Same shape and dtype, on the CPU.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values)


def flat_keypoints(keypoints: np.ndarray) -> np.ndarray:
    """Return landmarks in the form of official result files.

    Args:
        keypoints (np.ndarray): (..., K, 2) px.

    Returns:
        np.ndarray: (..., 3 K) float64: x, y rounded to 0.01 px, which halves
        the file, and v = 1.
    """
    keypoints = np.asarray(keypoints, dtype=float)
    *items, count, _ = keypoints.shape
    flat = np.ones((*items, count, 3))
    flat[..., :2] = np.round(keypoints, 2)
    return flat.reshape(*items, 3 * count)


def write_results(path: str | Path, entries: list[dict]) -> None:
    """Write a result file, whole or not at all.

    Args:
        path (str | Path): JSON file to write.
        entries (list[dict]): The official flat result list; arrays, such as
            boxes (x, y, w, h) in px, become lists.
    """
    with atomic_write(path) as partial, partial.open('w') as file:
        json.dump(entries, file, default=np.ndarray.tolist)
