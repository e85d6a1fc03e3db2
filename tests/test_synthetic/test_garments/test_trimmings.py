# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from dataclasses import replace

import numpy as np
import pytest
from shapely.geometry import Point, Polygon

from mmfashion_ext.synthetic.drawing.figure import Pose
from mmfashion_ext.synthetic.drawing.pattern import Cut
from mmfashion_ext.synthetic.garments.factory import make_garment, random_cut
from mmfashion_ext.synthetic.garments.trimmings import PRINTS

PLAIN = Cut(hem=2.8)


def kinds(category, *extras, view='front', **changes):
    cut = replace(PLAIN, extras=frozenset(extras), **changes)
    garment = make_garment(category, cut, Pose(), view)
    return [detail.kind for detail in garment.details]


def test_extras_add_details():
    plain = kinds(1)
    assert set(plain) == {'seam'}
    assert kinds(1, 'buttons').count('button') >= 2
    assert kinds(1, 'collar').count('panel') == 2
    assert kinds(1, 'cuffs').count('band') == 2
    assert kinds(1, 'trim').count('band') == 1
    assert len(kinds(1, 'pocket')) == len(plain) + 1
    assert 'band' not in kinds(1, 'belt')  # dresses only
    assert 'band' in kinds(10, 'belt', hem=5.0)


@pytest.mark.parametrize('name', PRINTS)
def test_prints(name):
    count = kinds(1, name).count('print')
    assert count == (8 if name == 'letters' else 1)
    assert 'print' not in kinds(1, name, 'buttons')
    assert 'print' not in kinds(1, name, view='back')


def test_open_fronts():
    plain = kinds(4, gap=0.3, hem=4.0)
    assert 'panel' not in plain
    assert kinds(4, 'collar', gap=0.3, hem=4.0).count('panel') == 2
    assert kinds(4, 'buttons', gap=0.3, hem=4.0).count('button') == 4
    assert len(kinds(4, gap=0.3, hem=2.8)) == len(plain) - 2  # no pockets


@pytest.mark.parametrize('category', [1, 2, 4, 5, 8, 10, 12])
def test_buttons_lie_on_the_garment(category):
    rng = np.random.default_rng(category)
    for _ in range(5):
        cut = random_cut(category, rng)
        cut = replace(cut, extras=cut.extras | {'buttons'})
        garment = make_garment(category, cut)
        outline = Polygon(garment.outline).buffer(0.05)
        for detail in garment.details:
            if detail.kind == 'button':
                assert outline.contains(Point(detail.points[0]))
