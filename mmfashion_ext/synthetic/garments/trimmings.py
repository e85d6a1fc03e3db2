# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Details of garments: seams, cuffs, collars, buttons, pockets and prints."""

import numpy as np

from ..drawing.figure import mirror
from ..drawing.pattern import (
    Cut,
    Detail,
    DetailKind,
    Garment,
    UpperType,
    spline,
)

PRINTS = ('disc', 'star', 'letters', 'box')


def add_hem_details(
    garment: Garment,
    cut: Cut,
    cuffs: list[np.ndarray],
    hem: np.ndarray | None,
) -> None:
    """Add the seams of the cuffs and the hem.

    Args:
        garment (Garment): Changed in place.
        cut (Cut): ``extras`` decides between seam and band.
        cuffs (list[np.ndarray]): (2, 2) line across each sleeve, body units;
            (0, 2) without a sleeve.
        hem (np.ndarray, optional): (n, 2) line of the hem, body units.
    """
    kind: DetailKind = 'band' if 'cuffs' in cut.extras else 'seam'
    for cuff in cuffs:
        if len(cuff):
            garment.details.append(Detail(cuff, kind, 0.05))
    if hem is not None:
        garment.details.append(Detail(hem - (0, 0.12)))


def add_front_details(
    garment: Garment, cut: Cut, front: np.ndarray, upper: UpperType
) -> None:
    """Add neck line, collar, buttons, pocket, belt and print of a front.

    Args:
        garment (Garment): Changed in place.
        cut (Cut): ``extras`` decides which details.
        front (np.ndarray): (n, 2) neck line from the viewer's right to left,
            body units.
        upper (UpperType): Type of the garment.
    """
    details, middle = garment.details, garment.landmarks[3]
    kind: DetailKind = 'band' if 'trim' in cut.extras else 'seam'
    details.append(Detail(np.add(front, (0, 0.03)), kind, 0.06))
    if 'belt' in cut.extras and upper.dress:
        x = cut.fit
        belt = spline([(-x, 2.12), (0, 2.18), (x, 2.12)])
        details.append(Detail(belt, 'band', 0.14))
    if 'buttons' in cut.extras:
        details += _buttons(cut, middle)
    elif 'pocket' in cut.extras and upper.sleeve != 'strap':
        pocket = np.array(
            [(0.22, 1.05), (0.6, 1.05), (0.6, 1.4), (0.41, 1.5), (0.22, 1.4)]
        )
        details.append(Detail(np.concatenate([pocket, pocket[:1]])))
    else:
        details += _print(cut)
    if (
        'collar' in cut.extras
        and cut.neck != 'square'
        and upper.sleeve != 'strap'
    ):
        wing = front[0] + [(0.06, -0.04), (0, 0), (0, 0), (0.12, 0.16)]
        wing[1:3] = np.add(middle, [(0, 0), (0.24, 0.2)])
        details += [Detail(wing, 'panel'), Detail(mirror(wing), 'panel')]


def _buttons(cut: Cut, middle: np.ndarray) -> list[Detail]:
    """Return a placket with buttons from the neck line down."""
    bottom = cut.hem - (0.1 if cut.hem < 4 else 0.2)
    if 'placket' in cut.extras:
        bottom = middle[1] + 0.8
    rows = np.linspace(
        middle[1] + 0.15, bottom - 0.1, max(2, int((bottom - middle[1]) / 0.4))
    )
    buttons = [Detail(np.array([(0.0, y)]), 'button', 0.05) for y in rows]
    return [Detail(np.array([middle, (0, bottom)])), *buttons]


def _print(cut: Cut) -> list[Detail]:
    """Return the print on the chest, none if the cut has no print."""
    at = np.array([0.0, 1.35])
    turns = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    circle = np.stack([np.sin(turns), -np.cos(turns)], axis=1)
    if 'disc' in cut.extras:
        shapes = [circle * 0.36]
    elif 'star' in cut.extras:
        shapes = [circle[::2] * np.array([[0.45], [0.18]] * 5)]
    elif 'letters' in cut.extras:
        bar = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
        shapes = [
            bar * size + (x, y)
            for x in (-0.36, -0.12, 0.12, 0.36)
            for size, y in (((0.06, 0.3), 0.0), ((0.16, 0.07), 0.12 - x / 3))
        ]
    elif 'box' in cut.extras:
        shapes = [circle[::5] * (0.5, 0.35)]
    else:
        shapes = []
    return [Detail(shape + at, 'print') for shape in shapes]


def add_opening_details(
    garment: Garment, cut: Cut, edges: list[np.ndarray]
) -> None:
    """Add lapels, zip, buttons and pockets of an open front.

    Args:
        garment (Garment): Changed in place.
        cut (Cut): ``extras`` decides which details.
        edges (list[np.ndarray]): Left and right front edge, (6, 2) each, from
            the hem to the neck, body units.
    """
    details = garment.details
    kind: DetailKind = 'band' if 'trim' in cut.extras else 'seam'
    for edge, sign in zip(edges, (-1, 1), strict=True):
        bottom, top, inner = edge[0], edge[3], edge[5]
        outward = np.array([sign, 0])
        if 'collar' in cut.extras:
            lapel = np.stack(
                [
                    inner - outward * 0.02,
                    inner + outward * 0.2 + (0, 0.12),
                    top + outward * 0.42 + (0, -0.2),
                    top + outward * 0.02 + (0, 0.18),
                    edge[4],
                ]
            )
            details.append(Detail(lapel, 'panel'))
        details.append(Detail(edge[:4] + outward * 0.04, kind, 0.05))
        if cut.hem > 2.9:
            pocket = np.array([(0.72, 2.45), (0.42, 2.55)])
            details.append(
                Detail(np.add(pocket, (cut.gap * 0.3, 0)) * (sign, 1))
            )
        if 'buttons' in cut.extras and sign > 0:
            for y in np.linspace(top[1] + 0.3, bottom[1] - 0.3, 4):
                x = np.interp(y, edge[3::-1, 1], edge[3::-1, 0]) + 0.12
                details.append(Detail(np.array([(x, y)]), 'button', 0.06))
