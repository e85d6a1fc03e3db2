# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The worn garment of a person: its region and what lies in front of it.

Read from a label map of CCP. The region is that of one label; the zone in
front (hair, bags, arms, other clothes) is one into which the garment may reach
at no cost, and whose border says nothing about the garment's own.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ...formats.ccp.constants import TAGS
from . import RejectedError
from .flat_garment import Kind

LABELS = {tag: index for index, tag in enumerate(TAGS)}

#: Labels of CCP by kind of garment.
WORN: dict[Kind, tuple[str, ...]] = {
    'upper': (
        't-shirt',
        'top',
        'blouse',
        'shirt',
        'sweater',
        'sweatshirt',
        'jumper',
        'hoodie',
        'bodysuit',
    ),
    'trousers': ('pants', 'jeans', 'leggings'),
    'shorts': ('shorts',),
    'skirt': ('skirt',),
    'dress': ('dress', 'romper'),
}
_THINGS = (
    *('accessories', 'bag', 'belt', 'bracelet', 'glasses', 'gloves', 'hair'),
    *('hat', 'necklace', 'purse', 'ring', 'scarf', 'sunglasses', 'tie'),
    *('wallet', 'watch'),
)
_OUTER = ('blazer', 'cape', 'cardigan', 'coat', 'jacket', 'suit', 'vest')
_LEGWEAR = ('socks', 'stockings', 'tights')
_SHOES = (
    *('boots', 'clogs', 'flats', 'heels', 'loafers', 'pumps', 'sandals'),
    *('shoes', 'sneakers', 'wedges'),
)
_LOWER = (*WORN['trousers'], *WORN['shorts'], *WORN['skirt'])
LEAST_AREA = 2500  # px of a photo PHOTO_WIDTH px wide
_TWO_HEADS = 60  # px between two people's hair
_COAT_CONTACT = 0.10  # of the region's border, at most
_SEEN_SIDES = 0.25  # least share of the region's box that the region fills


@dataclass(frozen=True)
class WornRegion:
    """Region of a worn garment in the photo frame.

    Attributes:
        kind (Kind): Kind of garment.
        label (str): CCP's name of the label.
        mask (np.ndarray): (h, w) bool, where the garment is seen.
        in_front (np.ndarray): (h, w) bool, where it may lie hidden.
        tucked (np.ndarray): (h, w) bool, other clothes beside it that may
            hide its hem or waist.
        person (np.ndarray): (h, w) bool, every labelled pixel.
        skin (np.ndarray): (h, w) bool.
    """

    kind: Kind
    label: str
    mask: np.ndarray
    in_front: np.ndarray
    tucked: np.ndarray
    person: np.ndarray
    skin: np.ndarray


def find_worn_regions(labels: np.ndarray) -> dict[Kind, WornRegion | str]:
    """Find the garments of a person.

    Args:
        labels (np.ndarray): (h, w) uint8, CCP's label map in the photo frame.

    Returns:
        dict[Kind, WornRegion | str]: Kinds that are worn: the region, or why
        it is not usable.
    """
    found: dict[Kind, WornRegion | str] = {}
    for kind, names in WORN.items():
        areas = {name: int((labels == LABELS[name]).sum()) for name in names}
        name = max(areas, key=areas.__getitem__)
        if areas[name] == 0:
            continue
        try:
            found[kind] = _region(labels, kind, name)
        except RejectedError as error:
            found[kind] = str(error)
    return found


def _of(labels: np.ndarray, *names: str) -> np.ndarray:
    return np.isin(labels, [LABELS[name] for name in names])


def _region(labels: np.ndarray, kind: Kind, name: str) -> WornRegion:
    """Return the region of a label; RejectedError if it is not plausible."""
    mask = _large_parts(_of(labels, name))
    if mask.sum() < LEAST_AREA:
        raise RejectedError(f'{int(mask.sum())} px are seen')
    person = labels > 0
    if _heads(_of(labels, 'hair')) > 1:
        raise RejectedError('there are two people')
    skin = _of(labels, 'skin')
    box = cv2.boundingRect(mask.astype(np.uint8))
    _check_place(mask, person, skin | _of(labels, 'hair'), kind, box)
    coat = _of(labels, *_OUTER)
    contact = _contact(mask, coat)
    if contact > _COAT_CONTACT:
        raise RejectedError(f'an open coat touches {contact:.2f} of it')
    in_front = _of(labels, *_THINGS, *_OUTER)
    tucked = np.zeros_like(mask)
    bottom = box[1] + box[3]
    rows = np.arange(labels.shape[0])[:, None]
    if kind == 'upper':
        in_front |= skin
        tucked = _of(labels, *_LOWER, *_LEGWEAR)
    elif kind == 'trousers':
        in_front |= skin & (rows < bottom - 0.25 * box[3])
        in_front |= _of(labels, *_SHOES)
        tucked = _of(labels, *WORN['upper'], *WORN['dress'], *_LEGWEAR)
    else:  # legs below the hem are not in front of it
        in_front |= skin & (rows < bottom - 0.15 * box[3])
        tucked = _of(labels, *WORN['upper']) if kind != 'dress' else tucked
    in_front |= _slivers(labels, mask)
    return WornRegion(
        kind, name, mask, in_front & ~mask, tucked & ~mask, person, skin
    )


