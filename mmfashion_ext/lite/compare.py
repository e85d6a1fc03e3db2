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


#: Key of an image of a try-on -> largest accepted share of its values that
#: differ by more than one grey level, which rounding may turn over.
IMAGE_TOLERANCES = dict.fromkeys(
    ('try_on', 'warped_cloth', 'warped_mask'), 1e-3
)


def compare_predictions(
    found: Sequence[dict], expected: Sequence[dict]
) -> dict[str, float]:
    """Return how much predictions differ, which must be of the same items.

    Args:
        found (Sequence[dict]): Of the exported model, one for each input: N
            items of an image, a ranking of G tracklets, or images (h, w, 3)
            of a try-on.
        expected (Sequence[dict]): Of PyTorch.

    Returns:
        dict[str, float]: Key -> largest difference; of ``masks`` the share of
        pixels, of images the share of values that differ by more than one
        grey level.

    Raises:
        UserError: An input has another result, or a value differs by more
            than :data:`TOLERANCES` or :data:`IMAGE_TOLERANCES`.
    """
    worst: dict[str, float] = {}
    for one, other in zip(found, expected, strict=True):
        for key, difference in _differences(one, other).items():
            tolerance = {**TOLERANCES, **IMAGE_TOLERANCES}[key]
            if not difference <= tolerance:
                raise UserError(
                    f'{one["input"]}: {key} of the exported model differ by '
                    f'{difference:.2g} from those of PyTorch, expected at '
                    f'most {tolerance:g}; export the model again'
                )
            worst[key] = max(worst.get(key, 0.0), difference)
    return worst


def _differences(one: dict, other: dict) -> dict[str, float]:
    """Return how much two predictions of an input differ, by key."""
    if 'gallery' in other:
        return {'scores': _ranking_difference(one, other)}
    if 'try_on' in other:
        return {
            key: _level_difference(one[key], other[key])
            for key in IMAGE_TOLERANCES
        }
    labels = [_list(p.get('labels')) for p in (one, other)]
    counts = [len(p['scores']) for p in (one, other)]
    if counts[0] != counts[1] or labels[0] != labels[1]:
        raise UserError(
            f'{one["input"]}: the exported model found {counts[0]} items '
            f'{labels[0]}, PyTorch {counts[1]} {labels[1]}; export the '
            'model again'
        )
    differences = {}
    for key in TOLERANCES:
        if key not in other:
            continue
        values = one[key], other[key]
        if key.startswith('keypoint'):
            likely = [s >= _LIKELY for s in other['keypoint_scores']]
            values = _chosen(values[0], likely), _chosen(values[1], likely)
        differences[key] = _difference(*values)
    return differences


def _ranking_difference(one: dict, other: dict) -> float:
    """Return the largest difference of a tracklet's score.

    Raises:
        UserError: The galleries are others.
    """
    scores = [
        dict(zip(p['indices'].tolist(), p['scores'], strict=True))
        for p in (one, other)
    ]
    if scores[0].keys() != scores[1].keys():
        raise UserError(
            f'{one["input"]}: the exported model ranks {len(scores[0])} '
            f'tracklets, PyTorch {len(scores[1])}; export the model again'
        )
    return max(abs(scores[0][i] - score) for i, score in scores[1].items())


def _level_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the share of values that differ by more than a grey level."""
    if one.shape != other.shape:
        return 1.0
    return float((np.abs(one.astype(int) - other) > 1).mean())


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
