# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.synthetic.tryon_photos.garment_mesh import (
    VERTICES,
    draw_triangles,
    mesh_over,
    rasterise_inverse,
    rasterise_map,
)

from .conftest import bend, tee_outline


@pytest.fixture(scope='module')
def mesh():
    return mesh_over(tee_outline())


def test_mesh_covers_the_garment(mesh, garment):
    assert 0.7 * VERTICES < len(mesh.rest) < 2 * VERTICES
    drawn = draw_triangles(mesh.rest, mesh.triangles, (256, 192)) > 0
    assert (garment.mask() & ~drawn).sum() < 0.005 * garment.mask().sum()
    assert (np.linalg.det(mesh.jacobians(mesh.rest)) > 0.99).all()


def test_mesh_is_symmetric(mesh):
    mirrored = mesh.rest * [-1, 1] + [191, 0]
    gap = np.abs(mirrored[:, None] - mesh.rest).sum(2).min(1)
    assert (gap < 1e-6).mean() > 0.95  # drawing rounds at the border


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=6, max_size=6))
def test_an_affine_map_is_carried_exactly(numbers):
    mesh = mesh_over(tee_outline(), 60)
    matrix, shift = np.reshape(numbers[:4], (2, 2)), np.array(numbers[4:])
    moved = mesh.rest @ matrix.T + shift
    assert np.allclose(mesh.jacobians(moved), matrix)
    points = tee_outline()[::9].astype(float)
    carried = mesh.carry(points) @ moved
    assert np.allclose(carried, points @ matrix.T + shift)


def test_map_and_inverse_belong_together(mesh, garment):
    """The flow equals the inverse of the forward map, within its cells."""
    vertices = bend(mesh.rest)
    flow = rasterise_map(mesh, vertices, (480, 320))
    inside = np.isfinite(flow[..., 0])
    y, x = np.nonzero(inside)
    # a vertex's pixel lies where the vertex lies on the flat garment
    again = mesh.carry(flow[y, x][::7]) @ vertices
    error = np.linalg.norm(again - np.stack([x, y], 1)[::7], axis=1)
    assert np.median(error) < 0.02
    positions = rasterise_inverse(mesh, vertices)
    mask = garment.mask()
    assert np.isfinite(positions[mask]).mean() > 0.995
    v, u = np.nonzero(mask & np.isfinite(positions[..., 0]))
    known = bend(np.stack([u, v], 1))
    error = np.linalg.norm(positions[v, u] - known, axis=1)
    assert error.max() < 0.6  # linear within a triangle


def test_collapsed_triangles_do_not_divide_by_zero(mesh):
    flow = rasterise_map(mesh, np.full_like(mesh.rest, 20.0), (40, 40))
    assert np.isfinite(flow).any()
