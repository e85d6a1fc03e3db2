# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Plausibility of try-on inputs: masks, poses, DensePose and parse maps.

A file may be readable and still be another one than is meant: an inverted
mask, joints of an image of another size, a parse map with other labels. What
is found is a note, not an error: unusual garments and poses exist.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from .constants import DENSEPOSE_PARTS, ParseLabels
from .files import label_set, map_labels
from .garment_classes import ROLES, GarmentClass
from .label_order import fitting_label_sets, misfits, wrong_order

#: Px that the shorter side of an image keeps at least, of a larger one every
#: n-th pixel is looked at.
_SIDE = 512
#: A mask that covers less or more of its image is not that of a garment.
MIN_COVER, MAX_COVER = 0.02, 0.95
#: Share of an image's border that a garment may touch.
MAX_BORDER = 0.1
#: Largest difference of the corners' grey values on a plain background.
_PLAIN = 30
#: Difference from the background of what clearly stands out from it, and of
#: what is the background itself.
_STANDS_OUT, _SAME = 40, 3
#: Shares of what stands out that a mask may leave out, and of a mask that may
#: show the background. Published masks have 0.02 and 0.05 at most.
_MAX_LEFT_OUT, _MAX_BACKGROUND = 0.06, 0.15
_GARMENT_NAMES: dict[GarmentClass, str] = {
    'upper_body': 'upper clothes',
    'lower_body': 'trousers or skirt',
    'dresses': 'dress',
}
#: Joints of the head: nose, eyes, ears.
_HEAD_JOINTS = (0, 14, 15, 16, 17)


class Doubt(NamedTuple):
    """What is not plausible about a file.

    Attributes:
        problem (str): What it is, in words that are the same for all files;
            a verb comes first, the subject is the file.
        detail (str): The numbers, and what to do.
    """

    problem: str
    detail: str

    def __str__(self) -> str:
        return f'{self.problem} ({self.detail})'


