# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmfashion_ext.synthetic.tryon_photos.garment_mesh import mesh_over
from mmfashion_ext.synthetic.tryon_photos.pairing import unfolded_start
from mmfashion_ext.synthetic.tryon_photos.placing import place_garment
from mmfashion_ext.synthetic.tryon_photos.registration import (
    nearest_allowed,
    outline_normals,
    register,
    signed_parts,
)
from mmfashion_ext.synthetic.tryon_photos.worn_region import find_worn_regions

from .conftest import bend

MATRICES = arrays(np.float64, (5, 2, 2), elements=st.floats(-3, 3))


@settings(max_examples=50, deadline=None)
@given(MATRICES)
def test_parts_give_singular_values_and_determinant(matrices):
    z, w = signed_parts(matrices)
    values = np.linalg.svd(matrices, compute_uv=False)
    assert np.allclose(np.abs(z) + np.abs(w), values[:, 0], atol=1e-6)
    assert np.allclose(
        np.abs(z) ** 2 - np.abs(w) ** 2, np.linalg.det(matrices), atol=1e-6
    )


@settings(max_examples=50, deadline=None)
@given(MATRICES, st.floats(1, 3))
def test_the_nearest_allowed_is_allowed(matrices, ratio):
    found = nearest_allowed(matrices, ratio)
    values = np.linalg.svd(found, compute_uv=False)
    assert (np.linalg.det(found) > 0).all()
    assert (values[:, 0] / values[:, 1] <= ratio + 1e-6).all()
    again = nearest_allowed(found, ratio)
    assert np.allclose(again, found)


def test_a_rotation_is_allowed():
    cos, sin = np.cos(1.0), np.sin(1.0)
    rotation = np.array([[[cos, -sin], [sin, cos]]])
    assert np.allclose(nearest_allowed(rotation, 1.0), rotation)


def test_normals_point_outwards():
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1) * 9
    for points in (circle, circle[::-1]):
        assert np.allclose(outline_normals(points), points / 9, atol=0.05)


@pytest.fixture
def case(garment, labels):
    region = find_worn_regions(labels)['upper']
    mesh = mesh_over(garment.outline)
    placing = place_garment(garment, region, 'seen')
    return mesh, region, placing


def test_recovers_a_known_deformation(garment, case):
    """Points of the garment come within some px of where they truly are."""
    mesh, region, placing = case
    start = unfolded_start(garment, mesh, placing)
    found = register(
        garment, mesh, start, region, region.in_front, placing.linear
    )
    assert (np.linalg.det(mesh.jacobians(found.vertices)) > 0).all()
    y, x = np.nonzero(garment.mask())
    points = np.stack([x, y], 1)[::50].astype(float)
    true = bend(points)
    carry = mesh.carry(points)
    error = np.linalg.norm(carry @ found.vertices - true, axis=1)
    before = np.linalg.norm(carry @ start - true, axis=1)
    assert error.mean() < 3.0  # px, of a garment 90 px wide
    assert np.percentile(error, 95) < 5.5
    assert error.mean() < 0.8 * before.mean()


def test_the_barrier_keeps_a_mesh_unfolded(garment, case):
    """Even a start far away, which the data would fold, does not fold."""
    mesh, region, _ = case
    start = mesh.rest * [0.9, 0.15] + [40, 150]
    found = register(
        garment,
        mesh,
        start,
        region,
        region.in_front,
        np.diag([0.9, 0.15]),
        rounds=8,
    )
    assert (np.linalg.det(mesh.jacobians(found.vertices)) > 0).all()
    assert len(found.steps) == 8
    assert np.abs(found.vertices - start).max() > 5


def test_a_region_hidden_all_around_has_no_border(garment, case):
    mesh, region, placing = case
    free = ~region.mask
    start = unfolded_start(garment, mesh, placing)
    found = register(
        garment, mesh, start, region, free, placing.linear, rounds=3
    )
    assert np.isfinite(found.vertices).all()
