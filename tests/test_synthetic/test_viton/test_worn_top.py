# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from dataclasses import replace

import numpy as np
import pytest

from mmfashion_ext.synthetic.drawing.figure import UPPER_ARM
from mmfashion_ext.synthetic.viton.garment import random_top
from mmfashion_ext.synthetic.viton.pose import random_model_pose
from mmfashion_ext.synthetic.viton.worn_top import (
    Drape,
    WornTop,
    random_drape,
)

LOOSE = Drape(1.0, 0.0, (0.0, 2.0, 0.0), False)


def worn_top(category=1, drape=LOOSE, seed=0):
    rng = np.random.default_rng(seed)
    top = random_top(rng)
    while top.category != category:
        top = random_top(rng)
    return WornTop(top, drape, random_model_pose(rng))


def test_random_drapes():
    rng = np.random.default_rng(0)
    drapes = [random_drape(rng) for _ in range(100)]
    assert 0.15 < np.mean([drape.tucked for drape in drapes]) < 0.45
    for drape in drapes:
        assert 0.3 <= drape.ease <= 0.9
        assert abs(drape.stretch) <= 0.05


def test_looser_tops_are_wider():
    points = np.array([(-0.9, 2.0), (0.9, 2.0)])
    widths = []
    for ease in (0.0, 0.5, 1.0):
        worn = worn_top(drape=replace(LOOSE, ease=ease))
        left, right = worn.place_on_torso(points)
        widths.append(right[0] - left[0])
    assert widths == sorted(widths)
    assert widths[2] > widths[0]


def test_tucked_tops_end_at_the_waist():
    point = np.array([(0.0, 3.0)])
    loose, tucked = (
        worn_top(drape=replace(LOOSE, tucked=tucked)).place_on_torso(point)
        for tucked in (False, True)
    )
    assert tucked[0, 1] < loose[0, 1] - 0.4


@pytest.mark.parametrize('category', [1, 2, 5, 6])
def test_body_mesh(category):
    worn = worn_top(category)
    ((flat, moved),) = worn.body_meshes()
    assert flat.shape == moved.shape == (20, 17, 2)
    np.testing.assert_allclose(moved, worn.place_on_torso(flat))
    assert flat[..., 0].max() >= worn.half.side[:, 0].max()
    assert flat[-1, 0, 1] > worn.half.side[-1, 1]


@pytest.mark.parametrize('side', [-1, 1])
@pytest.mark.parametrize('category', [1, 2])
def test_sleeves_agree_with_the_body_along_the_armhole(category, side):
    worn = worn_top(category)
    meshes = worn.sleeve_meshes(side)
    long = worn.top.cut.sleeve > UPPER_ARM + 0.2
    assert len(meshes) == (2 if long else 1)
    flat, moved = meshes[0]
    assert flat.shape == moved.shape
    assert (flat[-1, :, 0] * side > 0).all()
    # the first rows lie inside the armhole
    np.testing.assert_allclose(moved[0], worn.place_on_torso(flat[0]))
    assert np.abs(moved[-1] - worn.place_on_torso(flat[-1])).max() > 0.01