def doubt_mask(mask: np.ndarray, cloth: np.ndarray) -> Iterator[Doubt]:
    """Compare the mask of a garment with its image.

    Args:
        mask (np.ndarray): (h, w) uint8, on from 128.
        cloth (np.ndarray): (h, w, 3) uint8 RGB.

    Yields:
        Doubt: The mask covers nearly nothing or everything, is inverted,
        touches much of the border, or is that of another garment. Colours are
        compared on a plain background only.
    """
    step = max(1, min(mask.shape) // _SIDE)
    on, cloth = mask[::step, ::step] >= 128, cloth[::step, ::step]
    cover = on.mean()
    if not MIN_COVER <= cover <= MAX_COVER:
        yield Doubt(
            'covers nearly nothing or everything',
            f'{cover:.0%} of the image, expected {MIN_COVER:.0%} to '
            f'{MAX_COVER:.0%}: make it again',
        )
        return
    distance = _from_background(cloth)
    if distance is not None and _is_inverted(distance, on):
        yield Doubt(
            'is inverted',
            'it is on where the image has the colour of its corners; expected '
            'on the garment: invert it',
        )
        return
    border = np.concatenate((on[0], on[-1], on[1:-1, 0], on[1:-1, -1])).mean()
    if border > MAX_BORDER:
        yield Doubt(
            'touches the border',
            f'on {border:.0%} of it, expected a garment within the image: '
            'look at the mask',
        )
    if distance is not None:
        yield from _doubt_outline(distance, on)


def _from_background(cloth: np.ndarray) -> np.ndarray | None:
    """Return the difference of each pixel from the colour of the corners.

    Args:
        cloth (np.ndarray): (h, w, 3) uint8 RGB.

    Returns:
        np.ndarray, optional: (h, w), the largest of the channels, 0 to 255.
        None if the corners differ.
    """
    h, w = cloth.shape[:2]
    n = max(1, min(h, w) // 32)
    corners = [
        cloth[rows, columns].reshape(-1, 3).mean(axis=0)
        for rows in (slice(n), slice(-n, None))
        for columns in (slice(n), slice(-n, None))
    ]
    background = np.median(corners, axis=0)
    if np.abs(np.array(corners) - background).max() > _PLAIN:
        return None
    return np.abs(cloth - background).max(axis=2)


def _is_inverted(distance: np.ndarray, on: np.ndarray) -> bool:
    """Return whether a mask is on in corners and where they have their colour.

    Args:
        distance (np.ndarray): (h, w), see :func:`_from_background`.
        on (np.ndarray): (h, w) bool.
    """
    corners = on[[0, 0, -1, -1], [0, -1, 0, -1]].sum()
    inside, outside = distance[on].mean(), distance[~on].mean()
    return corners > 1 and outside > inside + _SAME


def _doubt_outline(distance: np.ndarray, on: np.ndarray) -> Iterator[Doubt]:
    """Compare a mask with what stands out from a plain background.

    A garment in the colour of its background shows too little to be compared.
    """
    garment = distance > _STANDS_OUT
    left_out = (garment & ~on).sum() / max(1, garment.sum())
    background = (distance[on] <= _SAME).mean()
    if garment.mean() < MIN_COVER:
        return
    if left_out > _MAX_LEFT_OUT or background > _MAX_BACKGROUND:
        yield Doubt(
            'does not fit its garment',
            f'{left_out:.0%} of what stands out from the background is left '
            f'out, and {background:.0%} of the mask is background: is it that '
            'of another garment?',
        )


def doubt_pose(
    pose: np.ndarray,
    size: tuple[int, int],
    body: np.ndarray | None = None,
    head: np.ndarray | None = None,
) -> Iterator[Doubt]:
    """Compare joints with their image.

    Args:
        pose (np.ndarray): (18, 3), x, y in px and confidence.
        size (tuple[int, int]): (h, w) of the image in px.
        body (np.ndarray, optional): (h, w) bool, where the parse map or
            DensePose shows the person.
        head (np.ndarray, optional): (h, w) bool, where it shows the head.

    Yields:
        Doubt: No joint was found, or the joints are those of an image of
        another size, or of another person.
    """
    h, w = size
    points = pose[:, :2]
    if not points.any():
        yield Doubt('shows no person', 'its pose map is empty')
        return
    if np.abs(points).max() <= 1:
        yield Doubt(
            'has normalised joints',
            'all are within -1 to 1, expected px of the image: multiply them '
            'by its width and height',
        )
        return
    points = points[(points > 1).all(axis=1)]  # those that are drawn
    if not len(points):
        yield Doubt('shows no person', 'no joint has x > 1 and y > 1')
        return
    x, y = points.max(axis=0)
    outside = (points >= (w, h)).any(axis=1).sum()
    if outside:
        yield Doubt(
            'has joints outside the image',
            f'{outside} of {len(points)}, up to x {x:.0f}, y {y:.0f}; the '
            f'image has {w} x {h} px: are they those of an image of another '
            'size?',
        )
    elif len(points) > 2 and x < w / 2 and y < h / 2:
        yield Doubt(
            'has joints in the upper left quarter of the image alone',
            f'up to x {x:.0f}, y {y:.0f}; the image has {w} x {h} px: are '
            'they those of a smaller image?',
        )
    else:
        for region, rows, name in (
            (body, slice(None), 'person'),
            (head, list(_HEAD_JOINTS), 'head'),
        ):
            if region is not None and region.any():
                yield from _doubt_joints(pose[rows, :2], region, name)


def _doubt_joints(
    points: np.ndarray, region: np.ndarray, name: str
) -> Iterator[Doubt]:
    """Compare joints (n, 2) inside an image with a region (h, w) of it."""
    points = points[(points > 1).all(axis=1)]
    if not len(points):
        return
    h, w = region.shape
    column, row = points.astype(int).T
    apart = ~_grown(region)[row.clip(0, h - 1), column.clip(0, w - 1)]
    if apart.mean() > 0.5:
        yield Doubt(
            f'has joints beside the {name}',
            f'{apart.sum()} of {len(points)} are not on the {name} of the '
            'parse map or DensePose: are they those of another image?',
        )


def _grown(region: np.ndarray) -> np.ndarray:
    """Return a region (h, w) bool grown by 3 % of the height."""
    radius = max(1, round(0.03 * region.shape[0]))
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return cv2.dilate(region.astype(np.uint8), kernel) > 0


def doubt_densepose(
    densepose: np.ndarray, parse: np.ndarray | None = None
) -> Iterator[Doubt]:
    """Check that DensePose parts are those of an upright person.

    Args:
        densepose (np.ndarray): (h, w), part ids 0 ... 24.
        parse (np.ndarray, optional): (h, w), VITON's labels 0 ... 13.

    Yields:
        Doubt: It shows no person, or not the one of the parse map.
    """
    body = densepose > 0
    if not body.any():
        yield Doubt(
            'shows no person',
            'all part ids are 0: make it again, or leave the person out',
        )
        return
    if wrong := wrong_order(densepose, DENSEPOSE_PARTS):
        yield Doubt(
            'has parts that are not in the order of a body',
            f'{wrong[0]}: are the ids those of DensePose?',
        )
    if parse is not None and parse.any():
        apart = (body & ~_grown(parse > 0)).sum() / body.sum()
        if apart > 0.4:
            yield Doubt(
                'lies beside the person of the parse map',
                f'{apart:.0%} of it: is it that of another image?',
            )


def doubt_parse(
    ids: np.ndarray,
    labels: ParseLabels,
    cloth_class: GarmentClass = 'upper_body',
) -> Iterator[Doubt]:
    """Check the labels of a parse map against the order of a body.

    Args:
        ids (np.ndarray): (h, w) uint8, as stored.
        labels (str): The set that they are said to be of.
        cloth_class (str): Class of the garment to be replaced.

    Yields:
        Doubt: It shows no person or no garment of the class, or its labels
        are those of another set.
    """
    if not ids.any():
        yield Doubt('shows no person', 'all labels are 0 (background)')
        return
    names = [name for name, _ in label_set(labels)]
    if wrong := misfits(ids, names):
        others = fitting_label_sets(ids, labels)
        advice = (
            f'those of {" or ".join(map(repr, others))} would fit: '
            f'parse_labels (--parse-labels) names the set'
            if others
            else 'is the image upright, and are these the labels?'
        )
        yield Doubt(
            f'has labels that do not fit the set {labels!r}',
            f'{wrong[0]}; {advice}',
        )
    elif not np.isin(
        map_labels(ids, labels, cloth_class), [*ROLES[cloth_class].garment]
    ).any():
        yield Doubt(
            f'has no {_GARMENT_NAMES[cloth_class]}',
            'the garment to be replaced is not labelled',
        )
