# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Garment classes of try-on, and what each parse label is for them.

Which labels are the garment that is replaced, what is copied from the
photograph and what is erased depends on the class: trousers stay as they are
under a new top, and are replaced by a new skirt. The names are DressCode's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ...errors import UserError
from .constants import (
    ARM_PARTS,
    ARMS,
    FOOT_PARTS,
    HAND_PARTS,
    LEG_PARTS,
    LEGS,
    OTHER_CLOTHES,
    PANTS,
    SHOES,
    UPPER_CLOTHES,
)

GarmentClass = Literal['upper_body', 'lower_body', 'dresses']
#: The classes in DressCode's order: its files of pairs number them from 0.
GARMENT_CLASSES: tuple[GarmentClass, ...] = get_args(GarmentClass)


@dataclass(frozen=True)
class GarmentRoles:
    """What the labels of a person are for a class of garments.

    Face and hair are copied for every class. All other labels are erased.

    Attributes:
        garment (frozenset[int]): Parse labels of the garment to replace.
        preserved (frozenset[int]): Parse labels that are copied.
        skin (frozenset[int]): Parse labels of limbs that the garment may
            cover or leave bare.
        ends (frozenset[int]): DensePose parts of ``skin`` that are copied all
            the same: hands, feet.
        limbs (frozenset[int]): DensePose parts of the limbs that the garment
            may cover or leave bare.
        confused_with (tuple[int, ...]): Parse labels that parsers confuse
            with the garment.
    """

    garment: frozenset[int]
    preserved: frozenset[int]
    skin: frozenset[int]
    ends: frozenset[int]
    limbs: frozenset[int]
    confused_with: tuple[int, ...]


ROLES: Mapping[GarmentClass, GarmentRoles] = {
    'upper_body': GarmentRoles(
        frozenset({UPPER_CLOTHES}),
        OTHER_CLOTHES,
        ARMS,
        HAND_PARTS,
        ARM_PARTS,
        (0, PANTS, *sorted(ARMS)),
    ),
    'lower_body': GarmentRoles(
        frozenset({PANTS}),
        frozenset({UPPER_CLOTHES}) | SHOES | ARMS,
        LEGS,
        FOOT_PARTS,
        LEG_PARTS,
        (0, UPPER_CLOTHES, *sorted(LEGS)),
    ),
    # a dress replaces trousers, too
    'dresses': GarmentRoles(
        frozenset({UPPER_CLOTHES}),
        SHOES,
        ARMS | LEGS,
        HAND_PARTS | FOOT_PARTS,
        ARM_PARTS | LEG_PARTS,
        (0, PANTS, *sorted(ARMS)),
    ),
}
_SHOE = min(SHOES)
#: Names of labels that stand for another label of VITON than for tops: socks
#: are not a part of trousers, skirt and belt are parts of a dress.
OTHER_LABELS: Mapping[GarmentClass, Mapping[str, int]] = {
    'upper_body': {},
    'lower_body': {'socks': _SHOE},
    'dresses': {
        'socks': _SHOE,
        'skirt': UPPER_CLOTHES,
        'belt': UPPER_CLOTHES,
    },
}


def read_class(text: str) -> GarmentClass | None:
    """Return the class of a name, or of its number in DressCode; or None."""
    for number, name in enumerate(GARMENT_CLASSES):
        if text in (name, str(number)):
            return name
    return None


def check_class(name: object) -> GarmentClass:
    """Return a class.

    Raises:
        UserError: It is not the name of a class.
    """
    for known in GARMENT_CLASSES:
        if name == known:
            return known
    raise UserError(
        f'a garment class must be one of {", ".join(GARMENT_CLASSES)}, got '
        f'{name!r:.50}'
    )
