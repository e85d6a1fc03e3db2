# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.synthetic.viton.mesh import rasterise


def barycentric(vertices, values, size):
    """Plain twin of ``rasterise``: the last triangle in front wins."""
    found = np.full((*size, values.shape[2]), np.nan)
    rows, columns = vertices.shape[:2]
    for r in range(rows - 1):
        for c in range(columns - 1):
            square = [(r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1)]
            for corners in (square[:3], [square[1], square[3], square[2]]):
                a, b, d = (vertices[i] for i in corners)
                frame = np.stack([b - a, d - a], axis=1)
                if np.linalg.det(frame) <= 0:
                    continue
                for y in range(size[0]):
                    for x in range(size[1]):
                        s, t = np.linalg.solve(frame, np.array([x, y]) - a)
                        if s >= 0 and t >= 0 and s + t <= 1:
                            p, q, w = (values[i] for i in corners)
                            found[y, x] = p + s * (q - p) + t * (w - p)
    return found


@pytest.mark.parametrize('folded', [False, True])
def test_rasterise_is_barycentric(folded):
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.linspace(1.3, 17.2, 4), np.linspace(2.1, 20.4, 5))
    vertices = np.stack([x, y], axis=-1) + rng.uniform(-1, 1, (5, 4, 2))
    if folded:
        vertices[3:, :, 1] -= 9
    values = 2 * np.stack([x, y], axis=-1) + rng.uniform(0, 1, (5, 4, 2))
    size = 22, 19
    plain = barycentric(vertices, values, size)
    found = rasterise(vertices, values, size)
    assert found.dtype == np.float32
    inside = np.isfinite(plain).all(2)
    assert inside.sum() > 100
    assert np.isfinite(found[inside]).all()
    # pixels at the edge between triangles may belong to either
    off = np.abs(found - plain)[inside].max(1)
    assert np.median(off) < 1e-5
    assert (off < 1).mean() > (0.9 if folded else 0.99)
    extra = np.isfinite(found).all(2) & ~inside
    near = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3))) > 0
    assert near[extra].all()
