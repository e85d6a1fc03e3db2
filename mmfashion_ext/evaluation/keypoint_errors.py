# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark errors: PCK, AUC, EPE, NE, PDL.

Every measure is computed per landmark, for ``L`` labelled ones of any items,
and then averaged over all of them or over a group. For N items with K
landmarks each::

    items, types = np.nonzero(labelled)  # (N, K) bool
    errors = landmark_errors(
        predicted[labelled], truth[labelled], boxes[items], sizes[items]
    )
    mean_errors(errors, {'visible': states[labelled] == 2})

- ``PCK@t``: fraction of landmarks whose error is less than ``t`` times the
  longer side of the item's box.
- ``AUC``: mean of the fractions with an error of less than 0, 1.5, 3 ...
  28.5 px, as in mmpose; so its maximum is 0.95.
- ``EPE``: distance in px of the original image.
- ``NE``: distance after x is divided by the image's width and y by its
  height (Liu et al., Fashion Landmark Detection in the Wild, ECCV 2016), or
  by those of the box.
- ``PDL@t``: percentage of detected landmarks of the same paper: fraction with
  an NE below ``t``, here in 0-1.

mmpose's PCK and AUC are means over types of landmarks (1 of K) of the means
over items, so that a rare type weighs as much as a common one:
``average='type'``. Its EPE is the mean over all landmarks, as every measure
is here by default.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ..errors import UserError

#: Thresholds of PCK, in longer sides of the box.
PCK_THRS = (0.05, 0.1, 0.2)
#: Thresholds of PDL, in the unit of NE.
PDL_THRS = (0.05, 0.1)
#: Range of AUC in px, and its number of thresholds.
AUC_RANGE, AUC_STEPS = 30, 20


def error_names(
    pck_thrs: Sequence[float] = PCK_THRS, pdl_thrs: Sequence[float] = PDL_THRS
) -> tuple[str, ...]:
    """Return the names of the measures, in their order.

    Args:
        pck_thrs (Sequence[float]): See ``PCK_THRS``.
        pdl_thrs (Sequence[float]): See ``PDL_THRS``.
    """
    return (
        *(f'PCK@{thr:g}' for thr in pck_thrs),
        'AUC',
        'EPE',
        'NE',
        *(f'PDL@{thr:g}' for thr in pdl_thrs),
    )


def landmark_errors(
    predicted: np.ndarray,
    truth: np.ndarray,
    boxes: np.ndarray,
    sizes: np.ndarray,
    *,
    pck_thrs: Sequence[float] = PCK_THRS,
    pdl_thrs: Sequence[float] = PDL_THRS,
    normalize: Literal['image', 'box'] = 'image',
) -> dict[str, np.ndarray]:
    """Compute every measure of every landmark.

    Args:
        predicted (np.ndarray): (L, 2) x, y in px of the original image.
        truth (np.ndarray): (L, 2) in the same px.
        boxes (np.ndarray): (L, 4) xyxy px, ground-truth box of the item of
            each landmark.
        sizes (np.ndarray): (L, 2) (w, h) px of its image.
        pck_thrs (Sequence[float]): See ``PCK_THRS``.
        pdl_thrs (Sequence[float]): See ``PDL_THRS``.
        normalize (str): Size that NE divides by: ``'image'`` or ``'box'``.

    Returns:
        dict[str, np.ndarray]: Name of a measure -> (L,) float64, see the
        module; the values of fractions are 0 or 1.

    Raises:
        UserError: A number is not finite, a box or an image has no area, or
            ``normalize`` is unknown.
    """
    if normalize not in ('image', 'box'):
        raise UserError(
            f"normalize must be 'image' or 'box', got {normalize!r}"
        )
    offset = np.asarray(predicted, dtype=float) - truth
    sides = np.asarray(boxes, dtype=float)[:, 2:] - boxes[:, :2]
    units = np.asarray(sizes if normalize == 'image' else sides, dtype=float)
    for what, wrong in (
        ('landmarks that are not finite', ~np.isfinite(offset)),
        ('boxes or images without area', ~((sides > 0) & (units > 0))),
    ):
        if wrong.any():
            rows = np.flatnonzero(wrong.any(axis=1))
            raise UserError(
                f'{len(rows)} of {len(wrong)} rows have {what}, the first is '
                f'row {rows[0]}'
            )
    distance = np.linalg.norm(offset, axis=1)
    relative = distance / sides.max(axis=1)
    normalized = np.linalg.norm(offset / units, axis=1)
    steps = np.arange(AUC_STEPS) / AUC_STEPS
    columns = [
        *(relative < thr for thr in pck_thrs),
        (distance[:, None] / AUC_RANGE < steps).mean(axis=1),
        distance,
        normalized,
        *(normalized < thr for thr in pdl_thrs),
    ]
    names = error_names(pck_thrs, pdl_thrs)
    return {
        name: column.astype(float)
        for name, column in zip(names, columns, strict=True)
    }


def mean_errors(
    errors: dict[str, np.ndarray],
    groups: dict[str, np.ndarray] | None = None,
    *,
    average: Literal['landmark', 'type'] = 'landmark',
    types: np.ndarray | None = None,
) -> dict[str, float]:
    """Compute means over all landmarks and over groups of them.

    Args:
        errors (dict[str, np.ndarray]): Output of :func:`landmark_errors`, of
            landmarks (L, 2).
        groups (dict[str, np.ndarray], optional): Name of a group -> (L,) bool
            mask of its landmarks.
        average (str): ``'landmark'``, or ``'type'``: the mean over types of
            the mean of each type, see the module.
        types (np.ndarray, optional): (L,) int, 0..K-1, for ``'type'``.

    Returns:
        dict[str, float]: ``'NE'``, ``'NE/<group>'`` and so on, EPE in px,
        the others 0-1; -1.0 for groups without landmarks.

    Raises:
        UserError: An unknown ``average``, or ``'type'`` without ``types``.
    """
    if average not in ('landmark', 'type'):
        raise UserError(
            f"average must be 'landmark' or 'type', got {average!r}"
        )
    if average == 'type' and types is None:
        raise UserError("average='type' needs types, the type of each row")
    everything: dict[str, np.ndarray | slice] = {'': slice(None)}
    metrics = {}
    for group, mask in (everything | (groups or {})).items():
        for name, column in errors.items():
            values = column[mask]
            if average == 'type' and types is not None and len(values):
                values = _type_means(values, types[mask])
            mean = float(values.mean()) if len(values) else -1.0
            metrics[f'{name}/{group}' if group else name] = mean
    return metrics


def _type_means(values: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Compute the mean of the values of each type that occurs."""
    counts = np.bincount(types)
    occurs = counts > 0
    return np.bincount(types, values)[occurs] / counts[occurs]
