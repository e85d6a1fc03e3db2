# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Appearance of a pedestrian: body, clothes, bag. Colours are BGR 0-255."""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from ..drawing.textures import Style, hsv_to_bgr

Colour = tuple[int, int, int]
Legs = Literal['trousers', 'shorts', 'skirt']
Bag = Literal['none', 'backpack', 'shoulder', 'handbag', 'suitcase']

_BAGS = ('none', 'backpack', 'shoulder', 'handbag', 'suitcase')
_BAG_SHARES = (0.4, 0.2, 0.16, 0.12, 0.12)

_SKINS = ((0.05, 0.28, 0.95), (0.06, 0.4, 0.85), (0.06, 0.55, 0.55))
_HAIRS = ((0.08, 0.4, 0.15), (0.07, 0.5, 0.35), (0.11, 0.5, 0.75), (0, 0, 0.6))


@dataclass(frozen=True)
class Appearance:
    """What a person looks like, the same in both cameras.

    Lengths are in body units: the person is about 1 tall.

    Attributes:
        height (float): Relative to the average, about 1.
        build (float): Width relative to the average, about 1.
        skin, hair, shoes, bag_colour (Colour): Colours (b, g, r), 0-255.
        long_hair (bool): Down to the shoulders.
        cap (bool): Wears one of ``hair``'s colour.
        top, bottom (Style): Cloth.
        sleeve (float): Covered share of the arm, 0-1.
        hem (float): How far the top reaches below the hips.
        legs (str): ``trousers``, ``shorts`` or ``skirt``.
        bag (str): ``none``, ``backpack``, ``shoulder``, ``handbag`` or
            ``suitcase``.
        side (int): Side of the bag: 1 left, -1 right.
        stride (float): Frames of two steps.
        swing (float): Greatest angle of the legs, radians.
    """

    height: float
    build: float
    skin: Colour
    hair: Colour
    shoes: Colour
    bag_colour: Colour
    long_hair: bool
    cap: bool
    top: Style
    bottom: Style
    sleeve: float
    hem: float
    legs: Legs
    bag: Bag
    side: int
    stride: float
    swing: float


def _colour(hue: float, saturation: float, value: float) -> Colour:
    """Return a BGR colour of hue in turns, saturation and value 0-1."""
    b, g, r = hsv_to_bgr(hue, saturation, value).tolist()
    return b, g, r


def _cloth(rng: np.random.Generator, patterns: tuple[str, ...]) -> Style:
    """Sample a cloth; one in three is black, grey or white."""
    hue = rng.random()
    grey = rng.random() < 0.33
    value = rng.choice([rng.uniform(0.1, 0.3), rng.uniform(0.5, 1)])
    base = (
        _colour(hue, rng.uniform(0, 0.1), value)
        if grey
        else _colour(hue, rng.uniform(0.35, 0.85), rng.uniform(0.25, 0.9))
    )
    bright = sum(base) > 330
    second = _colour(
        hue + rng.choice([0.0, 0.3, 0.5]),
        rng.uniform(0, 0.8),
        rng.uniform(0.05, 0.35) if bright else rng.uniform(0.8, 1),
    )
    return Style(
        base,
        second,
        second,
        str(rng.choice(patterns)),
        rng.uniform(0.09, 0.2),
        bool(rng.random() < 0.3),
        0.0,
        int(rng.integers(2**31)),
    )


def random_appearance(rng: np.random.Generator) -> Appearance:
    """Sample the appearance of a person.

    Args:
        rng (np.random.Generator): Source of randomness.

    Returns:
        Appearance: Body, clothes, bag and gait.
    """
    legs = rng.choice(['trousers', 'shorts', 'skirt'], p=[0.66, 0.2, 0.14])
    coat = rng.random() < 0.3
    hue, saturation, value = _HAIRS[rng.integers(len(_HAIRS))]
    cap = rng.random() < 0.15
    hair = (
        _colour(rng.random(), 0.8, 0.7)
        if cap
        else _colour(hue, saturation, value)
    )
    return Appearance(
        height=rng.uniform(0.92, 1.06),
        build=rng.uniform(0.85, 1.25),
        skin=_colour(*_SKINS[rng.integers(len(_SKINS))]),
        hair=hair,
        shoes=_colour(rng.random(), 0.4, rng.choice([0.1, 0.3, 0.9])),
        bag_colour=_colour(rng.random(), rng.uniform(0.2, 0.9), 0.65),
        long_hair=bool(rng.random() < 0.35) and not cap,
        cap=bool(cap),
        top=_cloth(
            rng,
            (
                *('plain',) * 5,
                *('stripes', 'pinstripes', 'checks', 'dots', 'camouflage'),
            ),
        ),
        bottom=_cloth(rng, (*('plain',) * 4, 'denim', 'checks')),
        sleeve=float(rng.choice([0.45, 1.0, 1.0])) if not coat else 1.0,
        hem=rng.uniform(0.14, 0.3) if coat else rng.uniform(0.0, 0.06),
        legs=cast('Legs', str(legs)),
        bag=cast('Bag', str(rng.choice(_BAGS, p=_BAG_SHARES))),
        side=int(rng.choice([-1, 1])),
        stride=rng.uniform(22, 30),
        swing=rng.uniform(0.34, 0.48),
    )
