# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sessions of exported graphs: memory, features; see also test_try_on."""

import numpy as np
import pytest

from mmfashion_ext.lite.dressing import GraphSession, _join, _split
from mmfashion_ext.lite.graphs import GraphFolder


def test_memory_of_a_garment(dressing):
    """As many bytes as its maps have, so that blocks of garments fit."""
    graphs = GraphFolder(dressing, 'tryon', 1)
    session = GraphSession(graphs, None, 1)
    maps = graphs.run(
        'cloth',
        cloth=np.zeros((1, 3, 64, 96), np.float32),
        cloth_mask=np.ones((1, 1, 64, 96), np.float32),
    )
    total = sum(value.nbytes for value in maps)
    assert session.cloth_bytes((64, 96)) == pytest.approx(total, abs=2)
    assert session.keeps_photograph


def test_maps_of_rows():
    """One garment serves all rows of a batch."""
    maps = [np.arange(6.0).reshape(3, 1, 1, 2), np.ones((3, 2, 1, 1))]
    rows = _split(maps)
    assert len(rows) == 3
    for found, expected in zip(_join(rows, 3), maps, strict=True):
        assert np.array_equal(found, expected)
    (found, _) = _join(rows[1:2], 2)
    assert found[:, 0, 0].tolist() == [[2, 3], [2, 3]]
