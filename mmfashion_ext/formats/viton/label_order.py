# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Order of labelled parts from the top of an upright person to the bottom.

It tells sets of parse labels apart: read as another set, hair lies at the
shoes.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from .constants import PARSE_LABEL_SETS, ParseLabels

#: Smallest part of an image whose position is compared.
_MIN_PART = 0.002
#: Overlap of the order from top to bottom that is tolerated, of the height.
_TOLERANCE = 0.05

#: Largest share of an image that small things cover.
_SMALL: Mapping[str, float] = {
    'sunglasses': 0.03,
    'glove': 0.05,
    'belt': 0.05,
}
#: Height of parts of a person from the top, 0 to 5; parts of one height are
#: not compared.
_HEIGHTS: Mapping[str, float] = {
    'hat': 0,
    'hair': 0,
    'face': 0,
    'sunglasses': 0,
    'head': 0,
    'torso skin': 0.5,
    'upper clothes': 1,
    'coat': 1,
    'torso': 1,
    'dress': 1.5,
    'jumpsuits': 1.5,
    'pants': 2,
    'skirt': 2,
    'left leg': 3,
    'right leg': 3,
    'left upper leg': 3,
    'right upper leg': 3,
    'left lower leg': 4,
    'right lower leg': 4,
    'left shoe': 5,
    'right shoe': 5,
    'left foot': 5,
    'right foot': 5,
}


def fitting_label_sets(
    ids: np.ndarray, exclude: ParseLabels
) -> list[ParseLabels]:
    """Return the sets of parse labels that fit the order of a body.

    Args:
        ids (np.ndarray): (h, w) uint8, as stored.
        exclude (str): A set that is not returned.
    """
    fitting = []
    for labels, table in PARSE_LABEL_SETS.items():
        names = [name for name, _ in table]
        if (
            labels != exclude
            and ids.max() < len(names)
            and not misfits(ids, names)
        ):
            fitting.append(labels)
    return fitting


def misfits(ids: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return what is wrong with the labels of a parse map.

    Args:
        ids (np.ndarray): (h, w) uint8.
        names (Sequence[str]): Name of each id.

    Returns:
        list[str]: Parts in the wrong order, small things that cover much, and
        unused labels in the place of a head.
    """
    shares = np.bincount(ids.ravel(), minlength=len(names)) / ids.size
    shown = {names[n]: shares[n] for n in np.flatnonzero(shares > _MIN_PART)}
    unused = sorted(name for name in shown if name.startswith('unused'))
    wrong = [
        f'{name} on {shown[name]:.0%} of the image'
        for name in shown
        if shown[name] > _SMALL.get(name, 1)
    ]
    if unused and not {'hair', 'face'} & {*shown}:
        wrong.append(f'neither hair nor face, but the label {unused[0]}')
    return wrong_order(ids, names) + wrong


def wrong_order(ids: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return which parts of a body lie above others that they should not.

    Args:
        ids (np.ndarray): (h, w), ids of parts.
        names (Sequence[str]): Name of each id.

    Returns:
        list[str]: Such as ``'left shoe above hair'``.
    """
    h = ids.shape[0]
    counts = np.stack(
        [np.bincount(row, minlength=len(names)) for row in ids.astype(int)]
    )  # (h, number of ids)
    middles: dict[str, float] = {}
    for name in dict.fromkeys(names):
        rows = counts[:, [n for n, x in enumerate(names) if x == name]]
        total = rows.sum()
        if name in _HEIGHTS and total > _MIN_PART * ids.size:
            middles[name] = (rows.sum(axis=1) @ np.arange(h)) / total / h
    return [
        f'{lower} above {upper}'
        for upper, y in middles.items()
        for lower, other in middles.items()
        if _HEIGHTS[upper] < _HEIGHTS[lower] and other < y - _TOLERANCE
    ]
