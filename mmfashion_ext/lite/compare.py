# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Compare the predictions of an exported model with those of PyTorch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UserError

#: Landmarks with a lower score, 0-1, are not compared: two cells of a flat map
#: may be equally likely, and either may be the first.
_LIKELY = 0.1

#: Key of a prediction -> largest accepted difference: px, probability (0-1),
#: share of the pixels, or value of a feature.
TOLERANCES = {
    'bboxes': 0.1,
    'scores': 1e-3,
    'masks': 1e-3,
    'keypoints': 0.1,
    'keypoint_scores': 1e-3,
    'match_features': 1e-2,
}


def compare_predictions(
    found: Sequence[dict], expected: Sequence[dict]
) -> dict[str, float]:
    """Return how much predictions differ, which must be of the same items.

    Args:
        found (Sequence[dict]): Of the exported model, one for each image, N
            items each.
        expected (Sequence[dict]): Of PyTorch.

    Returns:
        dict[str, float]: Key -> largest difference; of ``masks`` the share of
        pixels.

    Raises:
        UserError: An image has other items, or a value differs by more than
            :data:`TOLERANCES`.
    """
    worst: dict[str, float] = {}
    for one, other in zip(found, expected, strict=True):
        labels = [_list(p.get('labels')) for p in (one, other)]
        counts = [len(p['scores']) for p in (one, other)]
        if counts[0] != counts[1] or labels[0] != labels[1]:
            raise UserError(
                f'{one["input"]}: the exported model found {counts[0]} items '
                f'{labels[0]}, PyTorch {counts[1]} {labels[1]}; export the '
                'model again'
            )
        for key, tolerance in TOLERANCES.items():
            if key not in other:
                continue
            values = one[key], other[key]
            if key.startswith('keypoint'):
                likely = [s >= _LIKELY for s in other['keypoint_scores']]
                values = _chosen(values[0], likely), _chosen(values[1], likely)
            difference = _difference(*values)
            if not difference <= tolerance:
                raise UserError(
                    f'{one["input"]}: {key} of the exported model differ by '
                    f'{difference:.2g} from those of PyTorch, expected at '
                    f'most {tolerance:g}; export the model again'
                )
            worst[key] = max(worst.get(key, 0.0), difference)
    return worst


def _chosen(items: list, chosen: list) -> list:
    """Return the chosen landmarks (K, ...) of each item."""
    return [item[kept] for item, kept in zip(items, chosen, strict=True)]


def _difference(found: Any, expected: Any) -> float:
    """Return the largest difference of two arrays, or of lists of them."""
    if not len(expected):
        return 0.0
    if isinstance(expected, list):
        pairs = zip(found, expected, strict=True)
        return max(_difference(one, other) for one, other in pairs)
    if expected.dtype == bool:
        return float((found != expected).mean())
    return float(np.abs(found - expected).max())


def _list(values: Any) -> list | None:
    return None if values is None else list(map(int, values))
