# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tests of a registered garment: fit, folds, overlap and stretch."""

from dataclasses import dataclass

import numpy as np

from .flat_garment import FlatGarment, Kind
from .garment_mesh import GarmentMesh, draw_triangles, rasterise_map
from .registration import signed_parts
from .sampling import sample_mask
from .worn_region import WornRegion


@dataclass(frozen=True)
class Limits:
    """Limits of :class:`Quality`, one of which decides why a pair fails."""

    iou: float = 0.88
    uncovered: float = 0.06
    overlap: float = 0.03
    anisotropy: float = 3.5
    median_anisotropy: float = 1.8
    smallest: float = 0.45
    largest: float = 2.0
    seen: float = 0.30


#: Skirts, trousers and dresses are plain or patterned along their length, and
#: lengths differ more than widths.
LONG_LIMITS = Limits(median_anisotropy=2.1)
LIMITS: dict[Kind, Limits] = {
    'upper': Limits(),
    'trousers': LONG_LIMITS,
    'shorts': Limits(),
    'skirt': LONG_LIMITS,
    'dress': LONG_LIMITS,
}
#: A garment that is only an input of an inverse pair may fit worse.
INPUT_LIMITS = Limits(0.75, 0.16, 0.06, 4.5, 2.2, 0.35, 2.6, 0.30)


@dataclass(frozen=True)
class Quality:
    """Measures of a registered garment.

    Attributes:
        iou (float): Of its seen part and the region, 0-1.
        uncovered (float): Share of the region without garment, 0-1.
        folded (int): Inverted triangles.
        overlap (float): Share of the garment that covers itself, 0-1.
        anisotropy (float): 95th percentile of the ratio of both singular
            values, by area of the garment.
        median_anisotropy (float): Its median.
        smallest (float): 2nd percentile of the local scale by its median.
        largest (float): 98th percentile of that.
        seen (float): Share of the garment that is seen, 0-1.
    """

    iou: float
    uncovered: float
    folded: int
    overlap: float
    anisotropy: float
    median_anisotropy: float
    smallest: float
    largest: float
    seen: float

    def problem(self, limits: Limits) -> str:
        """Return which limit is exceeded first; an empty text if none is."""
        tests = (
            ('fold', self.folded > 0),
            ('uncovered', self.uncovered > limits.uncovered),
            ('IoU', self.iou < limits.iou),
            ('overlap', self.overlap > limits.overlap),
            (
                'stretch',
                self.anisotropy > limits.anisotropy
                or self.median_anisotropy > limits.median_anisotropy
                or self.smallest < limits.smallest
                or self.largest > limits.largest,
            ),
            ('hidden', self.seen < limits.seen),
        )
        return next((name for name, failed in tests if failed), '')


def measure_fit(
    garment: FlatGarment,
    mesh: GarmentMesh,
    vertices: np.ndarray,
    region: WornRegion,
    free: np.ndarray,
) -> Quality:
    """Measure how a registered garment fits its region.

    Args:
        garment (FlatGarment): The garment.
        mesh (GarmentMesh): Its mesh.
        vertices (np.ndarray): (V, 2) px, photo frame.
        region (WornRegion): The region.
        free (np.ndarray): (h, w) bool, where the garment may lie hidden.

    Returns:
        Quality: The measures.
    """
    shape = region.mask.shape
    flow = rasterise_map(mesh, vertices, shape)
    flat_mask = garment.mask()
    lies = sample_mask(flat_mask, flow) > 0.5
    visible = lies & ~(free & ~region.mask)
    worn = region.mask
    both = (visible & worn).sum()
    jacobians = mesh.jacobians(vertices)
    z, w = signed_parts(jacobians)
    first, second = np.abs(z) + np.abs(w), np.abs(z) - np.abs(w)
    number = draw_triangles(mesh.rest, mesh.triangles, flat_mask.shape)
    share = np.bincount(number[flat_mask], minlength=len(mesh.triangles) + 1)[
        1:
    ].astype(float)
    ratio = first / np.maximum(second, 1e-3)
    scale = np.sqrt(np.maximum(first * second, 0))
    middle = max(_quantile(scale, share, 0.5), 1e-6)
    area = float((share * np.abs(first * second)).sum())
    return Quality(
        iou=float(both / max((visible | worn).sum(), 1)),
        uncovered=float((worn & ~lies).sum() / max(worn.sum(), 1)),
        folded=int((second <= 0).sum()),
        overlap=max(0.0, 1 - float(lies.sum()) / max(area, 1.0)),
        anisotropy=_quantile(ratio, share, 0.95),
        median_anisotropy=_quantile(ratio, share, 0.5),
        smallest=_quantile(scale, share, 0.02) / middle,
        largest=_quantile(scale, share, 0.98) / middle,
        seen=float(both / max(lies.sum(), 1)),
    )


def _quantile(values: np.ndarray, weights: np.ndarray, q: float) -> float:
    """Return a weighted quantile of values (T,)."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    index = np.searchsorted(total, q * total[-1])
    return float(values[order[min(index, len(values) - 1)]])