def _heads(hair: np.ndarray) -> int:
    """Count heads: parts of hair far from each other sideways."""
    _, _, statistics, centres = cv2.connectedComponentsWithStats(
        hair.astype(np.uint8)
    )
    areas = statistics[1:, cv2.CC_STAT_AREA]
    if not len(areas):
        return 0
    x = np.sort(centres[1:, 0][areas > max(100, 0.3 * areas.max())])
    return 1 + int((np.diff(x) > _TWO_HEADS).sum())


def _slivers(labels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return small parts of other labels that the region encloses."""
    closed = cv2.morphologyEx(
        mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)
    )
    return (closed > 0) & ~mask & (labels > 0)


def _large_parts(mask: np.ndarray) -> np.ndarray:
    """Keep parts of at least 3 % of the largest one."""
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8)
    )
    areas = statistics[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return (areas >= 0.03 * max(areas.max(), 1))[parts] & mask


def _contact(mask: np.ndarray, other: np.ndarray) -> float:
    """Return the share of a region's border that another one touches."""
    kernel = np.ones((3, 3), np.uint8)
    rim = cv2.dilate(mask.astype(np.uint8), kernel).astype(bool) & ~mask
    touched = cv2.dilate(other.astype(np.uint8), kernel).astype(bool)
    return float((rim & touched).sum() / max(rim.sum(), 1))


def _check_place(
    mask: np.ndarray,
    person: np.ndarray,
    head: np.ndarray,
    kind: Kind,
    box: tuple[int, ...],
) -> None:
    """Refuse labels that are something else, by place and shape.

    CCP's labels are noisy: a dress may be a skirt, a blouse a scarf that is
    carried.
    """
    rows = np.nonzero(person.any(1))[0]
    height = rows[-1] - rows[0] + 1
    top = (box[1] - rows[0]) / height
    bottom = (box[1] + box[3] - rows[0]) / height
    aspect = box[3] / box[2]
    places: dict[Kind, tuple[float, float, float, float]] = {
        # latest top, earliest bottom, least and largest height by width
        'upper': (0.40, 0.28, 0.45, 2.6),
        'trousers': (0.66, 0.66, 1.0, 5.5),
        'shorts': (0.62, 0.45, 0.4, 2.2),
        'skirt': (0.62, 0.45, 0.4, 3.5),
        'dress': (0.36, 0.45, 0.9, 4.5),
    }
    latest, earliest, low, high = places[kind]
    if kind in ('upper', 'dress') and top > latest:
        raise RejectedError(f'its top is at {top:.2f} of the height')
    if kind not in ('upper', 'dress') and not 0.25 <= top <= latest:
        raise RejectedError(f'its top is at {top:.2f} of the height')
    if bottom < earliest:
        raise RejectedError(f'its bottom is at {bottom:.2f} of the height')
    if not low <= aspect <= high:
        raise RejectedError(f'its height is {aspect:.2f} of its width')
    if mask.sum() < _SEEN_SIDES * box[2] * box[3]:
        raise RejectedError('it is a strip')
    if kind == 'dress' and not _touches_head(mask, head, box):
        raise RejectedError('a dress without neck or hair above it')


def _touches_head(
    mask: np.ndarray, head: np.ndarray, box: tuple[int, ...]
) -> bool:
    """Return whether skin or hair touches the top fifth of a region."""
    upper = np.zeros_like(mask)
    end = box[1] + max(4, box[3] // 5)
    upper[:end] = mask[:end]
    near = cv2.dilate(upper.astype(np.uint8), np.ones((7, 7), np.uint8))
    return int((near.astype(bool) & head).sum()) >= 15
