# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Build garments of the 13 categories, and sample their measurements."""

from dataclasses import replace

import numpy as np

from ..drawing.figure import Pose
from ..drawing.pattern import (
    SHORTS,
    SKIRT,
    TROUSERS,
    Cut,
    Garment,
    UpperType,
    View,
)
from .bottoms import make_skirt, make_trousers
from .outwear import make_outwear
from .trimmings import PRINTS
from .uppers import UPPER_TYPES, make_upper


def make_garment(
    category: int,
    cut: Cut,
    pose: Pose | None = None,
    view: View = 'front',
) -> Garment:
    """Build a garment of any category.

    Args:
        category (int): DeepFashion2 category, 1..13.
        cut (Cut): Measurements and details.
        pose (Pose, optional): Pose of the wearer. Defaults to a symmetric one.
        view (str): ``front`` and ``back`` as worn, ``flat`` laid out.
            Landmarks that cannot be seen in a view belong to no part.
            Defaults to ``front``.

    Returns:
        Garment: With landmarks (n, 2) in body units.
    """
    pose = pose or Pose()
    if category in (SHORTS, TROUSERS):
        return make_trousers(category, cut, pose, view)
    if category == SKIRT:
        return make_skirt(cut, pose, view)
    if UPPER_TYPES[category].open:
        return make_outwear(category, cut, pose, view)
    return make_upper(category, cut, pose, view)


#: Detail -> the share (0-1) of cuts that have it.
EXTRAS = {
    'buttons': 0.3,
    'collar': 0.3,
    'placket': 0.4,
    'pocket': 0.25,
    'cuffs': 0.35,
    'trim': 0.4,
    'belt': 0.4,
    'pleats': 0.4,
} | dict.fromkeys(PRINTS, 0.07)


def random_cut(category: int, rng: np.random.Generator) -> Cut:
    """Sample the measurements and details of a garment.

    Args:
        category (int): DeepFashion2 category, 1..13.
        rng (np.random.Generator): Source of randomness.

    Returns:
        Cut: Lengths in body units, within limits that keep the 13 categories
        distinct.
    """
    neck = str(rng.choice(['round', 'round', 'v', 'square']))
    cut = Cut(
        neck=neck,
        neck_width=rng.uniform(0.36, 0.55),
        neck_depth=rng.uniform(0.3, 0.75) + 0.3 * (neck == 'v'),
        fit=rng.uniform(0.95, 1.2),
        waist=rng.uniform(0.86, 1.0),
        extras=frozenset(
            name for name, chance in EXTRAS.items() if rng.random() < chance
        ),
    )
    if category in UPPER_TYPES:
        return _upper_cut(UPPER_TYPES[category], cut, rng)
    if category == SKIRT:
        hem = rng.uniform(3.9, 6.4)
        flare = rng.uniform(0, 0.3) * (hem - 2.5)
        return replace(cut, hem=hem, hem_width=rng.uniform(0.85, 1) + flare)
    cut = replace(cut, fit=rng.uniform(0.95, 1.12))
    if category == SHORTS:
        hem, width = rng.uniform(4.3, 5.1), rng.uniform(0.4, 0.55)
    else:
        hem, width = rng.uniform(6.6, 7.15), rng.uniform(0.22, 0.5)
    return replace(cut, hem=hem, hem_width=width)


def _upper_cut(upper: UpperType, cut: Cut, rng: np.random.Generator) -> Cut:
    """Sample sleeves and length of a top, outwear or dress."""
    long = upper.sleeve == 'long'
    wide = rng.uniform(0.3, 0.4)
    cut = replace(
        cut,
        sleeve=rng.uniform(2.55, 2.85) if long else rng.uniform(0.85, 1.25),
        sleeve_width=wide,
        cuff=wide
        * (rng.uniform(0.5, 0.95) if long else rng.uniform(0.9, 1.15)),
    )
    if upper.open:
        fit = rng.uniform(1.08, 1.25)
        hem = rng.uniform(2.7, 4.9 if long else 3.6)
        return replace(
            cut,
            sleeve_width=cut.sleeve_width + 0.08,
            cuff=cut.cuff + 0.08,
            neck_width=rng.uniform(0.45, 0.55),
            neck_depth=rng.uniform(0.7, 1.2),
            fit=fit,
            gap=rng.uniform(0.2, 0.48),
            hem=hem,
            hem_width=fit + 0.08 * (hem - 2.7),
        )
    if upper.dress:
        hem = rng.uniform(4.4, 6.8)
        flare = rng.uniform(0, 0.3) * (hem - 3.4)
        return replace(
            cut,
            fit=rng.uniform(0.95, 1.08),
            hem=hem,
            hem_width=rng.uniform(0.85, 1.0) + flare,
        )
    hem = rng.uniform(2.5, 3.3)
    return replace(cut, hem=hem, hem_width=0.9 * max(cut.fit, 1.0))


def tuck(category: int, cut: Cut) -> Cut:
    """Shorten a top that is worn inside a waistband.

    Args:
        category (int): DeepFashion2 category of a top, outwear or dress.
        cut (Cut): Its measurements.

    Returns:
        Cut: With its hem at y = 2.65 body units at most; outwear and dresses
        are returned as they are.
    """
    if UPPER_TYPES[category].open or UPPER_TYPES[category].dress:
        return cut
    return replace(cut, hem=min(cut.hem, 2.65), hem_width=0.66)
