# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from shapely.geometry import Point, Polygon

from mmfashion_ext.synthetic.drawing.figure import Pose
from mmfashion_ext.synthetic.garments.factory import random_cut
from mmfashion_ext.synthetic.garments.outwear import make_outwear

CATEGORIES = (3, 4)


def outwear(category, view):
    cut = random_cut(category, np.random.default_rng(category))
    return cut, make_outwear(category, cut, Pose(), view)


@pytest.mark.parametrize('category', CATEGORIES)
def test_front_is_open(category):
    cut, garment = outwear(category, 'front')
    panels = [part for part in garment.parts if part.kind == 'body']
    assert len(panels) == 2
    left, right = (Polygon(panel.outline).buffer(0) for panel in panels)
    assert left.distance(right) > cut.gap
    middle = Point(0.0, 0.5 * (cut.neck_depth + cut.hem))
    assert not left.contains(middle)
    assert not Polygon(garment.outline).contains(middle)


@pytest.mark.parametrize('category', CATEGORIES)
def test_back_is_one_part_without_the_front_edges(category):
    _, front = outwear(category, 'front')
    _, back = outwear(category, 'back')
    np.testing.assert_array_equal(front.landmarks, back.landmarks)
    (panel,) = (part for part in back.parts if part.kind == 'body')
    assert Polygon(panel.outline).contains(Point(0.0, 1.5))
    last = len(back.landmarks)
    shown = frozenset().union(*(part.landmarks for part in back.parts))
    assert {1, 2, 6} <= shown
    assert not {3, 4, 5, last, last - 1} & shown


@pytest.mark.parametrize('category', CATEGORIES)
def test_lining_is_seen_when_laid_flat(category):
    _, front = outwear(category, 'front')
    _, flat = outwear(category, 'flat')
    assert len(flat.parts) == len(front.parts) + 1
    assert flat.parts[0].kind == 'inside'
    assert flat.parts[0].landmarks == frozenset()
    assert Polygon(flat.parts[0].outline).contains(Point(0.0, 2.0))
