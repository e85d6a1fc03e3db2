# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Items of a photograph of Clothing Co-Parsing, from its pixel labels.

The pixels of a group of tags are one item, whether they hang together or not:
a blouse under an open coat is split by a scarf. So an image has at most one
item of each of the nine groups.
"""

from collections.abc import Sequence

import numpy as np

from ..run_lengths import encode_mask
from .constants import (
    AREA_WIDTH,
    EVALUATION_GROUPS,
    GROUP_BY_TAG,
    GROUPS,
    MIN_AREA,
    TAGS,
    Group,
    GroupSet,
)


def min_area(width: int) -> float:
    """Return the area in px^2 that an item must exceed.

    Args:
        width (int): Width of the image in px. The bound is the same share of
            an image in every size of the dataset.
    """
    return MIN_AREA * (width / AREA_WIDTH) ** 2


def find_items(
    labels: np.ndarray,
    tags: Sequence[str] = TAGS,
    groups: GroupSet = 'nine',
) -> list[dict]:
    """Return the items of a photograph as COCO annotations without ids.

    Args:
        labels (np.ndarray): (h, w) uint8, indices into ``tags``.
        tags (Sequence[str]): Names of the labels.
        groups (str): Which category ids: ``'nine'``: 1..9 of the groups,
            ``'six'``: 1..6 of the evaluation groups; the items are the same.

    Returns:
        list[dict]: In the order of the groups: ``category_id``, ``bbox``
        (x, y, w, h) in px and ``area`` in px^2, both of the mask,
        ``segmentation`` (compressed run lengths), ``iscrowd``; ``group``
        (str), ``tags`` (names of its pixels, most first) and ``candidates``
        (ids 1..13 of the categories of DeepFashion2 that it can be).
    """
    sizes = np.bincount(labels.ravel(), minlength=len(tags))
    items = []
    for group in GROUPS:
        own = [
            label
            for label in np.argsort(-sizes, kind='stable').tolist()
            if sizes[label] and GROUP_BY_TAG.get(tags[label]) is group
        ]
        area = int(sizes[own].sum())
        if area <= min_area(labels.shape[1]):
            continue
        mask = np.isin(labels, own)
        columns = np.flatnonzero(mask.any(0))
        rows = np.flatnonzero(mask.any(1))
        x, y = int(columns[0]), int(rows[0])
        right, bottom = int(columns[-1]) + 1, int(rows[-1]) + 1
        items.append(
            {
                'category_id': category_id(group, groups),
                'bbox': [x, y, right - x, bottom - y],
                'area': area,
                'iscrowd': 0,
                'segmentation': encode_mask(mask),
                'group': group.name,
                'tags': [tags[label] for label in own],
                'candidates': [label + 1 for label in group.candidates],
            }
        )
    return items


def category_id(group: Group, groups: GroupSet) -> int:
    """Return the COCO category id of a group, from 1."""
    if groups == 'nine':
        return group.id
    return EVALUATION_GROUPS.index(group.evaluation) + 1


def coco_categories(groups: GroupSet = 'nine') -> list[dict]:
    """Return the ``categories`` of a COCO file, ids from 1."""
    names = [group.name for group in GROUPS]
    if groups == 'six':
        names = list(EVALUATION_GROUPS)
    return [
        {'id': id, 'name': name, 'supercategory': 'clothes'}
        for id, name in enumerate(names, 1)
    ]
