# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from dataclasses import replace

import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos.garment_mesh import mesh_over
from mmfashion_ext.synthetic.tryon_photos.quality import (
    INPUT_LIMITS,
    Limits,
    measure_fit,
)
from mmfashion_ext.synthetic.tryon_photos.worn_region import find_worn_regions

from .conftest import bend, tee_outline


@pytest.fixture
def measured(garment, labels):
    region = find_worn_regions(labels)['upper']
    mesh = mesh_over(tee_outline())

    def measure(vertices):
        return measure_fit(garment, mesh, vertices, region, region.in_front)

    return mesh, measure


def test_the_true_map_passes(measured):
    mesh, measure = measured
    quality = measure(bend(mesh.rest))
    assert quality.problem(Limits()) == ''
    assert quality.iou > 0.97
    assert quality.uncovered < 0.03
    assert quality.overlap < 0.01
    assert 1 <= quality.median_anisotropy < 1.3
    assert quality.seen > 0.9


@pytest.mark.parametrize(
    ('change', 'problem'),
    [
        (lambda v: v + np.array([40, 0]), 'uncovered'),
        (lambda v: (v - [160, 190]) * 1.4 + [160, 190], 'IoU'),
        (lambda v: v * [-1, 1] + [320, 0], 'fold'),
    ],
)
def test_bad_maps_are_named(measured, change, problem):
    mesh, measure = measured
    assert measure(change(bend(mesh.rest))).problem(Limits()) == problem


def test_stretch_is_measured(measured):
    mesh, measure = measured
    stretched = measure(mesh.rest * [1.0, 0.25])
    assert stretched.median_anisotropy == pytest.approx(4.0, rel=1e-3)
    assert stretched.anisotropy == pytest.approx(4.0, rel=1e-3)
    assert stretched.smallest == pytest.approx(1.0, rel=1e-3)


def test_every_limit_decides(measured):
    mesh, measure = measured
    good = measure(bend(mesh.rest))
    for name, value, problem in (
        ('folded', 1, 'fold'),
        ('uncovered', 0.07, 'uncovered'),
        ('iou', 0.87, 'IoU'),
        ('overlap', 0.04, 'overlap'),
        ('anisotropy', 3.6, 'stretch'),
        ('median_anisotropy', 2.3, 'stretch'),
        ('smallest', 0.4, 'stretch'),
        ('largest', 2.1, 'stretch'),
        ('seen', 0.2, 'hidden'),
    ):
        assert replace(good, **{name: value}).problem(Limits()) == problem
    assert replace(good, iou=0.87).problem(INPUT_LIMITS) == ''


def test_a_covered_garment_overlaps(measured):
    mesh, measure = measured
    folded = bend(mesh.rest)
    folded[:, 0] = 160 - np.abs(folded[:, 0] - 160)
    assert measure(folded).overlap > 0.2
