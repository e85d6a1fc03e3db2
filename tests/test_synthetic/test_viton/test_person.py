# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from dataclasses import replace

import numpy as np
import pytest

from mmfashion_ext.formats.viton.constants import UPPER_CLOTHES
from mmfashion_ext.synthetic.drawing.canvas import Light
from mmfashion_ext.synthetic.drawing.person import Person
from mmfashion_ext.synthetic.drawing.textures import random_style
from mmfashion_ext.synthetic.drawing.warp import Warp
from mmfashion_ext.synthetic.garments.factory import random_cut
from mmfashion_ext.synthetic.viton import person as drawing
from mmfashion_ext.synthetic.viton.garment import draw_flat_cloth, random_top
from mmfashion_ext.synthetic.viton.person_canvas import PersonCanvas
from mmfashion_ext.synthetic.viton.pose import random_model_pose
from mmfashion_ext.synthetic.viton.worn_top import Drape, WornTop

SIZE = 160, 120
LIGHT = Light(0.1, 0.0, np.zeros((0, 4)))
PERSON = Person((90.0, 120, 200), (20.0, 20, 30), (9.0, 9, 9), 0.0, False, 0.0)


def blank():
    matrix = np.array([[16.0, 0, 60], [0, 16, 35]])
    image = np.full((*SIZE, 3), 255, np.uint8)
    return PersonCanvas(image, Warp(matrix, np.zeros((0, 5))))


def dressed(category, tucked=False, person=PERSON, position=None):
    rng = np.random.default_rng(1)
    top = random_top(rng)
    while top.category != category:
        top = random_top(rng)
    pose = random_model_pose(rng)
    if position:
        arms = tuple(replace(arm, position=position) for arm in pose.arms)
        pose = replace(pose, arms=arms)
    bottom = drawing.Bottom(8, random_cut(8, rng), random_style(rng, 8))
    drape = Drape(0.5, 0.0, (0.0, 2.0, 0.0), tucked)
    canvas = blank()
    worn = WornTop(top, drape, pose)
    flat = draw_flat_cloth(top, SIZE)
    drawing.draw_person(canvas, person, bottom, worn, flat, LIGHT)
    return canvas


def test_labels_and_parts():
    canvas = dressed(1)
    labels = set(np.unique(canvas.layers).tolist())
    assert {1, 4, 8, 12} <= labels <= {0, 1, 4, 5, 6, 8, 9, 10, 11, 12, 13}
    parts = set(np.unique(canvas.densepose).tolist())
    assert {0, 2, 23, 24} <= parts
    assert max(parts) <= 24
    hair = np.nonzero(canvas.layers == drawing.HAIR)[0].mean()
    top = np.nonzero(canvas.layers == UPPER_CLOTHES)[0].mean()
    bottom = np.nonzero(canvas.layers == drawing.BOTTOM)[0].mean()
    assert hair < top < bottom


def test_tucked_tops_show_less():
    shown = [
        (dressed(1, tucked).layers == UPPER_CLOTHES).sum()
        for tucked in (False, True)
    ]
    assert shown[1] < shown[0]


def test_arms_behind_the_back_are_hidden_by_the_top():
    arms = [
        np.isin(dressed(5, position=position).layers, (11, 13)).sum()
        for position in ('front', 'behind')
    ]
    assert arms[1] < arms[0]


def test_long_hair_falls_on_the_chest():
    reach = []
    for length in (0.0, 1.5):
        canvas = dressed(1, person=replace(PERSON, long_hair=length))
        reach.append(np.nonzero(canvas.layers == drawing.HAIR)[0].max())
    assert reach[1] > reach[0] + 10


@pytest.mark.parametrize('side', [-1, 1])
def test_arm_and_its_parts_agree(side):
    pose = random_model_pose(np.random.default_rng(3))
    canvas = blank()
    drawing.draw_arm(canvas, PERSON, pose, side, 0.0)
    drawing.mark_arm(canvas, pose, side)
    arm = canvas.layers == drawing.ARM[side]
    hand, parts = drawing.PART_HAND[side], drawing.PART_ARM[side]
    expected = {hand, *parts[0], *parts[1]}
    assert set(np.unique(canvas.densepose[arm]).tolist()) - {0} == expected
    assert (canvas.densepose[arm] > 0).mean() > 0.9
